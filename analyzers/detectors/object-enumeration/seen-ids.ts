import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'

/** Up to so many are kept themselves, as in DistinctCounter. */
const EXACT = 64
const WORD = 32
/** The first is put into a list of its own (small-list.ts). */
const NONE: number[] = []

/** Of the long window, and the answered ones of the short window. */
export const SeenState = z.tuple([DistinctState, DistinctState])
type SeenState = z.infer<typeof SeenState>

/** Both windows, once there are too many ids to keep. */
interface Counters {
  readonly long: DistinctCounter
  short: DistinctCounter
}

/**
 * Which ids were reached in the long window, and which of them were answered in the short one, as two DistinctCounters say it. A
 * habit is as large in its first window after midnight as in any, so the short window counts by itself. Whoever is answered in the short
 * window is seen in the long one, so one list serves both as long as ids are kept: a bit says which are the short window's.
 *
 * Memory     32-bit hashes of at most 64 ids, two bits of 32; then two DistinctCounters
 */
export class SeenIds {
  /** As signed numbers, which stand in a list without a box. */
  #ids: number[] = NONE
  #shortLow = 0
  #shortHigh = 0
  #counters: Counters | null = null
  /** Distinct answered ids of the short window. */
  shortAnswered = 0

  get exact(): boolean {
    return this.#counters === null
  }

  /** How much the number of distinct ids of the long window grew. */
  see(id: number, answered: boolean): number {
    const ids = this.#ids
    const signed = id | 0
    let at = 0
    while (at < ids.length && ids[at] !== signed) at++
    if (this.#counters !== null || at === EXACT) return this.#count(this.#counters ?? this.#spill(), id, answered)
    const isNew = at === ids.length
    if (isNew) this.#ids = withOneMore(ids, signed)
    if (answered && !this.#isShort(at)) {
      this.#markShort(at)
      this.shortAnswered++
    }
    return isNew ? 1 : 0
  }

  beginShort(): void {
    this.shortAnswered = 0
    this.#shortLow = 0
    this.#shortHigh = 0
    if (this.#counters !== null) this.#counters.short = new DistinctCounter()
  }

  beginLong(): void {
    this.beginShort()
    this.#ids = NONE
    this.#counters = null
  }

  toState(): SeenState {
    const counters = this.#counters
    if (counters !== null) return [counters.long.toState(), counters.short.toState()]
    const ids = this.#ids.map((id) => id >>> 0)
    return [ids, ids.filter((_, at) => this.#isShort(at))]
  }

  static fromState([long, short]: SeenState, shortAnswered: number): SeenIds {
    const seen = new SeenIds()
    seen.shortAnswered = shortAnswered
    if (typeof long[0] === 'string') {
      seen.#counters = { long: DistinctCounter.fromState(long), short: DistinctCounter.fromState(short) }
      return seen
    }
    seen.#ids = (long as number[]).map((id) => id | 0)
    if (typeof short[0] === 'string') return seen
    for (const id of short as number[]) {
      const at = seen.#ids.indexOf(id | 0)
      if (at >= 0) seen.#markShort(at)
    }
    return seen
  }

  #count({ long, short }: Counters, id: number, answered: boolean): number {
    if (answered) this.shortAnswered += short.learnOne(id)
    return long.learnOne(id)
  }

  #spill(): Counters {
    const [long, short] = this.toState()
    this.#counters = { long: DistinctCounter.fromState(long), short: DistinctCounter.fromState(short) }
    this.#ids = NONE
    return this.#counters
  }

  #isShort(at: number): boolean {
    return ((at < WORD ? this.#shortLow : this.#shortHigh) & (1 << (at % WORD))) !== 0
  }

  #markShort(at: number): void {
    if (at < WORD) this.#shortLow |= 1 << at
    else this.#shortHigh |= 1 << (at % WORD)
  }
}
