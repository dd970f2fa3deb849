/** Key, answers, the first principals that were answered, whether anything was granted. */
export type ToldEndpoint = [key: string, answers: number, principals: readonly string[], granted: boolean]

interface Known {
  answers: number
  readonly principals: string[]
  granted: boolean
}

const MAX_TEXT = 65_536
const MAX_PRINCIPALS = 16
/** Several analyzers have hardly more endpoints than one. */
const MAX_ENDPOINTS = 65_536

/**
 * What other analyzers were answered at endpoints, established there or not: as much as counts when it is decided whether there is one.
 *
 * Memory     65,536 endpoints, 0.3 KiB each; more are left out
 */
export class OthersEndpoints {
  #known: ReadonlyMap<string, Known> = new Map()

  get size(): number {
    return this.#known.size
  }

  get limit(): number {
    return MAX_ENDPOINTS
  }

  get(key: string): Readonly<Known> | undefined {
    return this.#known.get(key)
  }

  /** Replaces all that was known. Throws at a line that is none, and then nothing has changed. */
  hear(lines: Iterable<unknown>): void {
    const sums = new Map<string, Known>()
    for (const line of lines) {
      if (!isTold(line)) throw new TypeError('nothing that is known of an endpoint')
      const [key, answers, principals, granted] = line
      const sum = sums.get(key) ?? { answers: 0, principals: [], granted: false }
      if (sum.answers === 0 && sums.size < MAX_ENDPOINTS) sums.set(key, sum)
      sum.answers += answers
      sum.granted ||= granted
      for (const principal of principals) {
        if (sum.principals.length < MAX_PRINCIPALS && !sum.principals.includes(principal)) {
          sum.principals.push(principal)
        }
      }
    }
    this.#known = sums
  }
}

/** By hand: the mapper belongs to every replay, which starts without a library of schemas. */
function isTold(line: unknown): line is ToldEndpoint {
  if (!Array.isArray(line) || line.length !== 4) return false
  const [key, answers, principals, granted] = line as unknown[]
  if (!isText(key) || typeof granted !== 'boolean') return false
  if (!Number.isSafeInteger(answers) || (answers as number) < 1) return false
  return Array.isArray(principals) && principals.length <= MAX_PRINCIPALS && principals.every(isText)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT
}
