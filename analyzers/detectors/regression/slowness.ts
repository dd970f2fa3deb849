import { median, medianAbsoluteDeviation } from 'simple-statistics'
import { z } from 'zod'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import { QuantileSketch, QuantileState } from '../../baselines/quantile-sketch.ts'
import { amount, hash32, text, time } from '../../baselines/state.ts'

const WINDOW_US = 5 * MINUTE_US
/** A window with fewer answers goes on, up to so long; then it is a thin one, or says nothing. */
const LEAST_ANSWERS = 60
const LONGEST_US = 30 * MINUTE_US
const LEAST_THIN = 20
/** Where so few callers are seen in half an hour that a median says nothing, each of them has a vote. */
export const LEAST_CALLERS = 5
const LEAST_FEW = 8
/** Times as long as usual that an answer takes which makes a caller's vote, and answers of a caller that make one. */
const MUCH_SLOWER = 2
const LEAST_VOTE = 2
/** Votes of the windows before: one of a day ago counts for half. */
const VOTE_FADES = 0.985
/** Of a thin window so much counts: without a release one of them is not enough. */
const THIN_MINUTES = 12
const MAX_ENDPOINTS = 128
/** Durations of an endpoint in one window that are learnt: their median is one observation. */
const BATCH = 15
const LEAST_BATCH = 3
/** Medians that an endpoint's usual is the median of. */
const KEPT = 48
/** Windows that a median waits before it teaches. */
const QUARANTINE = 12
const YOUNG_QUARANTINE = 3
const LEAST_USUAL = 6
/** Windows of a service that are remembered: a day. */
const HISTORY = 288
const MOST_PER_CALLER = 5
const MAX_CALLERS = 512
/** Answers of a window that are looked at, about: of more only one in so many. */
const ENOUGH = 2000

/** Name, medians, those that wait, durations of this window, the usual. */
const EndpointState = z.tuple([
  text,
  z.array(amount).max(KEPT),
  z.array(z.tuple([time, amount])).max(QUARANTINE + 1),
  z.array(amount).max(BATCH),
])
/** Begin, factors, answers, offered ones, stride, callers with their answers (see Slowness.#callers). */
const WindowState = z.tuple([
  time,
  QuantileState,
  amount,
  amount,
  z.int().min(1),
  z.array(z.tuple([hash32, amount])).max(MAX_CALLERS),
])
/** Endpoints, factors of the last windows, the window that is being filled, minutes of all windows that were remembered, votes: all, slow. */
export const SlownessState = z.tuple([
  z.array(EndpointState).max(MAX_ENDPOINTS),
  z.array(amount).max(HISTORY),
  WindowState,
  amount,
  z.tuple([amount, amount]),
])
export type SlownessState = z.infer<typeof SlownessState>

/** Endpoints with their medians; factors of the last windows. */
const ToldState = z.tuple([
  z.array(z.tuple([text, z.array(amount).max(KEPT)])).max(MAX_ENDPOINTS),
  z.array(amount).max(HISTORY),
])
/** Of one endpoint, and of the windows, from all others. */
const MOST_ELSEWHERE = 512
const NO_MEDIANS: readonly number[] = []
/** Of a caller's answers. */
const BITS = 7
const JUDGED = 8
const SLOW = 64

/** What other analyzers learnt of how long one service takes. */
export class SlownessElsewhere {
  readonly #medians = new Map<string, number[]>()
  readonly history: number[] = []

  add(state: unknown): void {
    const [endpoints, history] = ToldState.parse(state)
    for (const [name, medians] of endpoints) {
      const known = this.#medians.get(name) ?? []
      if (known.length === 0 && this.#medians.size < 2 * MAX_ENDPOINTS) this.#medians.set(name, known)
      known.push(...medians.slice(0, MOST_ELSEWHERE - known.length))
    }
    this.history.push(...history.slice(0, MOST_ELSEWHERE - this.history.length))
  }

  of(endpoint: string): readonly number[] {
    return this.#medians.get(endpoint) ?? NO_MEDIANS
  }
}

class Usual {
  batch: number[] = []
  medians: number[] = []
  others = NO_MEDIANS
  waiting: (readonly [EventTime, number])[] = []
  /** Microseconds; null while nothing can be said. */
  duration: number | null = null

  settle(now: EventTime, quarantine: number): void {
    while (this.waiting.length > 0 && now - this.waiting[0]![0] >= quarantine * WINDOW_US) {
      this.medians = [...this.medians.slice(-(KEPT - 1)), this.waiting.shift()![1]]
    }
    this.#find()
  }

  hear(others: readonly number[]): void {
    this.others = others
    this.#find()
  }

  #find(): void {
    const all = this.others.length === 0 ? this.medians : [...this.medians, ...this.others]
    this.duration = all.length < LEAST_USUAL ? null : median(all)
  }
}

/** What a window that is over says. */
export const SlowedState = z.strictObject({
  /** Median of how many times as long as usual answers took. */
  factor: amount,
  /** Median of the same over the windows before, and its spread (a standard deviation). */
  usual: amount,
  spread: amount,
  /** Windows that were remembered before it, and how long they were, in minutes. */
  history: amount,
  known: amount,
  answers: amount,
  callers: amount,
  /** Callers with answers enough for a vote, and those of them to whom most came MUCH_SLOWER times as late; the same of the windows before. */
  votes: amount,
  slowVotes: amount,
  votesBefore: amount,
  slowVotesBefore: amount,
  /** How long the window was, in minutes: longer where little was asked; and how many of them count. */
  minutes: amount,
  counted: amount,
})
export type Slowed = Readonly<z.infer<typeof SlowedState>>

/**
 * How long answers of one service take, each against the usual of its endpoint, so that another mix of requests changes nothing.
 *
 * Memory     128 endpoints of about 1 KiB, a day of windows, 512 callers of a window
 */
export class Slowness {
  readonly #endpoints = new Map<string, Usual>()
  #history: number[] = []
  /** Minutes of all windows that were remembered. */
  #known = 0
  #others: SlownessElsewhere | null = null
  #window = new QuantileSketch()
  /** Answers, those of them whose usual is known, and those that were much slower: three bits each, since each is at most MOST_PER_CALLER. */
  #callers = new Map<number, number>()
  #votesBefore = 0
  #slowVotesBefore = 0
  #answers = 0
  #windowAt: EventTime = 0
  /** Answers of this window, and one in how many of them is looked at: what the last window had says. */
  #offered = 0
  #stride = 1

  /** Minutes of windows that were remembered, here and by others. */
  get known(): number {
    return this.#known + ((this.#others?.history.length ?? 0) * WINDOW_US) / MINUTE_US
  }

  /** What other analyzers learnt of the service, in the place of what they knew before. */
  hear(others: SlownessElsewhere | null): void {
    if (others === null && this.#others === null) return
    this.#others = others
    for (const [name, usual] of this.#endpoints) usual.hear(others?.of(name) ?? NO_MEDIANS)
  }

  /** What was learnt here, for others. */
  told(): z.infer<typeof ToldState> {
    return [[...this.#endpoints].map(([name, { medians }]) => [name, [...medians]]), [...this.#history]]
  }

  /** Whether the next answer is one to look at. */
  wants(): boolean {
    return this.#offered++ % this.#stride === 0
  }

  /** An answer that was given; how many times as long as usual it took, null where nobody knows. */
  add(endpoint: string, durationUs: number, caller: number): number | null {
    let usual = this.#endpoints.get(endpoint)
    if (usual === undefined) {
      if (this.#endpoints.size >= MAX_ENDPOINTS) return null
      usual = new Usual()
      if (this.#others !== null) usual.hear(this.#others.of(endpoint))
      this.#endpoints.set(endpoint, usual)
    }
    const seen = this.#callers.get(caller) ?? 0
    if ((seen & BITS) >= MOST_PER_CALLER || (seen === 0 && this.#callers.size >= MAX_CALLERS)) return null
    if (usual.batch.length < BATCH) usual.batch.push(durationUs)
    if (usual.duration === null) {
      this.#callers.set(caller, seen + 1)
      return null
    }
    const factor = durationUs / usual.duration
    this.#callers.set(caller, seen + (factor < MUCH_SLOWER ? 1 + JUDGED : 1 + JUDGED + SLOW))
    this.#window.learnOne(factor)
    this.#answers++
    return factor
  }

  /** The window that is over, if one is and it says anything. `teaches`: its durations may be learnt. */
  tick(now: EventTime, teaches: boolean): Slowed | null {
    const slot = Math.floor(now / WINDOW_US) * WINDOW_US
    if (this.#windowAt === 0) this.#windowAt = slot
    if (slot === this.#windowAt) return null
    if (this.#answers < LEAST_ANSWERS && this.#knows && now - this.#windowAt < LONGEST_US) return null
    const few = this.#callers.size < LEAST_CALLERS
    const least = this.#knows ? (few ? LEAST_FEW : LEAST_THIN) : LEAST_ANSWERS
    const slowed = this.#answers < least ? null : this.#over(now)
    const quarantine = this.#history.length < HISTORY / 12 ? YOUNG_QUARANTINE : QUARANTINE
    for (const usual of this.#endpoints.values()) {
      if (!teaches) usual.waiting = []
      else if (usual.batch.length >= LEAST_BATCH && usual.waiting.length <= QUARANTINE) {
        usual.waiting.push([this.#windowAt, median(usual.batch)])
      }
      usual.batch = []
      usual.settle(now, quarantine)
    }
    this.#windowAt = slot
    this.#window = new QuantileSketch()
    this.#callers.clear()
    this.#answers = 0
    this.#stride = Math.max(1, Math.floor(this.#offered / ENOUGH))
    this.#offered = 0
    return slowed
  }

  /** Remembers the factor of a window that was no regression. */
  learnOne(slowed: Slowed): void {
    this.#known += slowed.minutes
    this.#history = [...this.#history.slice(-(HISTORY - 1)), slowed.factor]
    this.learnVotes(slowed)
  }

  /** Remembers only how its callers voted. */
  learnVotes({ votes, slowVotes }: Slowed): void {
    this.#votesBefore = this.#votesBefore * VOTE_FADES + votes
    this.#slowVotesBefore = this.#slowVotesBefore * VOTE_FADES + slowVotes
  }

  /** How it is now is how it is. */
  accept(): void {
    this.#history = []
    this.#known = 0
    this.#votesBefore = 0
    this.#slowVotesBefore = 0
    this.#endpoints.clear()
  }

  toState(): SlownessState {
    const endpoints = [...this.#endpoints].map(([name, { medians, waiting, batch }]): SlownessState[0][number] => [
      name,
      medians,
      waiting.map(([at, duration]) => [at, duration]),
      batch,
    ])
    return [
      endpoints,
      this.#history,
      [this.#windowAt, this.#window.toState(), this.#answers, this.#offered, this.#stride, [...this.#callers]],
      this.#known,
      [this.#votesBefore, this.#slowVotesBefore],
    ]
  }

  static fromState([
    endpoints,
    history,
    [windowAt, window, answers, offered, stride, callers],
    known,
    [votesBefore, slowVotesBefore],
  ]: SlownessState): Slowness {
    const slowness = new Slowness()
    slowness.#votesBefore = votesBefore
    slowness.#slowVotesBefore = slowVotesBefore
    slowness.#history = history
    slowness.#known = known
    for (const [name, medians, waiting, batch] of endpoints) {
      const usual = Object.assign(new Usual(), { medians, waiting, batch })
      usual.settle(0, Number.POSITIVE_INFINITY)
      slowness.#endpoints.set(name, usual)
    }
    slowness.#windowAt = windowAt
    slowness.#window = QuantileSketch.fromState(window)
    slowness.#answers = answers
    slowness.#offered = offered
    slowness.#stride = stride
    slowness.#callers = new Map(callers)
    return slowness
  }

  /** Whether the usual of any endpoint is known: until then windows are short, so that it soon is. */
  get #knows(): boolean {
    for (const { duration } of this.#endpoints.values()) if (duration !== null) return true
    return false
  }

  #over(now: EventTime): Slowed | null {
    const factor = this.#window.quantile(0.5)
    if (factor === null) return null
    const history = this.#others === null ? this.#history : [...this.#history, ...this.#others.history]
    const usual = history.length === 0 ? 1 : median(history)
    const spread = history.length < 2 ? 0 : 1.4826 * medianAbsoluteDeviation(history)
    const minutes = Math.round((now - this.#windowAt) / MINUTE_US)
    const counted = this.#answers < LEAST_ANSWERS ? Math.min(THIN_MINUTES, minutes) : minutes
    let votes = 0
    let slowVotes = 0
    for (const answers of this.#callers.values()) {
      const judged = (answers / JUDGED) & BITS
      if (judged < LEAST_VOTE) continue
      votes++
      if (2 * ((answers / SLOW) & BITS) > judged) slowVotes++
    }
    return {
      factor,
      usual,
      spread,
      history: history.length,
      known: this.known,
      answers: this.#answers,
      callers: this.#callers.size,
      votes,
      slowVotes,
      votesBefore: this.#votesBefore,
      slowVotesBefore: this.#slowVotesBefore,
      minutes,
      counted,
    }
  }
}
