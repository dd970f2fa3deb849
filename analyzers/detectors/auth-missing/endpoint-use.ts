import { z } from 'zod'
import { SENSITIVE_CLASSES, type SensitiveClass } from '../../../daemon/inventory/sensitive.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { amount, flag, time } from '../../baselines/state.ts'
import type { Standing } from './siblings.ts'

/** Answers of one caller that count: a client that polls says no more than one that calls now and then. */
const ANSWERS_PER_CALLER = 5
/** Of public endpoints at most one in ten hands out personal data. */
export const PERSONAL_IN_PUBLIC = 0.1
/** And at most a third say whose the object is. */
const OWNED_IN_PUBLIC = 0.3
/** And at most one in fifty says 401 to whoever shows nothing. */
const REFUSING_IN_PUBLIC = 0.02
/** An endpoint that more networks of strangers were answered by, and more than this share of the answers, lets strangers in. */
const LET_IN_NETWORKS = 2
const LET_IN_SHARE = 0.02
const MATURE_ANSWERS = 300
/** Answers, five a caller at most, after which it says something that none of them went to a stranger. */
const TELLING_ANSWERS = 50

const FlaggedState = z.tuple([
  time,
  DistinctState,
  DistinctState,
  z.array(z.enum(SENSITIVE_CLASSES)).max(SENSITIVE_CLASSES.length),
  flag,
  z.tuple([amount, amount]),
])
/** Signed-in callers and their answers, networks seen, strangers admitted, refusals, looks at them, strangers met, what was flagged. */
export const EndpointUseState = z.tuple([
  amount,
  DistinctState,
  DistinctState,
  z.tuple([amount, amount, amount, amount]),
  FlaggedState.nullable(),
])
type EndpointUseState = z.infer<typeof EndpointUseState>

/** Signed-in callers and their answers, strangers admitted, strangers met, refusals. */
const UseCountsState = z.tuple([amount, DistinctState, amount, amount, amount])
type UseCountsState = z.infer<typeof UseCountsState>

/** Who was answered by an endpoint, as far as analyzers add it up. */
export class UseCounts {
  signedInAnswers = 0
  signedIn = new DistinctCounter()
  /** Networks of strangers, of those that were met the ones that were admitted after quarantine. */
  strangers = 0
  met = 0
  /** Refusals of strangers who showed nothing. */
  refusals = 0

  add(state: unknown): void {
    const [answers, callers, strangers, met, refusals] = UseCountsState.parse(state)
    this.signedInAnswers += answers
    this.signedIn.merge(DistinctCounter.fromState(callers))
    this.strangers += strangers
    this.met += met
    this.refusals += refusals
  }

  toState(): UseCountsState {
    return [this.signedInAnswers, this.signedIn.toState(), this.strangers, this.met, this.refusals]
  }
}

const NOBODY: Readonly<UseCounts> = new UseCounts()

/** Who was answered by an endpoint, signed-in callers and strangers, and who was not. */
export class EndpointUse {
  readonly own = new UseCounts()
  #others: Readonly<UseCounts> = NOBODY
  /** Signed-in callers of all analyzers: our own counter while nobody else knows any. */
  #everyone = this.own.signedIn
  /** Networks that somebody not signed in was answered from. */
  seen = new DistinctCounter()
  looksAtRefusals = 0
  /** What was flagged, to be taken for the new state of things in time. */
  flagged: Flagged | null = null
  /** As its service was told last. */
  standing: Standing = 'unknown'

  /** An answer to a signed-in caller; whether it is one more of them. */
  answer(caller: number): boolean {
    this.own.signedInAnswers++
    const isNew = this.own.signedIn.learnOne(caller) > 0
    if (this.#everyone !== this.own.signedIn) this.#everyone.learnOne(caller)
    return isNew
  }

  /** What other analyzers know of it, in the place of what they knew before. */
  hear(others: Readonly<UseCounts> | null): void {
    this.#others = others ?? NOBODY
    this.#everyone = this.own.signedIn
    if (others === null) return
    this.#everyone = DistinctCounter.fromState(this.own.signedIn.toState())
    this.#everyone.merge(others.signedIn)
  }

  /** Signed-in callers. */
  get callers(): number {
    return this.#everyone.count
  }

  get signedInAnswers(): number {
    return this.own.signedInAnswers + this.#others.signedInAnswers
  }

  get strangers(): number {
    return this.own.strangers + this.#others.strangers
  }

  get met(): number {
    return this.own.met + this.#others.met
  }

  get refusals(): number {
    return this.own.refusals + this.#others.refusals
  }

  get answers(): number {
    return Math.min(this.signedInAnswers, ANSWERS_PER_CALLER * this.callers)
  }

  get maturity(): number {
    return Math.min(1, this.answers / MATURE_ANSWERS)
  }

  /** Chance that the next answer goes to a stranger, if the endpoint lets them in at all as it did so far. */
  get strangersShare(): number {
    const strangers = Math.max(this.strangers, this.met)
    return ((strangers + 0.5) / (this.answers + strangers + 1)) * (0.5 / (0.5 + this.refusals))
  }

  /** Many answers, and nobody but signed-in callers came for them. */
  get isWellKnown(): boolean {
    return this.answers >= TELLING_ANSWERS && !this.#letsIn
  }

  /** How much rarer such refusals are at a public endpoint. Where somebody was answered it is a matter of who asks. */
  get rarityOfRefusals(): number {
    return this.refusals > 0 && this.met === 0 ? REFUSING_IN_PUBLIC : 1
  }

  /** `leastCallers`: signed-in ones before it says anything of its service. */
  standingFrom(leastCallers: number): Standing {
    if (this.#letsIn) return 'open'
    return this.callers >= leastCallers ? 'guarded' : 'unknown'
  }

  get #letsIn(): boolean {
    return this.strangers > LET_IN_NETWORKS && this.strangers > LET_IN_SHARE * this.answers
  }

  toState(): EndpointUseState {
    const { own, seen, looksAtRefusals, flagged } = this
    const counts: EndpointUseState[3] = [own.strangers, own.refusals, looksAtRefusals, own.met]
    const found = flagged === null ? null : flagged.toState()
    return [own.signedInAnswers, own.signedIn.toState(), seen.toState(), counts, found]
  }

  static fromState([answers, signedIn, seen, counts, flagged]: EndpointUseState): EndpointUse {
    const use = new EndpointUse()
    const { own } = use
    own.signedInAnswers = answers
    own.signedIn = DistinctCounter.fromState(signedIn)
    use.hear(null)
    use.seen = DistinctCounter.fromState(seen)
    ;[own.strangers, own.refusals, use.looksAtRefusals, own.met] = counts
    use.flagged = flagged === null ? null : Flagged.fromState(flagged)
    return use
  }
}

/** Answers to strangers that are found odd. */
export class Flagged {
  readonly since: EventTime
  networks = new DistinctCounter()
  objects = new DistinctCounter()
  classes = new Set<SensitiveClass>()
  /** The answer says whose the object is. */
  owned = false
  answers = 0
  looks = 0

  constructor(since: EventTime) {
    this.since = since
  }

  /**
   * Why strangers are not meant to be there: how much rarer such an answer is at a public endpoint. Null: no sign of it.
   * `isGuarded`: strangers were refused, or none of fifty answers went to one at a service that lets none in.
   */
  rarity(isGuarded: boolean): number | null {
    if (this.classes.size > 0) return PERSONAL_IN_PUBLIC
    if (this.owned) return OWNED_IN_PUBLIC
    return isGuarded ? 1 : null
  }

  toState(): z.infer<typeof FlaggedState> {
    const { since, networks, objects, classes, owned, answers, looks } = this
    return [since, networks.toState(), objects.toState(), [...classes], owned, [answers, looks]]
  }

  static fromState([since, networks, objects, classes, owned, counts]: z.infer<typeof FlaggedState>): Flagged {
    const flagged = new Flagged(since)
    flagged.networks = DistinctCounter.fromState(networks)
    flagged.objects = DistinctCounter.fromState(objects)
    flagged.classes = new Set(classes)
    flagged.owned = owned
    ;[flagged.answers, flagged.looks] = counts
    return flagged
  }
}
