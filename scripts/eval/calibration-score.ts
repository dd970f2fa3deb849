import type { Signal } from '../../daemon/model/signal.ts'
import type { Occupancies } from '../../daemon/telemetry/occupancy.ts'

/** A p-value is honest where at most twice its share of the keys reach it. */
const TIMES = 2
/** So seldom do honest ones fail here: two hundred comparisons are made. */
const BY_CHANCE = 1e-3
export const LEVELS = [1e-3, 1e-4, 1e-5, 1e-6] as const

/** What a detector judges, as the table it keeps them in: a key is told once or not at all. */
const KEYS: readonly (readonly [detectors: RegExp, tables: readonly string[]])[] = [
  [/^auth\.(?:bruteforce|otp)$/, ['accounts', 'sources']],
  [/^auth\.(?:spray|stuffing)$/, ['places']],
  [/^auth\.(?:missing|token_forged|token_hygiene)$/, ['endpoints']],
  [/^inventory\.shadow$/, ['candidates']],
  [/^(?:inventory|property)\./, ['endpoints']],
  [/^regression\./, ['services']],
]

/** What one detector told of benign traffic. */
export interface Calibration {
  readonly detector: string
  /** Keys that it judged: callers, accounts, endpoints, services. */
  readonly keys: number
  /** Of LEVELS, how many of them had a p-value so low; null where it does not tell of ones so high. */
  readonly reached: readonly (number | null)[]
  /** Whether that is no more than TIMES the share that may. */
  readonly honest: boolean
}

/** The lowest p-value of each key, as log10, in one or several worlds. */
export class CalibrationJudge {
  readonly #lowest = new Map<string, Map<string, number>>()
  readonly #keys = new Map<string, number>()

  signal(world: string, { detector, subject, log10P, severity }: Signal): void {
    // An observation opens nothing.
    if (severity === 'info') return
    let lowest = this.#lowest.get(detector)
    if (lowest === undefined) {
      lowest = new Map()
      this.#lowest.set(detector, lowest)
    }
    const key = `${world} ${subject.kind} ${subject.value}`
    lowest.set(key, Math.min(lowest.get(key) ?? 0, log10P))
  }

  /** At the end of a world: what each detector keeps, as `detector/table`, and how many callers there were. */
  world(detectors: readonly string[], tables: Occupancies, callers: number): void {
    for (const detector of detectors) {
      const names = KEYS.find(([of]) => of.test(detector))?.[1]
      const judged = names?.reduce((sum, name) => sum + countOf(tables, `${detector}/${name}`), 0) ?? callers
      this.#keys.set(detector, (this.#keys.get(detector) ?? 0) + judged)
    }
  }

  /** `reportOf`: the p-value from which a detector says anything, 1 where it always does. */
  result(reportOf: (detector: string) => number): readonly Calibration[] {
    return [...this.#keys].map(([detector, keys]) => {
      const lowest = [...(this.#lowest.get(detector)?.values() ?? [])]
      const reached = LEVELS.map((level) => {
        const count = lowest.filter((log10P) => log10P <= Math.log10(level)).length
        return level > reportOf(detector) ? null : count
      })
      const honest = reached.every((count, i) => count === null || isHonest(count, keys, LEVELS[i]!))
      return { detector, keys, reached, honest }
    })
  }
}

/** Whether so many of `keys` reaching `p` can be chance, were 2 p the share of those that do. */
export function isHonest(count: number, keys: number, p: number): boolean {
  return tailOf(count, TIMES * p * keys) >= BY_CHANCE
}

/** P(N >= count) of a Poisson number N with this mean. */
function tailOf(count: number, mean: number): number {
  let term = Math.exp(-mean)
  let below = 0
  for (let i = 0; i < count; i++) {
    below += term
    term *= mean / (i + 1)
  }
  return 1 - below
}

function countOf(tables: Occupancies, name: string): number {
  const table = tables[name]
  return table === undefined ? 0 : table.entries + table.evicted
}
