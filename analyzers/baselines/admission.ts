import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import { KeyedEntry, KeyedTable, type Occupancy } from './keyed-table.ts'
import { type Held, Quarantine } from './quarantine.ts'
import { SetAside } from './set-aside.ts'
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

/** Of what suspects would have taught, so much is kept for the case that the suspicion was wrong. */
const MAX_ASIDE = 4096

/** Of what waits, so much is one part of a snapshot. */
const PART = 256

/** Caller, voter (null: the same), when, summary. */
const HeldState = z.tuple([text, text.nullable(), time, z.unknown()])

/** A part of what is kept of an admission: how it stands, what waits (mature or not), what suspects taught (since when), or who has voted. */
export const AdmissionState = z.union([
  z.tuple([z.literal('stand'), flag, amount, SuspectsState]),
  z.tuple([z.literal('held'), flag, z.array(HeldState).max(PART)]),
  z.tuple([z.literal('aside'), z.array(z.tuple([time, HeldState])).max(PART)]),
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
 * The gate between observing and learning. A caller's summary waits in quarantine; it is set aside if the caller comes under
 * suspicion before its time is up, and enters with the caller's vote otherwise: the n-th summary of one voter weighs
 * sqrt(n) - sqrt(n - 1), so n of them together weigh sqrt(n). What is set aside is dropped after a day, unless a person finds
 * that the suspicion was wrong.
 *
 * Memory     maxHeld summaries (the oldest is dropped, counted), 4,096 set aside, maxVoters counts, 4,096 suspects
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
  readonly #aside = new SetAside<Summary>(MAX_ASIDE)
  #frozen = false
  /** Kept from learning, what is set aside included. */
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
    queue.push(caller, voter, now, summary)
  }

  /** Lets in what has waited long enough. */
  release(now: EventTime): void {
    this.#aside.expire(now)
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

  /** Open: what this caller has in quarantine is set aside. Closed: later observations may teach again. */
  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#suspects.set(caller, open, now)
    if (!open) return
    for (const queue of [this.#young, this.#mature]) {
      for (const held of queue.takeCaller(caller)) this.#setAside(held, now)
    }
  }

  /** The suspicion was wrong: what was set aside teaches after all, at once. */
  pardon(caller: string, now: EventTime): void {
    this.#suspects.set(caller, false, now)
    if (this.#frozen) return
    for (const held of this.#aside.take(caller)) {
      this.dropped--
      this.#teach(held, now)
    }
  }

  /** Whether what this caller does now is no lesson. */
  isSuspect(caller: string, now: EventTime): boolean {
    return this.#frozen || this.#suspects.has(caller, now)
  }

  /** In parts. What waits is left out where nobody said how it is kept. */
  *snapshot(): IterableIterator<AdmissionState> {
    yield ['stand', this.#frozen, this.dropped, this.#suspects.toState()]
    if (this.#codec !== null) yield* this.#waiting(this.#codec)
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
        const queue = state[1] ? this.#mature : this.#young
        for (const kept of state[2]) {
          const { caller, voter, at, summary } = heldFrom(kept, this.#codec)
          queue.push(caller, voter, at, summary)
        }
        return
      }
      case 'aside': {
        if (this.#codec === null) return
        for (const [since, kept] of state[1]) this.#aside.add(heldFrom(kept, this.#codec), since)
        return
      }
      case 'votes':
        for (const entry of state[1]) this.#votes.restore(entry, { count: amount.parse(entry[4]) })
        return
    }
  }

  *#waiting(codec: SummaryCodec<Summary, State>): IterableIterator<AdmissionState> {
    for (const [isMature, queue] of [
      [false, this.#young],
      [true, this.#mature],
    ] as const) {
      for (const part of partsOf([...queue])) yield ['held', isMature, part.map((held) => heldState(held, codec))]
    }
    for (const part of partsOf([...this.#aside.entries()])) {
      yield ['aside', part.map(([since, held]) => [since, heldState(held, codec)])]
    }
  }

  #drain(queue: Quarantine<Summary>, now: EventTime, delay: number): void {
    for (let at = queue.oldestAt; at !== null && now - at >= delay; at = queue.oldestAt) {
      const held = queue.shift()!
      if (this.isSuspect(held.caller, now)) this.#setAside(held, now)
      else this.#teach(held, now)
    }
  }

  #setAside(held: Held<Summary>, now: EventTime): void {
    this.dropped++
    this.#aside.add(held, now)
  }

  #teach({ voter, summary, caller }: Held<Summary>, now: EventTime): void {
    const vote = this.#votes.use(voter)
    vote.count++
    this.#learn(summary, Math.sqrt(vote.count) - Math.sqrt(vote.count - 1), now, caller)
  }
}

function heldState<Summary, State>(
  { caller, voter, at, summary }: Held<Summary>,
  codec: SummaryCodec<Summary, State>,
): z.infer<typeof HeldState> {
  return [caller, voter === caller ? null : voter, at, codec.toState(summary)]
}

function heldFrom<Summary, State>(
  [caller, voter, at, kept]: z.infer<typeof HeldState>,
  { schema, fromState }: SummaryCodec<Summary, State>,
): Held<Summary> {
  return { caller, voter: voter ?? caller, at, summary: fromState(schema.parse(kept)) }
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
