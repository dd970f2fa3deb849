import { z } from 'zod'
import { DAY_US, type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import type { Baseline, Scoring } from '../../baseline.ts'
import { amount, flag, time } from '../../baselines/state.ts'
import { AGAIN, type BreakSort, OFTEN, ONCE } from './caller.ts'

/** Observations and callers before it is judged by. */
const LEAST_OBSERVATIONS = 50
const LEAST_CALLERS = 25
const LEAST_HOPE = 10
/** From which a single break is enough, where nobody broke it before: it is in force. */
export const IN_FORCE = 316
/** And so long must it have been watched: somebody with a reason to see another's comes back to it. */
const LEAST_SPAN_US = 2 * HOUR_US
/**
 * Shares of callers who break it from which it does not hold. Who does so in one visit, or with many others, may be a thief; who comes
 * back to the same has a reason to.
 */
const BROKEN = 0.07
const BROKEN_AGAIN = 0.02
const BROKEN_AGAIN_FOR_LONG = 0.05
/** The share of callers who break what an endpoint enforces, at most: links within a family, numbers copied wrongly. */
const RARE = 0.01
/** ln of how much likelier a caller who breaks it, and one with whom it held, is under RARE than under BROKEN; and what shows that it is RARE. */
const PER_BREAKER = Math.log(RARE / BROKEN)
const PER_CALLER = Math.log((1 - RARE) / (1 - BROKEN))
const SHOWN = Math.log(100)
/** Of those who have a reason to see one object of another, how many see a further one. */
const FURTHER = 0.25
/** Days on which it must be broken before one that held is given up for less than BROKEN_AGAIN_FOR_LONG. */
const LEAST_DAYS = 3
const MANY_CALLERS = 100
/** Answers of the endpoint's own that count as much as all it is known by of its siblings. */
const SIBLINGS_COUNT = 50
/** Callers of whom one may have broken it, where another's object is no ordinary thing. */
const STRICT = 50
/** One or two say nothing. */
const FEW = 2
const HALF_LIFE_US = 14 * DAY_US

/** Observations, callers, callers who broke it (once, again, often), days on which, the last of them; when it faded, began, held last; shown. */
export const InvariantState = z.tuple([
  amount,
  amount,
  amount,
  amount,
  amount,
  amount,
  amount,
  time,
  time,
  time,
  flag.optional(),
])
export type InvariantState = z.infer<typeof InvariantState>

/** What other analyzers saw of one: sums, and the span that any of them watched it for. */
export class InvariantElsewhere {
  observations = 0
  callers = 0
  readonly broken: [once: number, again: number, often: number] = [0, 0, 0]
  days = 0
  since: EventTime = Number.POSITIVE_INFINITY
  at: EventTime = 0

  add([observations, callers, once, again, often, days, , , since, at]: InvariantState): void {
    if (observations + once + again + often === 0) return
    this.observations += observations
    this.callers += callers
    this.broken[ONCE] += once
    this.broken[AGAIN] += again
    this.broken[OFTEN] += often
    this.days = Math.max(this.days, days)
    if (since > 0) this.since = Math.min(this.since, since)
    this.at = Math.max(this.at, at)
  }
}

/** Given up: it was in force, and is broken more often than it was. Dropped: it was about to be, and never shown to be rarely broken. */
export type RuleEnd = 'givenUp' | 'dropped'

const NOWHERE: Readonly<InvariantElsewhere> = new InvariantElsewhere()

/**
 * Something that held for everybody so far: `response customer_id is the caller's own`. Observations count up to five a caller, and
 * who breaks it counts once, however often.
 *
 * An endpoint either enforces it or does not: of those that do not, n answers in a row that hold by accident are one case in n + 2
 * (Laplace), and the next one that breaks is one in n + 2 again. Hence p = ((k + 1) / (n + 2))^2 with k callers who broke it before,
 * and further ones of the same caller times (k + j) / (n + 1 + j). Where a share s of callers is known to break it at the service's
 * other endpoints, the second factor is (k + 50 s) / (n + 50), if less: a Beta posterior with what they show as the prior.
 *
 * All that supposes that an honest break is rare, which a sequential test (Wald) shows: 1 % of the callers break it rather than 7 %,
 * after 74 of whom none did, and 31 more for each who did. Until then, and where its siblings show nothing either, a lucky start would
 * look like a rule, and who sees three objects of a friend like a thief: it is judged by only while nobody else broke it, and a further
 * object of the same caller counts one in four at least. Shown it stays until it is contradicted, so that a few accounts cannot silence
 * what is enforced.
 *
 * Promise    null until 50 observations of 25 callers over two hours; p <= 1e-5 from n = 316 without any who broke it; where each
 *            caller breaks it with a chance of 7 % or more, it is ever shown in one case of a hundred at most (Ville)
 * Memory     100 B
 */
export class Invariant
  implements
    Baseline<[isFirst: boolean, now: EventTime], InvariantState>,
    Scoring<[times: number, elsewhere: number | null, isCounted: boolean]>
{
  #observations = 0
  #callers = 0
  readonly #broken: [once: number, again: number, often: number] = [0, 0, 0]
  #others = NOWHERE
  #days = 0
  #lastDay = 0
  #fadedAt: EventTime = 0
  #since: EventTime = 0
  #at: EventTime = 0
  #isShown = false
  #end: RuleEnd | null = null

  /** It held. `isFirst`: with this caller for the first time. */
  learnOne(isFirst: boolean, now: EventTime): void {
    this.#fade(now)
    this.#at = now
    if (this.#since === 0) this.#since = now
    this.#observations++
    if (isFirst) this.#callers++
    this.#isShown ||= this.#showsRare
  }

  /** What other analyzers saw, in the place of what they had seen before. */
  hear(others: Readonly<InvariantElsewhere> | null): void {
    this.#others = others ?? NOWHERE
  }

  /** Here and at other analyzers, as all that follows. */
  get observations(): number {
    return this.#observations + this.#others.observations
  }

  get callers(): number {
    return this.#callers + this.#others.callers
  }

  /** A caller broke it for the first time. */
  learnBreak(sort: BreakSort, now: EventTime): void {
    this.#fade(now)
    const { holds } = this
    this.#broken[sort]++
    const day = Math.floor(now / DAY_US)
    if (day !== this.#lastDay) {
      this.#lastDay = day
      this.#days++
    }
    if (holds) this.#giveUp()
  }

  /** A caller who broke it turns out to be of another sort, or (null) is under suspicion and says nothing. */
  moveBreak(from: BreakSort, to: BreakSort | null): void {
    const { holds } = this
    this.#broken[from] = Math.max(0, this.#broken[from] - 1)
    if (to === null) return
    this.#broken[to]++
    if (holds) this.#giveUp()
  }

  /** It held until now. */
  #giveUp(): void {
    if (this.holds) return
    // What was never shown to be rare has not become frequent.
    if (this.#isShown && this.observations >= IN_FORCE) this.#end = 'givenUp'
    else this.#end ??= 'dropped'
    this.#isShown = false
  }

  /** How it ended since this was asked last, null if it did not. */
  takeEnd(): RuleEnd | null {
    const end = this.#end
    this.#end = null
    return end
  }

  /** Days on which it was broken; older ones count for less. */
  get days(): number {
    return Math.max(this.#days, this.#others.days)
  }

  /** Callers who broke it. */
  get broken(): number {
    const others = this.#others.broken
    return this.#broken[ONCE] + this.#broken[AGAIN] + this.#broken[OFTEN] + others[ONCE] + others[AGAIN] + others[OFTEN]
  }

  /** Callers who said anything. */
  get known(): number {
    return this.callers + this.broken
  }

  /** Whether it holds, or may yet be found to. */
  get mayHold(): boolean {
    return this.observations >= LEAST_HOPE && !this.#isContradicted
  }

  get holds(): boolean {
    if (this.observations < LEAST_OBSERVATIONS || this.callers < LEAST_CALLERS) return false
    // One who broke it may be the caller that is judged.
    if (!this.#isShown && this.broken > 1) return false
    return this.#spanUs >= LEAST_SPAN_US && !this.#isContradicted
  }

  /** It holds, and a single break of it would be told. */
  get isInForce(): boolean {
    return this.observations >= IN_FORCE && this.holds
  }

  get #spanUs(): EventTime {
    const since = this.#since === 0 ? this.#others.since : Math.min(this.#since, this.#others.since)
    return Math.max(this.#at, this.#others.at) - since
  }

  /** Hardly anybody has a reason to break it. */
  get isStrict(): boolean {
    return this.broken * STRICT <= this.callers
  }

  get #showsRare(): boolean {
    return this.broken * PER_BREAKER + this.callers * PER_CALLER >= SHOWN
  }

  get #isContradicted(): boolean {
    const { callers, broken } = this
    const again = this.#broken[AGAIN] + this.#others.broken[AGAIN]
    const most = this.days < LEAST_DAYS && callers >= MANY_CALLERS ? BROKEN_AGAIN_FOR_LONG : BROKEN_AGAIN
    return (broken > FEW && broken >= BROKEN * callers) || (again > FEW && again >= most * callers)
  }

  /**
   * log10 of the chance that an honest caller breaks it `times` times; null while it does not hold, or is no more than a guess.
   * `elsewhere`: the share of callers who break it at the service's endpoints where it holds, null while that is not known. `isCounted`:
   * the caller is one of those who broke it, and no witness for itself.
   */
  scoreOne(times: number, elsewhere: number | null, isCounted: boolean): number | null {
    if (!this.holds) return null
    const n = this.observations
    const k = isCounted ? Math.max(0, this.broken - 1) : this.broken
    const isGuess = !this.#isShown && elsewhere === null
    if (isGuess && k > 0) return null
    const byItself = (k + 1) / (n + 2)
    const next = elsewhere === null ? 1 : (k + SIBLINGS_COUNT * elsewhere) / (n + SIBLINGS_COUNT)
    let log10P = Math.log10(byItself * Math.min(byItself, next))
    const leastFurther = isGuess ? FURTHER : 0
    for (let j = 2; j <= times; j++) log10P += Math.log10(Math.max(leastFurther, Math.min(1, (k + j) / (n + 1 + j))))
    return log10P
  }

  #fade(now: EventTime): void {
    if (this.#fadedAt === 0) this.#fadedAt = now
    if (now - this.#fadedAt < DAY_US) return
    const factor = 2 ** (-(now - this.#fadedAt) / HALF_LIFE_US)
    this.#observations *= factor
    this.#callers *= factor
    for (const sort of [ONCE, AGAIN, OFTEN] as const) this.#broken[sort] *= factor
    this.#days *= factor
    this.#fadedAt = now
  }

  toState(): InvariantState {
    return [
      this.#observations,
      this.#callers,
      ...this.#broken,
      this.#days,
      this.#lastDay,
      this.#fadedAt,
      this.#since,
      this.#at,
      this.#isShown,
    ]
  }

  static fromState([
    observations,
    callers,
    once,
    again,
    often,
    days,
    lastDay,
    fadedAt,
    since,
    at,
    isShown,
  ]: InvariantState): Invariant {
    const invariant = new Invariant()
    invariant.#observations = observations
    invariant.#callers = callers
    invariant.#broken[ONCE] = once
    invariant.#broken[AGAIN] = again
    invariant.#broken[OFTEN] = often
    invariant.#days = days
    invariant.#lastDay = lastDay
    invariant.#fadedAt = fadedAt
    invariant.#since = since
    invariant.#at = at
    invariant.#isShown = isShown ?? invariant.#showsRare
    return invariant
  }
}
