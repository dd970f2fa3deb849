import type { Transaction } from '../daemon/model/transaction.ts'
import { LACKS, type Lack } from '../daemon/tap/mapping.ts'
import { type Fact, noteFacts, type Starved, starvedDetectors } from './needs.ts'

/** Before so many a topic is judged by its format alone; a fact that shows later changes the judgement. */
const ENOUGH = 200
/** Topics that are known at once: the configuration names no more. */
const MAX_SOURCES = 1024

export interface StarvedSource {
  readonly source: string
  readonly detectors: readonly Starved[]
}

interface Source {
  readonly facts: Set<Fact>
  lacks: readonly Lack[]
  seen: number
  starved: readonly Starved[]
  off: ReadonlySet<string>
  /** By detector: what an incident has to say of its records. */
  limits: ReadonlyMap<string, string>
}

const NONE: ReadonlySet<string> = new Set()
const NOTHING: ReadonlyMap<string, string> = new Map()

/**
 * Which detectors are off for a topic, because its records do not say what they need: a log without bodies and
 * authorization shows no guessing, and silence would be taken for safety. Packets say all there is, so only topics are
 * judged, by what was there in some of their records. Bounded by the number of topics.
 */
export class SourceNeeds {
  readonly #ids: readonly string[]
  readonly #sources = new Map<string, Source>()

  constructor(ids: readonly string[]) {
    this.#ids = ids
  }

  /** Takes note of what a record says. Returns the detectors that must not look at it, or null. */
  look(transaction: Transaction): ReadonlySet<string> | null {
    if (transaction.source.kind !== 'kafka') return null
    const { name } = transaction.source
    const source = this.#of(name)
    source.seen++
    const before = source.facts.size
    // Once all is well nothing more is asked of its records.
    if (source.seen <= ENOUGH || source.starved.length > 0) noteFacts(transaction, source.facts)
    if (source.seen === ENOUGH || source.facts.size > before) this.#judge(name, source)
    return source.off.size === 0 ? null : source.off
  }

  /** What a finding of `detector` on this record rests without, as a clause; null when its source says all that is needed. */
  limitsOf({ source: { kind, name } }: Transaction, detector: string): string | null {
    const source = kind === 'kafka' ? this.#sources.get(name) : undefined
    return source?.limits.get(detector) ?? null
  }

  /** What such records never say, by their format's own word. */
  formatOf(name: string, lacks: readonly Lack[]): void {
    const source = this.#of(name)
    source.lacks = lacks
    this.#judge(name, source)
  }

  starved(): StarvedSource[] {
    return [...this.#sources]
      .filter(([, { starved }]) => starved.length > 0)
      .map(([source, { starved: detectors }]) => ({ source, detectors }))
  }

  #judge(name: string, source: Source): void {
    const { facts, lacks, seen } = source
    const assumed = seen < ENOUGH ? LACKS : (['unsampled'] as const)
    const known = new Set([...facts, ...assumed.filter((fact) => !lacks.includes(fact))])
    source.starved = starvedDetectors(this.#ids, known)
    source.off = new Set(source.starved.filter(({ state }) => state === 'starved').map(({ detector }) => detector))
    const count = source.off.size
    const others = count === 0 ? [] : [count === 1 ? '1 detector is off for it' : `${count} detectors are off for it`]
    source.limits = new Map(
      this.#ids.flatMap((id) => {
        const weaker = source.starved.find(({ detector, state }) => detector === id && state === 'weaker')
        const parts = weaker === undefined ? others : [weaker.why, ...others]
        return parts.length === 0 ? [] : [[id, `topic ${name} does not say everything: ${parts.join('; ')}`] as const]
      }),
    )
  }

  #of(name: string): Source {
    let source = this.#sources.get(name)
    if (source === undefined) {
      source = { facts: new Set(), lacks: [], seen: 0, starved: [], off: NONE, limits: NOTHING }
      if (this.#sources.size < MAX_SOURCES) this.#sources.set(name, source)
    }
    return source
  }
}
