import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedTable, type Occupancy } from '../baselines/keyed-table.ts'
import { CLASSES, type FieldContent, KINDS, type Kind, PLAIN_KINDS } from './field-content.ts'

const MAX_FIELDS = 8192
/** Callers who filled a field before it is said what it carries. */
const LEAST_CALLERS = 30
/** Share of them from whom a field of plain values had one. */
const PLAIN_SHARE = 0.95
/** The prior of what was never seen: half a caller of one more. */
const UNSEEN = 0.5

export type FieldState = readonly [
  'field',
  key: string,
  callers: number,
  kinds: readonly number[],
  classes: readonly number[],
  longest: number,
  seen: DistinctState,
]

/** What a field normally carries. */
export interface FieldCarries {
  /** What most callers send. */
  readonly kind: Kind
  /** How many that is, of how many who filled it. */
  readonly senders: number
  readonly callers: number
  readonly longest: number
  /** Nearly all send what has no place for a payload: numbers, identifiers, dates, single words. */
  readonly plain: boolean
}

/** Callers who filled a field; how many of them with each kind of value, and with each kind of characters; the longest. */
export interface Carried {
  callers: number
  kinds: number[]
  classes: number[]
  longest: number
}

class Profile implements Carried {
  key = ''
  /** Callers whose vote was offered. */
  seen = new DistinctCounter()
  callers = 0
  kinds: number[] = new Array(KINDS.length).fill(0)
  classes: number[] = new Array(CLASSES).fill(0)
  longest = 0
}

/**
 * How many callers send numbers, dates, words or texts in each field, which kinds of characters, and how long: kinds and counts, no values. Whoever
 * offers a value votes once for each field.
 *
 * Memory     8,192 fields, about 0.5 KiB each, at most 1.5 KiB; newcomers push out newcomers, counted
 */
export class FieldContents {
  #fields = new KeyedTable<Profile>(MAX_FIELDS, () => new Profile())

  /** Whether this caller has not voted here yet. */
  isNew(key: string, caller: number): boolean {
    const profile = this.#fields.use(key)
    profile.key = key
    return profile.seen.learnOne(caller) > 0
  }

  learn(key: string, { kind, classes, length }: FieldContent): void {
    const profile = this.#fields.peek(key)
    if (profile === undefined) return
    profile.callers++
    profile.kinds[kind]!++
    for (let each = 0; each < CLASSES; each++) if ((classes & (1 << each)) !== 0) profile.classes[each]!++
    profile.longest = Math.max(profile.longest, length)
  }

  /** Null while too little is known. `elsewhere`: what other analyzers know of it. */
  carries(key: string, elsewhere: Readonly<Carried> | null = null): FieldCarries | null {
    const profile = this.#known(key, elsewhere)
    if (profile === null || profile.callers < LEAST_CALLERS) return null
    const { kinds, callers, longest } = profile
    const senders = Math.max(...kinds)
    const plain = kinds.slice(0, PLAIN_KINDS).reduce((sum, count) => sum + count, 0)
    return { kind: KINDS[kinds.indexOf(senders)]!, senders, callers, longest, plain: plain >= PLAIN_SHARE * callers }
  }

  /**
   * P(a benign value of this field of plain values is so unlike them), from the rarest kind of characters in it; 1 where its kind is plain,
   * too, or callers fill the field with anything.
   */
  oddity(key: string, { kind, classes }: FieldContent, elsewhere: Readonly<Carried> | null = null): number {
    const profile = this.#known(key, elsewhere)
    if (profile === null || kind < PLAIN_KINDS || this.carries(key, elsewhere)?.plain !== true) return 1
    let rarest = profile.callers
    for (let each = 0; each < CLASSES; each++)
      if ((classes & (1 << each)) !== 0) rarest = Math.min(rarest, profile.classes[each]!)
    return Math.min(1, (rarest + UNSEEN) / (profile.callers + 2 * UNSEEN))
  }

  #known(key: string, elsewhere: Readonly<Carried> | null): Readonly<Carried> | null {
    const own = this.#fields.peek(key) ?? null
    if (own === null || elsewhere === null) return own ?? elsewhere
    return {
      callers: own.callers + elsewhere.callers,
      kinds: own.kinds.map((count, i) => count + elsewhere.kinds[i]!),
      classes: own.classes.map((count, i) => count + elsewhere.classes[i]!),
      longest: Math.max(own.longest, elsewhere.longest),
    }
  }

  get occupancy(): Occupancy {
    return this.#fields.occupancy
  }

  /** What was learnt here, by key. */
  *told(): IterableIterator<[key: string, carried: Readonly<Carried>]> {
    for (const [key, profile] of this.#fields.states((each) => each)) if (profile.callers > 0) yield [key, profile]
  }

  snapshot(): FieldState[] {
    const lines: FieldState[] = []
    this.#fields.forEach(({ key, callers, kinds, classes, longest, seen }) => {
      lines.push(['field', key, callers, [...kinds], [...classes], longest, seen.toState()])
    })
    return lines
  }

  /** @throws TypeError */
  restore([, key, callers, kinds, classes, longest, seen]: readonly unknown[]): void {
    if (typeof key !== 'string' || !isCount(callers) || !isCount(longest))
      throw new TypeError('not a line of what a field carries')
    const profile = this.#fields.use(key)
    profile.key = key
    profile.callers = callers
    profile.kinds = countsOf(kinds, KINDS.length)
    profile.classes = countsOf(classes, CLASSES)
    profile.longest = longest
    profile.seen = DistinctCounter.fromState(DistinctState.parse(seen))
  }

  clear(): void {
    this.#fields = new KeyedTable(MAX_FIELDS, () => new Profile())
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function countsOf(value: unknown, length: number): number[] {
  if (!Array.isArray(value) || value.length !== length || !value.every(isCount))
    throw new TypeError('counts of a field')
  return [...value]
}
