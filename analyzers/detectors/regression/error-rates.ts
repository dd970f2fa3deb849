import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount, hash32, text, time } from '../../baselines/state.ts'

const SLOT_US = 15 * MINUTE_US
/** Slots that wait before they teach: an outage must not be learnt while it is not yet told. One until there is a baseline. */
const PENDING = 4
const YOUNG_PENDING = 1
const MATURE = 1000
/** Of an endpoint of which so many answers are known: what a slot has beyond so many times the usual, and some more, is a burst. Hundreds of tokens that end at once are no rate. */
const LEAST_TO_LIMIT = 500
const MOST_TIMES = 4
const MOST_MORE = 5
const HALF_LIFE_US = 2 * 24 * 60 * MINUTE_US
/** What is believed of an endpoint nobody knows: one answer in 500 fails, worth 50 answers. */
const PRIOR_RATE = 0.002
const PRIOR_WEIGHT = 50
const MINUTES = 60
const MAX_ENDPOINTS = 256
/** Of one caller in one minute: whoever makes a service fail by what he sends is no outage. */
const MOST_PER_CALLER = 3
const MAX_CALLERS = 64

/** Answers, failures. */
const Slot = z.tuple([time, z.array(z.tuple([text, amount, amount])).max(MAX_ENDPOINTS + 1)])
/** Index, answers, expected, failures, all of them, callers, failures of each. */
const MinuteState = z.tuple([
  amount,
  amount,
  amount,
  amount,
  amount,
  z.array(hash32).max(MAX_CALLERS),
  z.array(amount).max(MAX_CALLERS),
])
/** Endpoints with answers and failures, and those of this slot; when they last faded; begin of the slot; what waits; minutes. */
export const ErrorRatesState = z.tuple([
  z.array(z.tuple([text, amount, amount, amount, amount])).max(MAX_ENDPOINTS + 1),
  time,
  time,
  z.array(Slot).max(PENDING),
  z.array(MinuteState).max(MINUTES),
])
export type ErrorRatesState = z.infer<typeof ErrorRatesState>

/** By endpoint: answers, failures. */
const RatesState = z.array(z.tuple([text, amount, amount])).max(MAX_ENDPOINTS + 1)

/** What other analyzers learnt of the endpoints of one service. */
export class RatesElsewhere {
  readonly #endpoints = new Map<string, { answers: number; failures: number }>()
  answers = 0

  add(state: unknown): void {
    for (const [name, answers, failures] of RatesState.parse(state)) {
      const sum = this.#endpoints.get(name) ?? { answers: 0, failures: 0 }
      if (sum.answers === 0 && this.#endpoints.size < 2 * MAX_ENDPOINTS) this.#endpoints.set(name, sum)
      sum.answers += answers
      sum.failures += failures
      this.answers += answers
    }
  }

  of(endpoint: string): Readonly<{ answers: number; failures: number }> {
    return this.#endpoints.get(endpoint) ?? NONE_ELSEWHERE
  }
}

const NONE_ELSEWHERE = { answers: 0, failures: 0 }

class Counts {
  answers = 0
  failures = 0
  others = NONE_ELSEWHERE
  /** Of the slot that is being filled. */
  newAnswers = 0
  newFailures = 0

  get rate(): number {
    const { answers, failures } = this.others
    return (this.failures + failures + PRIOR_RATE * PRIOR_WEIGHT) / (this.answers + answers + PRIOR_WEIGHT)
  }
}

/** One minute of a service. `expected`: failures that its endpoints would have had, as they usually are. */
interface Minute {
  index: number
  answers: number
  expected: number
  failures: number
  allFailures: number
  callers: number[]
  perCaller: number[]
}

/** What a window of whole or partly filled minutes holds. */
export interface ErrorWindow {
  readonly answers: number
  readonly expected: number
  readonly failures: number
  /** The same without a limit for a caller. */
  readonly allFailures: number
  /** Different callers that met one, at most 64 a minute are told apart. */
  readonly callers: number
  /** Minutes that it spans. */
  readonly minutes: number
  /** Failures in each third of it: what is over is none. */
  readonly thirds: readonly [number, number, number]
}

/**
 * How often answers of one service come out one way (`failure`: 5xx, or a refusal), by endpoint, so that more traffic to an
 * endpoint where they always did changes nothing. Learns from slots of 15 minutes, an hour later and not while it was told that
 * something is wrong.
 *
 * Memory     256 endpoints, about 100 B each while they wait; an hour of minutes with 64 callers each
 */
export class ErrorRates {
  #endpoints = new Map<string, Counts>()
  #fadedAt: EventTime = 0
  #slotAt: EventTime = 0
  #pending: { at: EventTime; counts: (readonly [string, number, number])[] }[] = []
  readonly #minutes: Minute[] = []
  #learnt = 0
  #others: RatesElsewhere | null = null

  /** Answers that were learnt, here and by other analyzers. */
  get answers(): number {
    return this.#learnt + (this.#others?.answers ?? 0)
  }

  /** What other analyzers learnt of the service, in the place of what they knew before. */
  hear(others: RatesElsewhere | null): void {
    this.#others = others
    for (const [name, counts] of this.#endpoints) counts.others = others?.of(name) ?? NONE_ELSEWHERE
  }

  /** What was learnt here, for others. */
  told(): z.infer<typeof RatesState> {
    const told: z.infer<typeof RatesState> = []
    for (const [name, { answers, failures }] of this.#endpoints) if (answers > 0) told.push([name, answers, failures])
    return told
  }

  /** An answer; whether it counts as a failure of the service. */
  add(endpoint: string, failed: boolean, caller: number, now: EventTime): boolean {
    const counts = this.#countsOf(endpoint)
    const minute = this.#minuteOf(now)
    minute.answers++
    minute.expected += counts.rate
    counts.newAnswers++
    if (!failed) return false
    counts.newFailures++
    minute.allFailures++
    const at = minute.callers.indexOf(caller)
    if (at >= 0) {
      if (minute.perCaller[at]! >= MOST_PER_CALLER) return false
      minute.perCaller[at]!++
    } else if (minute.callers.length < MAX_CALLERS) {
      minute.callers = withOneMore(minute.callers, caller)
      minute.perCaller.push(1)
    }
    minute.failures++
    return true
  }

  /** When the slot that is being filled ends; in the past while there is none. */
  get dueAt(): EventTime {
    return this.#slotAt + SLOT_US
  }

  /** Moves slots on. `failing`: nothing of the last hour is learnt. */
  tick(now: EventTime, failing: boolean): void {
    if (this.#slotAt === 0) this.#slotAt = now
    if (failing) {
      this.#pending = []
      this.#drain(() => {})
    }
    if (now - this.#slotAt < SLOT_US) return
    const counts: (readonly [string, number, number])[] = []
    this.#drain((name, answers, failures) => counts.push([name, answers, failures]))
    if (counts.length > 0) this.#pending.push({ at: now, counts })
    this.#slotAt = now
    const waits = this.answers >= MATURE ? PENDING : YOUNG_PENDING
    while (this.#pending.length > waits || (this.#pending[0]?.at ?? now) < now - waits * SLOT_US) {
      this.#learn(this.#pending.shift()!.counts, now)
    }
  }

  /** The last `minutes` minutes, the one that is being filled among them, as far as they began at or after `from`. */
  window(minutes: number, now: EventTime, from: EventTime): ErrorWindow {
    const last = Math.floor(now / MINUTE_US)
    const first = Math.max(last - minutes + 1, Math.ceil(from / MINUTE_US))
    const span = last - first + 1
    const thirds: [number, number, number] = [0, 0, 0]
    const window = { answers: 0, expected: 0, failures: 0, allFailures: 0, callers: 0, minutes: span, thirds }
    const callers = new Set<number>()
    for (const minute of this.#minutes) {
      if (minute.index < first || minute.index > last) continue
      window.answers += minute.answers
      window.expected += minute.expected
      window.failures += minute.failures
      window.allFailures += minute.allFailures
      thirds[Math.min(2, Math.floor((3 * (minute.index - first)) / span))]! += minute.failures
      for (const caller of minute.callers) callers.add(caller)
    }
    window.callers = callers.size
    return window
  }

  toState(): ErrorRatesState {
    return [
      [...this.#endpoints].map(([name, { answers, failures, newAnswers, newFailures }]) => [
        name,
        answers,
        failures,
        newAnswers,
        newFailures,
      ]),
      this.#fadedAt,
      this.#slotAt,
      this.#pending.map(({ at, counts }) => [at, counts.map(([name, answers, failures]) => [name, answers, failures])]),
      this.#minutes.map(({ index, answers, expected, failures, allFailures, callers, perCaller }) => [
        index,
        answers,
        expected,
        failures,
        allFailures,
        callers,
        perCaller,
      ]),
    ]
  }

  static fromState([endpoints, fadedAt, slotAt, pending, minutes]: ErrorRatesState): ErrorRates {
    const rates = new ErrorRates()
    for (const [name, answers, failures, newAnswers, newFailures] of endpoints) {
      rates.#endpoints.set(name, Object.assign(new Counts(), { answers, failures, newAnswers, newFailures }))
      rates.#learnt += answers
    }
    rates.#fadedAt = fadedAt
    rates.#slotAt = slotAt
    rates.#pending = pending.map(([at, counts]) => ({ at, counts }))
    for (const [index, answers, expected, failures, allFailures, callers, perCaller] of minutes) {
      rates.#minutes.push({ index, answers, expected, failures, allFailures, callers, perCaller })
    }
    return rates
  }

  #drain(take: (name: string, answers: number, failures: number) => void): void {
    for (const [name, counts] of this.#endpoints) {
      if (counts.newAnswers > 0) take(name, counts.newAnswers, counts.newFailures)
      counts.newAnswers = 0
      counts.newFailures = 0
    }
  }

  #learn(slot: readonly (readonly [string, number, number])[], now: EventTime): void {
    const factor = this.#fadedAt === 0 ? 1 : 2 ** ((this.#fadedAt - now) / HALF_LIFE_US)
    this.#fadedAt = now
    this.#learnt = 0
    for (const counts of this.#endpoints.values()) {
      counts.answers *= factor
      counts.failures *= factor
    }
    for (const [name, answers, failures] of slot) {
      const counts = this.#countsOf(name)
      const most =
        counts.answers < LEAST_TO_LIMIT ? Number.POSITIVE_INFINITY : MOST_TIMES * counts.rate * answers + MOST_MORE
      counts.answers += answers
      counts.failures += Math.min(failures, most)
    }
    for (const counts of this.#endpoints.values()) this.#learnt += counts.answers
    // What was to be expected of those minutes was a guess.
    if (this.answers < MATURE) this.#minutes.length = 0
  }

  #countsOf(endpoint: string): Counts {
    let counts = this.#endpoints.get(endpoint)
    if (counts !== undefined) return counts
    if (this.#endpoints.size >= MAX_ENDPOINTS && endpoint !== OTHERS) return this.#countsOf(OTHERS)
    counts = new Counts()
    if (this.#others !== null) counts.others = this.#others.of(endpoint)
    this.#endpoints.set(endpoint, counts)
    return counts
  }

  #minuteOf(now: EventTime): Minute {
    const index = Math.floor(now / MINUTE_US)
    const minutes = this.#minutes
    const last = minutes.at(-1)
    if (last !== undefined && last.index >= index) return last
    if (minutes.length >= MINUTES) minutes.shift()
    const minute: Minute = { index, answers: 0, expected: 0, failures: 0, allFailures: 0, callers: [], perCaller: [] }
    minutes.push(minute)
    return minute
  }
}

/** Endpoints beyond the limit share one rate. */
const OTHERS = ''
