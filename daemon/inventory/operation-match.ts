/** An operation as a description tells it, as far as it takes to know it again in traffic. */
export interface Matchable {
  readonly method: string
  readonly path: string
  /** The path in segments; null stands for a parameter. */
  readonly segments: readonly (string | null)[]
}

/** The operation that a route is, by its method and path; null: none. */
export function matchOf<Operation extends Matchable>(
  operations: readonly Operation[],
  { method, path }: Pick<Matchable, 'method' | 'path'>,
): Operation | null {
  const segments = segmentsOf(path)
  let best: Operation | null = null
  let most = -1
  for (const operation of operations) {
    if (operation.method !== method || operation.segments.length !== segments.length) continue
    const literal = likeness(operation.segments, segments)
    if (literal < 0) continue
    // `/invoices/{id}.pdf` stands beside `/invoices/{id}`.
    const likest = 2 * literal + (endOf(operation.path) === endOf(path) ? 1 : 0)
    if (likest > most) {
      best = operation
      most = likest
    }
  }
  return best
}

/** Segments that are the same word; -1 when the paths differ. A parameter stands for whatever was seen, as slugs stay words here. */
export function likeness(described: readonly (string | null)[], seen: readonly (string | null)[]): number {
  let literal = 0
  for (const [at, segment] of described.entries()) {
    if (segment === null) continue
    if (segment !== seen[at]) return -1
    literal++
  }
  return literal
}

export function segmentsOf(path: string): (string | null)[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => (segment.includes('{') ? null : segment))
}

/** What follows the last parameter: `.pdf`. */
function endOf(path: string): string {
  return path.slice(path.lastIndexOf('}') + 1)
}
