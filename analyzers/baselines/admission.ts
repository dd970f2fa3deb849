import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { KeyedEntry, KeyedTable, type Occupancy } from './keyed-table.ts'
import { Held, Quarantine } from './quarantine.ts'
import { amount, flag, text, time } from './state.ts'
import { Suspects, SuspectsState } from './suspects.ts'

interface AdmissionOptions {
  /** How long an observation waits, in event time, before it may teach. */
  readonly quarantineUs: number
  /** The same once the model it teaches is mature. */
  readonly matureQuarantineUs: number
  readonly maxHeld: number
  readonly maxVoters: number
}

export const ADMISSION_DEFAULTS: AdmissionOptions = {
  quarantineUs: 15 * MINUTE_US,
  matureQuarantineUs: HOUR_US,
  maxHeld: 65_536,
  maxVoters: 65_536,
}

/** Loss is noticed when it has lasted: what was observed so long before counts as seen by a blind sensor, too. */
const DOUBTED_US = 2 * MINUTE_US

/** Of what waits, so much is one part of a snapshot. */
const PART = 256

/** Caller, voter (null: the same), when, summary. */
const HeldState = z.tuple([text, text.nullable(), time, z.unknown()])

/** A part of what is kept of an admission: how it stands, what waits (mature or not), or who has voted. */
export const AdmissionState = z.union([
  z.tuple([z.literal('stand'), flag, amount, SuspectsState]),
  z.tuple([z.literal('held'), flag, z.array(HeldState).max(PART)]),
  z.tuple([z.literal('votes'), z.array(KeyedEntry).max(PART)]),
])
export type AdmissionState = z.infer<typeof AdmissionState>

/** How what is offered is kept. */
export interface SummaryCodec<Summary, State> {
  readonly schema: z.ZodType<State>
  toState(summary: Summary): State
  fromState(state: State): Summary
}

/**
 * The gate between observing and learning. A caller's summary waits in quarantine; it is dropped if the caller comes under
 * suspicion before its time is up, and enters with the caller's vote otherwise: the n-th summary of one voter weighs
 * sqrt(n) - sqrt(n - 1), so n of them together weigh sqrt(n).
 *
 * Memory     maxHeld summaries (the oldest is dropped, counted), maxVoters counts, 4,096 suspects
 */
export class Admission<Summary, State = unknown> {
  readonly #options: AdmissionOptions
  readonly #learn: (summary: Summary, weight: number, now: EventTime, caller: string) => void
  /** Two queues, each in order of time, since the delay differs. */
  readonly #young: Quarantine<Summary>
  readonly #mature: Quarantine<Summary>
  readonly #votes: KeyedTable<{ count: number }>
  readonly #codec: SummaryCodec<Summary, State> | null
  readonly #suspects = new Suspects()
  #frozen = false
  dropped = 0

  constructor(
    options: AdmissionOptions,
    learn: (summary: Summary, weight: number, now: EventTime, caller: string) => void,
    codec: SummaryCodec<Summary, State> | null = null,
  ) {
    this.#codec = codec
    this.#options = options
    this.#learn = learn
    this.#young = new Quarantine(options.maxHeld >> 1)
    this.#mature = new Quarantine(options.maxHeld >> 1)
    this.#votes = new KeyedTable(options.maxVoters, () => ({ count: 0 }))
  }

  get occupancy(): Occupancy {
    return {
      entries: this.#young.length + this.#mature.length,
      limit: this.#options.maxHeld,
      evicted: this.#young.evicted + this.#mature.evicted,
    }
  }

  offer(caller: string, voter: string, summary: Summary, mature: boolean, now: EventTime): void {
    if (this.#frozen) {
      this.dropped++
      return
    }
    const queue = mature ? this.#mature : this.#young
    queue.push(new Held(caller, voter, now, summary))
  }

  /** Lets in what has waited long enough. */
  release(now: EventTime): void {
    if (this.#frozen) return
    this.#drain(this.#young, now, this.#options.quarantineUs)
    this.#drain(this.#mature, now, this.#options.matureQuarantineUs)
  }

  /** The sensor is blind: nothing is learnt, and what was offered lately is dropped. What waited longer goes in afterwards. */
  freeze(frozen: boolean, now: EventTime): void {
    this.#frozen = frozen
    if (!frozen) return
    const since = now - DOUBTED_US
    this.dropped += this.#young.dropSince(since) + this.#mature.dropSince(since)
  }

  /** Open: what this caller has in quarantine will be dropped. Closed: later observations may teach again. */
  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#suspects.set(caller, open, now)
    if (!open) return
    this.dropped += this.#young.dropCaller(caller) + this.#mature.dropCaller(caller)
  }

  /** Whether what this caller does now is no lesson. */
  isSuspect(caller: string, now: EventTime): boolean {
    return this.#frozen || this.#suspects.has(caller, now)
  }

  /** In parts. What waits is left out where nobody said how it is kept. */
  *snapshot(): IterableIterator<AdmissionState> {
    yield ['stand', this.#frozen, this.dropped, this.#suspects.toState()]
    for (const [isMature, queue] of [
      [false, this.#young],
      [true, this.#mature],
    ] as const) {
      const codec = this.#codec
      if (codec === null) continue
      for (const part of partsOf([...queue])) {
        yield [
          'held',
          isMature,
          part.map(({ caller, voter, at, summary }) => [
            caller,
            voter === caller ? null : voter,
            at,
            codec.toState(summary),
          ]),
        ]
      }
    }
    for (const part of partsOf(this.#votes.entries(({ count }) => count))) yield ['votes', part]
  }

  restore(state: AdmissionState): void {
    switch (state[0]) {
      case 'stand': {
        const [, frozen, dropped, suspects] = state
        this.#frozen = frozen
        this.dropped = dropped
        this.#suspects.restore(suspects)
        return
      }
      case 'held': {
        if (this.#codec === null) return
        const { schema, fromState } = this.#codec
        const queue = state[1] ? this.#mature : this.#young
        for (const [caller, voter, at, kept] of state[2]) {
          queue.push(new Held(caller, voter ?? caller, at, fromState(schema.parse(kept))))
        }
        return
      }
      case 'votes':
        for (const entry of state[1]) this.#votes.restore(entry, { count: amount.parse(entry[4]) })
        return
    }
  }

  #drain(queue: Quarantine<Summary>, now: EventTime, delay: number): void {
    for (let held = queue.oldest; held !== null && now - held.at >= delay; held = queue.oldest) {
      queue.shift()
      if (this.isSuspect(held.caller, now)) {
        this.dropped++
        continue
      }
      const vote = this.#votes.use(held.voter)
      vote.count++
      this.#learn(held.summary, Math.sqrt(vote.count) - Math.sqrt(vote.count - 1), now, held.caller)
    }
  }
}

function* partsOf<Element>(list: Iterable<Element>): IterableIterator<Element[]> {
  let part: Element[] = []
  for (const element of list) {
    part.push(element)
    if (part.length < PART) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
