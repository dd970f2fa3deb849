/** Of the transactions of a run: which template each was put into, against the operation it was. */
export class Templates {
  readonly #byOperation = new Map<string, Map<string, number>>()
  readonly #byEndpoint = new Map<string, Map<string, number>>()
  right = 0
  total = 0

  /** `endpoint` is null where none was known. */
  add(service: string, operation: string, endpoint: string | null): void {
    const real = `${service} ${operation}`
    const found = endpoint === null ? 'none yet' : `${service} ${endpoint}`
    count(this.#byOperation, real, found)
    if (endpoint !== null) count(this.#byEndpoint, found, real)
    this.total++
    if (plain(real) === plain(found)) this.right++
  }

  get share(): number {
    return this.total === 0 ? 1 : this.right / this.total
  }

  /** Endpoints that stand for several operations, by how much traffic is in the wrong place. */
  overMerges(): Merge[] {
    return merges(this.#byEndpoint)
  }

  /** Operations that fell into several endpoints. */
  underMerges(): Merge[] {
    return merges(this.#byOperation)
  }
}

export interface Merge {
  readonly name: string
  readonly parts: readonly (readonly [name: string, transactions: number])[]
  readonly wrong: number
}

function merges(table: ReadonlyMap<string, ReadonlyMap<string, number>>): Merge[] {
  const found: Merge[] = []
  for (const [name, counts] of table) {
    const parts = [...counts].sort((a, b) => b[1] - a[1])
    const wrong = parts.reduce(
      (total, [part, transactions]) => total + (plain(part) === plain(name) ? 0 : transactions),
      0,
    )
    if (wrong > 0) found.push({ name, parts, wrong })
  }
  return found.sort((a, b) => b.wrong - a.wrong)
}

function count(table: Map<string, Map<string, number>>, name: string, part: string): void {
  let counts = table.get(name)
  if (counts === undefined) {
    counts = new Map()
    table.set(name, counts)
  }
  counts.set(part, (counts.get(part) ?? 0) + 1)
}

/** What variable segments are called makes no difference. */
export function plain(template: string): string {
  return template.replace(/\{[^}]*\}/g, '{}')
}
