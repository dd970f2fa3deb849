import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Principal } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText, mix } from '../../baselines/lookup-hash.ts'
import { principalKey } from '../../baselines/principal-key.ts'
import { amount, flag, hash32, time } from '../../baselines/state.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'

/** The first is put into a list of its own (small-list.ts). */
const NONE: number[] = []
const MAX_DOMAINS = 24
const MAX_SHOWN = 24
const MAX_FIELDS = 32
/** Observations of one caller that count, of one invariant. */
const MOST_VOTES = 5
/** Votes on the invariants of one field: three bits each. */
const BITS = 3
const COUNT = 7
/** The relation that each answer says something of: `caller` of RELATIONS. */
const CALLER_RELATION = 2
/** Breaks after which a caller is a case of its own. */
const MANY = 6
/** One who comes back to the same so much later has a reason to. */
const AGAIN_US = HOUR_US
/** Values of others that are remembered for it. */
const MAX_OTHERS = 4
/** A second value so long ago is forgotten; sooner where the first was seen once, too: then nothing says which is the caller's own. */
const DOUBT_US = 24 * HOUR_US
const DOUBT_OF_BOTH_US = HOUR_US
/** Nobody is renamed between two requests of one visit, but in the minutes in which everybody is. */
const QUICK_US = 2 * MINUTE_US
/** Sightings from which a value is plainly the caller's own. */
const PLAIN = 3
/** Sightings from which another value needs an explanation. */
const KNOWN = 2
/** Sightings of another value, none of the own one between, after which it is the own one: ids were changed. */
const ADOPTED = 3
/** Objects of others that are told one by one; past them at each doubling. */
const TOLD_EACH = 8
/** What was exposed so long ago is another story. */
const STORY_US = 24 * HOUR_US

/**
 * How a value stands to what the caller was seen with before in the same domain: nothing yet; the same; another one (a second one, or a
 * new name of the first); so for the first time where the own one came twice; so within two minutes of the own one; a third one; the
 * same again after another one.
 */
export type Turn = 'first' | 'own' | 'other' | 'changed' | 'quick' | 'third' | 'returned'

/** Field, votes, relations broken, times, first time, values, sort, whether it is exempt. */
const RecordState = z.tuple([
  amount,
  hash32,
  hash32,
  amount,
  time,
  z.array(hash32).max(MAX_OTHERS),
  z.union([z.literal(0), z.literal(1), z.literal(2)]),
  flag,
])

/** Sorts of those who break an invariant: in one visit; the same again, later; with several others, or many times over. */
export const ONCE = 0
export const AGAIN = 1
export const OFTEN = 2
export type BreakSort = typeof ONCE | typeof AGAIN | typeof OFTEN

/** What one caller said of the invariants of one field. */
export class FieldRecord {
  readonly field: number
  sort: BreakSort = ONCE
  /** It was seen with others' again and again before anything held: staff, or a job, or a thief who came before us. */
  isExempt = false
  #votes = 0
  #broken = 0
  #times = 0
  #brokeAt: EventTime = 0
  #others: number[] = NONE

  constructor(field: number) {
    this.field = field
  }

  /** Whether more of this caller would teach something. */
  get isOpen(): boolean {
    return this.sort === ONCE && ((this.#votes >>> (BITS * CALLER_RELATION)) & COUNT) < MOST_VOTES
  }

  /** Takes a vote for an invariant: the `first` of this caller, one that `counts`, or more than `enough`. */
  vote(relation: number): 'first' | 'counts' | 'enough' {
    const votes = (this.#votes >>> (BITS * relation)) & COUNT
    if (votes >= MOST_VOTES) return 'enough'
    this.#votes += 1 << (BITS * relation)
    return votes === 0 ? 'first' : 'counts'
  }

  /** Another answer that broke something, with this value (0: with several); what sort of a breaker it makes of the caller. */
  noteBreak(value: number, isThird: boolean, now: EventTime): BreakSort {
    if (this.#times++ === 0) this.#brokeAt = now
    const isKnown = this.#others.includes(value)
    if (!isKnown && this.#others.length < MAX_OTHERS) this.#others = withOneMore(this.#others, value)
    if (this.sort === AGAIN || (isKnown && now - this.#brokeAt >= AGAIN_US)) this.sort = AGAIN
    else if (isThird || this.#times >= MANY) this.sort = OFTEN
    return this.sort
  }

  hasBroken(relation: number): boolean {
    return (this.#broken & (1 << relation)) !== 0
  }

  addBroken(relation: number): void {
    this.#broken |= 1 << relation
  }

  toState(): z.infer<typeof RecordState> {
    const { field, sort, isExempt } = this
    return [field, this.#votes, this.#broken, this.#times, this.#brokeAt, [...this.#others], sort, isExempt]
  }

  static fromState([field, votes, broken, times, brokeAt, others, sort, isExempt]: z.infer<
    typeof RecordState
  >): FieldRecord {
    const record = new FieldRecord(field)
    record.#votes = votes
    record.#broken = broken
    record.#times = times
    record.#brokeAt = brokeAt
    record.#others = others
    record.sort = sort
    record.isExempt = isExempt
    return record
  }
}

const perDomain = z.array(hash32).max(MAX_DOMAINS)
/** Domains, own values, their counts, other values, their counts and times; shown; of fields; exposed, since, told next; trail. */
export const CallerState = z.tuple([
  z.tuple([perDomain, perDomain, perDomain, perDomain, perDomain, z.array(time).max(MAX_DOMAINS)]),
  z.array(hash32).max(MAX_SHOWN),
  z.array(RecordState).max(MAX_FIELDS),
  z.tuple([DistinctState, time, amount]),
  TrailState,
])
type CallerState = z.infer<typeof CallerState>

/** One caller: what values are its own, what it was shown, and which invariants it has voted on. Some 0.3 KiB. */
export class Caller {
  hash = 0
  /** Of how it is known: an account seen as a token and as a cookie may be two callers, which shall not be each other's thieves. */
  via = 0
  trail = new EvidenceTrail()
  #principal: Principal | null = null
  #exposed = new DistinctCounter()
  #exposedAt: EventTime = 0
  #nextTold = 0
  /** Side by side: of each domain. */
  #domains: number[] = NONE
  #own: number[] = NONE
  #counts: number[] = NONE
  #other: number[] = NONE
  #otherCounts: number[] = NONE
  /** When the other value was seen last; while there is none, the own one. */
  #otherAt: EventTime[] = NONE
  #shown: number[] = NONE
  #records: FieldRecord[] = []

  identify(principal: Principal): void {
    if (this.#principal === principal) return
    this.#principal = principal
    this.hash = hashText(principalKey(principal))
    this.via = hashText(principal.via)
  }

  /** The value that it was seen with so far, 0 for none. */
  ownIn(domain: number): number {
    const at = this.#domains.indexOf(domain)
    return at < 0 ? 0 : this.#own[at]!
  }

  /** How often the own value was seen. */
  countIn(domain: number): number {
    const at = this.#domains.indexOf(domain)
    return at < 0 ? 0 : this.#counts[at]!
  }

  see(domain: number, value: number, now: EventTime): Turn {
    const at = this.#domains.indexOf(domain)
    if (at < 0) {
      this.#start(domain, value, now)
      return 'first'
    }
    const isStale = now - this.#otherAt[at]! > (this.#counts[at] === 1 ? DOUBT_OF_BOTH_US : DOUBT_US)
    if (this.#own[at] === value) {
      const returned = this.#other[at] !== 0 && now - this.#otherAt[at]! <= DOUBT_US
      this.#counts[at] = Math.min(this.#counts[at]! + 1, 255)
      this.#forgetOther(at, now)
      return returned ? 'returned' : 'own'
    }
    if (this.#other[at] !== 0 && isStale) {
      this.#forgetOther(at, 0)
      // Neither of the two was plain: what was seen then may have been another's as well.
      if (this.#counts[at]! < PLAIN) {
        this.#own[at] = value
        this.#counts[at] = 1
        return 'first'
      }
    }
    const isSecond = this.#other[at] === 0
    const isQuick = isSecond && now - this.#otherAt[at]! <= QUICK_US
    this.#otherAt[at] = now
    if (this.#other[at] !== value) {
      this.#other[at] = value
      this.#otherCounts[at] = 1
      if (!isSecond) return 'third'
      return isQuick ? 'quick' : this.#counts[at]! >= KNOWN ? 'changed' : 'other'
    }
    this.#otherCounts[at] = this.#otherCounts[at]! + 1
    if (this.#otherCounts[at]! >= ADOPTED) {
      this.#own[at] = value
      this.#counts[at] = this.#otherCounts[at]!
      this.#forgetOther(at, now)
    }
    return 'other'
  }

  /** What was seen of it once may have been taken: the values of a thief whose own was never seen are no more than that. */
  forgetDoubtful(): void {
    const plain = this.#counts.map((count) => count > 1)
    const kept = <T>(list: readonly T[]): T[] => list.filter((_, at) => plain[at])
    this.#domains = kept(this.#domains)
    this.#own = kept(this.#own)
    this.#other = kept(this.#other)
    this.#otherCounts = kept(this.#otherCounts)
    this.#otherAt = kept(this.#otherAt)
    this.#counts = kept(this.#counts)
  }

  #forgetOther(at: number, ownSeen: EventTime): void {
    this.#other[at] = 0
    this.#otherCounts[at] = 0
    this.#otherAt[at] = ownSeen
  }

  #start(domain: number, value: number, now: EventTime): void {
    if (this.#domains.length >= MAX_DOMAINS) {
      for (const list of this.#lists) list.shift()
    }
    this.#domains = withOneMore(this.#domains, domain)
    this.#own = withOneMore(this.#own, value)
    this.#counts = withOneMore(this.#counts, 1)
    this.#other = withOneMore(this.#other, 0)
    this.#otherCounts = withOneMore(this.#otherCounts, 0)
    this.#otherAt = withOneMore(this.#otherAt, now)
  }

  get #lists(): readonly number[][] {
    return [this.#domains, this.#own, this.#counts, this.#other, this.#otherCounts, this.#otherAt]
  }

  /** An answer that may show others' values showed it this one: what it leads to was given, not taken. */
  noteShown(domain: number, value: number): void {
    const mark = mix(domain ^ value)
    if (this.#shown.includes(mark)) return
    if (this.#shown.length >= MAX_SHOWN) this.#shown.shift()
    this.#shown = withOneMore(this.#shown, mark)
  }

  wasShown(domain: number, value: number): boolean {
    return this.#shown.length > 0 && this.#shown.includes(mix(domain ^ value))
  }

  /** What it said of a field so far. */
  recordOf(field: number): FieldRecord {
    const found = this.#records.find((each) => each.field === field)
    if (found !== undefined) return found
    const made = new FieldRecord(field)
    if (this.#records.length >= MAX_FIELDS) this.#records.shift()
    this.#records = withOneMore(this.#records, made)
    return made
  }

  /** Different objects of others that it was given of late, this one included. */
  expose(object: number, now: EventTime): number {
    if (now - this.#exposedAt > STORY_US) this.clear()
    this.#exposedAt = now
    this.#exposed.learnOne(object)
    return this.exposed
  }

  /** How many there were, at least one. */
  get exposed(): number {
    return Math.max(1, Math.round(this.#exposed.count))
  }

  /** Whether that many are worth another word; if so they are told now. */
  takeNews(): boolean {
    const { exposed } = this
    if (exposed > TOLD_EACH && exposed < this.#nextTold) return false
    this.#nextTold = 2 * exposed
    return true
  }

  /** The story is told. */
  clear(): void {
    this.#exposed = new DistinctCounter()
    this.#nextTold = 0
  }

  toState(): CallerState {
    return [
      [
        [...this.#domains],
        [...this.#own],
        [...this.#counts],
        [...this.#other],
        [...this.#otherCounts],
        [...this.#otherAt],
      ],
      [...this.#shown],
      this.#records.map((record) => record.toState()),
      [this.#exposed.toState(), this.#exposedAt, this.#nextTold],
      this.trail.toState(),
    ]
  }

  static fromState([values, shown, records, [exposed, exposedAt, nextTold], trail]: CallerState): Caller {
    const caller = new Caller()
    const length = values[0].length
    if (values.some((list) => list.length !== length)) throw new Error('lists of a caller differ in length')
    ;[caller.#domains, caller.#own, caller.#counts, caller.#other, caller.#otherCounts, caller.#otherAt] = values
    caller.#shown = shown
    caller.#records = records.map(FieldRecord.fromState)
    caller.#exposed = DistinctCounter.fromState(exposed)
    caller.#exposedAt = exposedAt
    caller.#nextTold = nextTold
    caller.trail = EvidenceTrail.fromState(trail)
    return caller
  }
}
