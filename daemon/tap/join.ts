import type { EventTime } from '../model/time.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { CompiledPair } from './compile.ts'
import type { Draft } from './draft.ts'

const MAX_WAITING = 20_000
/** Characters of bodies held by drafts that wait. */
const MAX_HELD = 64 * 1024 * 1024

interface Waiting {
  readonly draft: Draft
  readonly since: EventTime
  weight: number
}

type Done = (draft: Draft) => void

/**
 * Halves of a transaction, or pieces of one, until the rest comes or the time is up (of the records, not of the host). Bounded:
 * over MAX_WAITING, or MAX_HELD characters, the one that waited longest goes out as it is. Every such end is counted.
 */
export class Join {
  readonly #pair: CompiledPair
  readonly #counters: Counters
  readonly #maxBody: number
  /** In the order in which they began to wait. */
  readonly #waiting = new Map<string, Waiting>()
  #held = 0
  #now: EventTime = Number.NEGATIVE_INFINITY

  constructor(pair: CompiledPair, counters: Counters, maxBody: number) {
    this.#pair = pair
    this.#counters = counters
    this.#maxBody = maxBody
  }

  get size(): number {
    return this.#waiting.size
  }

  /** False: the record is neither half, and was not taken. */
  push(record: unknown, draft: Draft, done: Done): boolean {
    const time = draft.ts ?? draft.endTs
    if (time !== null) this.tick(time, done)
    const key = this.#pair.key(record)
    if (key === null) {
      done(draft)
      return true
    }
    if (this.#pair.side !== null) return this.#half(key, String(this.#pair.side(record)), draft, done)
    this.#piece(key, record, draft, done)
    return true
  }

  #half(key: string, side: string, draft: Draft, done: Done): boolean {
    const request = side === this.#pair.request
    if (!request && side !== this.#pair.response) return false
    const other = this.#take(`${request ? 's' : 'q'}${key}`)
    if (other !== undefined) {
      // The request's word goes first; the answer brings status, headers, body and the end.
      const [asked, answered] = request ? [draft, other] : [other, draft]
      asked.merge(answered, false, this.#maxBody)
      done(asked)
      return true
    }
    const own = `${request ? 'q' : 's'}${key}`
    const same = this.#take(own)
    if (same !== undefined) {
      this.#counters.add('tap.pair.repeated')
      done(same)
    }
    this.#wait(own, draft, done)
    return true
  }

  #piece(key: string, record: unknown, draft: Draft, done: Done): void {
    const before = this.#waiting.get(key)
    const begins = this.#pair.begins.some((path) => path(record) !== undefined)
    if (before !== undefined && begins) {
      this.#take(key)
      done(before.draft)
    } else if (before !== undefined) {
      before.draft.merge(draft, this.#pair.begins.length > 0, this.#maxBody)
      const weight = weigh(before.draft)
      this.#held += weight - before.weight
      before.weight = weight
      this.#shrink(done)
      return
    }
    this.#wait(key, draft, done)
  }

  /** Those whose time is up go out. */
  tick(now: EventTime, done: Done): void {
    // One record from the far future must not end every wait: time moves on by at most one wait per record.
    this.#now =
      this.#now === Number.NEGATIVE_INFINITY ? now : Math.max(this.#now, Math.min(now, this.#now + this.#pair.waitUs))
    for (const [key, { since }] of this.#waiting) {
      if (since + this.#pair.waitUs >= this.#now) break
      this.#counters.add('tap.pair.timeout')
      done(this.#take(key)!)
    }
  }

  flush(done: Done): void {
    for (const key of [...this.#waiting.keys()]) done(this.#take(key)!)
  }

  #wait(key: string, draft: Draft, done: Done): void {
    const weight = weigh(draft)
    this.#held += weight
    this.#waiting.set(key, { draft, since: this.#now, weight })
    this.#shrink(done)
  }

  #shrink(done: Done): void {
    while (this.#waiting.size > MAX_WAITING || (this.#held > MAX_HELD && this.#waiting.size > 0)) {
      this.#counters.add('tap.pair.evicted')
      done(this.#take(this.#waiting.keys().next().value!)!)
    }
  }

  #take(key: string): Draft | undefined {
    const found = this.#waiting.get(key)
    if (found === undefined) return undefined
    this.#waiting.delete(key)
    this.#held -= found.weight
    return found.draft
  }
}

function weigh(draft: Draft): number {
  let weight = 512 + (draft.requestBody?.length ?? 0) + (draft.responseBody?.length ?? 0)
  for (const [name, value] of draft.requestHeaders) weight += name.length + value.length
  for (const [name, value] of draft.responseHeaders) weight += name.length + value.length
  return weight
}
