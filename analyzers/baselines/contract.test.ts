import { describe, expect, test } from 'vitest'
import { MINUTE_US } from '../../daemon/model/time.ts'
import { randomFrom, START } from '../../test/conformance/traffic.ts'
import type { Baseline, Mergeable } from '../baseline.ts'
import { BetaBinomial, type BetaBinomialState } from './beta-binomial.ts'
import { DistinctCounter, type DistinctState } from './distinct-counter.ts'
import { FirstTouch, type FirstTouchState } from './first-touch.ts'
import { GuardedRate, type GuardedRateState } from './guarded-rate.ts'
import { GuessCounts, type GuessCountsState } from './guess-counts.ts'
import { hashText } from './lookup-hash.ts'
import { PopulationTail, type PopulationTailState } from './population-tail.ts'
import { PresentShare, type PresentShareState } from './present-share.ts'
import { QuantileSketch, type QuantileState } from './quantile-sketch.ts'
import { SequentialTest, type WalkState } from './sequential-test.ts'
import { ValueOwners, type ValueOwnersState } from './value-owners.ts'
import { WindowHistory, type WindowHistoryState } from './window-history.ts'

/** One baseline, what to feed it, and which promises of baseline.ts it cannot make, with the reason. */
interface Subject<State> {
  readonly make: () => Baseline<never[], State>
  readonly fromState: (state: State) => Baseline<never[], State>
  /** The next observation; time moves with i. */
  readonly next: (random: () => number, i: number) => readonly unknown[]
  /** All it answers. */
  readonly answers: (baseline: never) => readonly (number | null)[]
  readonly inAnyOrder: true | string
  readonly merges: true | string
  /** What a fresh one answers: null, or why it may speak. */
  readonly warmsUp: true | string
  readonly maxStateBytes: number
}

/** Ties the methods of a class to the suite, which calls them by what `next` makes. */
function subject<Observation extends readonly unknown[], State, B extends Baseline<Observation, State>>(given: {
  readonly make: () => B
  readonly fromState: (state: State) => B
  readonly next: (random: () => number, i: number) => Observation
  readonly answers: (baseline: B) => readonly (number | null)[]
  readonly inAnyOrder: true | string
  readonly merges: true | string
  readonly warmsUp: true | string
  readonly maxStateBytes: number
}): Subject<unknown> {
  return given as unknown as Subject<unknown>
}

const at = (i: number): number => START + i * MINUTE_US
const LAST = at(100_000)
const hash = (random: () => number): number => hashText(String(Math.floor(random() * 3000)))

const SUBJECTS: Readonly<Record<string, Subject<unknown>>> = {
  BetaBinomial: subject({
    make: () => new BetaBinomial(1, 19, 0.4),
    fromState: (state: BetaBinomialState) => BetaBinomial.fromState(state, 1, 19),
    next: (random) => [Math.floor(random() * 4), 10, 1 / (1 + Math.floor(random() * 3))] as [number, number, number],
    answers: (model) => [model.alpha, model.beta, model.mean, model.voters],
    inAnyOrder: true,
    merges: true,
    warmsUp: 'a shipped prior speaks until callers have',
    maxStateBytes: 200,
  }),
  GuardedRate: subject({
    make: () => new GuardedRate(1, 19, 0.6),
    fromState: (state: GuardedRateState) => GuardedRate.fromState(state, 1, 19, 0.6),
    next: (random, i) => [Math.floor(random() * 6), 20, 1, at(i)] as [number, number, number, number],
    answers: (rate) => [rate.alpha, rate.beta, rate.voters],
    inAnyOrder: 'the drift cap holds a rise against the time that has passed',
    merges: 'two drift caps over different pasts are not one: an endpoint is learnt by one owner',
    warmsUp: 'a shipped prior speaks until callers have',
    maxStateBytes: 400,
  }),
  DistinctCounter: subject({
    make: () => new DistinctCounter(),
    fromState: (state: DistinctState) => DistinctCounter.fromState(state),
    next: (random) => [hash(random)] as [number],
    answers: (counter) => [counter.count],
    inAnyOrder: 'exact to 64; past it the running count differs with the order, within its error (sketches.test.ts)',
    merges: 'within its error, not exactly: sketches.test.ts',
    warmsUp: 'nothing seen is a count of 0',
    maxStateBytes: 4000,
  }),
  QuantileSketch: subject({
    make: () => new QuantileSketch(),
    fromState: (state: QuantileState) => QuantileSketch.fromState(state),
    next: (random) => [1 + random() * 100, 1] as [number, number],
    answers: (sketch) => [sketch.quantile(0.1), sketch.quantile(0.5), sketch.quantile(0.99)],
    inAnyOrder: true,
    merges: true,
    warmsUp: true,
    maxStateBytes: 6000,
  }),
  PopulationTail: subject({
    make: () => new PopulationTail(20),
    fromState: (state: PopulationTailState) => PopulationTail.fromState(state, 20),
    next: (random, i) => [1 + Math.floor(-Math.log(1 - random()) * 4), 1, at(i)] as [number, number, number],
    answers: (tail) => [tail.scoreOne(3), tail.scoreOne(50), tail.scoreOne(5000)],
    inAnyOrder: 'old votes fade and the drift cap holds a rise against the time that has passed',
    merges: 'two drift caps over different pasts are not one: an endpoint is learnt by one owner',
    warmsUp: true,
    maxStateBytes: 8000,
  }),
  WindowHistory: subject({
    make: () => new WindowHistory(),
    fromState: (state: WindowHistoryState) => WindowHistory.fromState(state),
    next: (random, i) => [Math.floor(random() * 30), at(i)] as [number, number],
    answers: (history) => [history.upper(3)],
    inAnyOrder: 'it is the last sixteen windows',
    merges: 'it is the last sixteen windows of one caller, who has one owner',
    warmsUp: true,
    maxStateBytes: 300,
  }),
  SequentialTest: subject({
    make: () => new SequentialTest(),
    fromState: (state: WalkState) => SequentialTest.fromState(state),
    next: (random, i) =>
      [random() < 0.3, at(i), 1, 19, 0.8, 60 * MINUTE_US] as [boolean, number, number, number, number, number],
    answers: (walk) => [walk.evidence, walk.hits, walk.misses],
    inAnyOrder: 'a walk that restarts at 0 is its order',
    merges: 'two halves of a walk are not one walk: a caller has one owner',
    warmsUp: 'no evidence is an evidence of 0',
    maxStateBytes: 200,
  }),
  GuessCounts: subject({
    make: () => new GuessCounts(),
    fromState: (state: GuessCountsState) => GuessCounts.fromState(state),
    next: (_, i) => [at(i), 1] as [number, number],
    answers: (counts) => {
      const faded = GuessCounts.fromState(counts.toState())
      faded.fade(LAST)
      return faded.values
    },
    inAnyOrder: 'time is not run backwards: a late count enters as if it were made now',
    merges: true,
    warmsUp: 'nothing seen is a count of 0',
    maxStateBytes: 200,
  }),
  PresentShare: subject({
    make: () => new PresentShare(),
    fromState: (state: PresentShareState) => PresentShare.fromState(state),
    next: (random, i) =>
      [`v${Math.floor(random() * 50)}`, random() < 0.5, START + i * 1e6] as [string, boolean, number],
    answers: (share) => [share.scoreOne('v1', 0.1, START + 5e9), share.scoreOne('nobody', 0.1, START + 5e9)],
    inAnyOrder: 'the newest outcome of a voter counts',
    merges: true,
    warmsUp: 'the usual share stands in for votes',
    maxStateBytes: 6000,
  }),
  FirstTouch: subject({
    make: () => new FirstTouch(1024),
    fromState: (state: FirstTouchState) => FirstTouch.fromState(state, 1024),
    next: (random) => [1, hash(random), 1 + Math.floor(random() * 40), true] as [number, number, number, boolean],
    answers: (touch) => [touch.occupancy.entries, touch.occupancy.evicted],
    inAnyOrder: 'who was first is the order',
    merges: 'who was first between two owners is not known: an endpoint’s objects have one',
    warmsUp: 'nothing seen is nobody’s object',
    maxStateBytes: 60_000,
  }),
  ValueOwners: subject({
    make: () => new ValueOwners(1024),
    fromState: (state: ValueOwnersState) => ValueOwners.fromState(state, 1024),
    next: (random) => [1, hash(random), 1 + Math.floor(random() * 40), true] as [number, number, number, boolean],
    answers: (owners) => [owners.occupancy.entries, owners.occupancy.evicted],
    inAnyOrder: 'who was seen with it twice first is the order',
    merges: 'who was first between two owners is not known: the values of a service have one',
    warmsUp: 'nothing seen is nobody’s value',
    maxStateBytes: 60_000,
  }),
}

const COUNT = 2000

function observations(subject: Subject<unknown>, seed: number, count = COUNT): (readonly unknown[])[] {
  const random = randomFrom(seed)
  return Array.from({ length: count }, (_, i) => subject.next(random, i))
}

function learn(baseline: Baseline<never[], unknown>, list: readonly (readonly unknown[])[]): typeof baseline {
  for (const observation of list) baseline.learnOne(...(observation as never[]))
  return baseline
}

function expectClose(left: readonly (number | null)[], right: readonly (number | null)[]): void {
  expect(left.length).toBe(right.length)
  left.forEach((value, i) => {
    const other = right[i]!
    if (value === null || other === null) expect(value).toBe(other)
    else expect(Math.abs(value - other)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(value)))
  })
}

describe.each(Object.entries(SUBJECTS))('%s', (_name, subject) => {
  const answersOf = (baseline: Baseline<never[], unknown>) => subject.answers(baseline as never)

  test('gives the same answers to the same observations', () => {
    const list = observations(subject, 1)
    expect(answersOf(learn(subject.make(), list))).toEqual(answersOf(learn(subject.make(), list)))
  })

  test('goes on from its state, through JSON, as if it had never stopped', () => {
    for (const stop of [0, 1, 7, 40, 500]) {
      const list = observations(subject, 2)
      const unbroken = learn(subject.make(), list.slice(0, stop))
      const restored = subject.fromState(JSON.parse(JSON.stringify(unbroken.toState())))
      expect(answersOf(restored)).toEqual(answersOf(unbroken))
      for (const observation of list.slice(stop, stop + 300)) {
        unbroken.learnOne(...(observation as never[]))
        restored.learnOne(...(observation as never[]))
      }
      expect(answersOf(restored)).toEqual(answersOf(unbroken))
      expect(restored.toState()).toEqual(unbroken.toState())
    }
  })

  test('shares nothing with its state, and leaves observations as they were', () => {
    const list = observations(subject, 3)
    const copy = structuredClone(list)
    const baseline = learn(subject.make(), list.slice(0, 100))
    const state = baseline.toState()
    const frozen = JSON.stringify(state)
    learn(baseline, list.slice(100))
    learn(subject.fromState(state), list.slice(100))
    expect(JSON.stringify(state)).toBe(frozen)
    expect(list).toEqual(copy)
  })

  test('is bounded', () => {
    const baseline = learn(subject.make(), observations(subject, 4, 20_000))
    expect(JSON.stringify(baseline.toState()).length).toBeLessThanOrEqual(subject.maxStateBytes)
  })

  if (subject.warmsUp === true) {
    test('answers null while it has nothing to judge by', () => {
      for (const answer of answersOf(subject.make())) expect(answer).toBeNull()
      for (const answer of answersOf(learn(subject.make(), observations(subject, 5)))) expect(answer).not.toBeNull()
    })
  } else test(`speaks at once, because ${subject.warmsUp}`, () => expect(answersOf(subject.make())).not.toContain(null))

  test(
    subject.inAnyOrder === true
      ? 'does not depend on the order of observations'
      : `depends on the order, because ${subject.inAnyOrder}`,
    () => {
      const list = observations(subject, 6)
      const forwards = answersOf(learn(subject.make(), list))
      const backwards = answersOf(learn(subject.make(), list.toReversed()))
      if (subject.inAnyOrder === true) expectClose(forwards, backwards)
      else expect(backwards).not.toEqual(forwards)
    },
  )

  test(
    subject.merges === true
      ? 'merging equals observing both, and leaves the other as it was'
      : `does not merge exactly, because ${subject.merges}`,
    () => {
      const list = observations(subject, 7)
      const both = learn(subject.make(), list)
      const left = learn(
        subject.make(),
        list.filter((_, i) => i % 3 === 0),
      )
      const right = learn(
        subject.make(),
        list.filter((_, i) => i % 3 !== 0),
      )
      const before = JSON.stringify(right.toState())
      if (!canMerge(left)) {
        expect(subject.merges).not.toBe(true)
        return
      }
      left.merge(right)
      expect(JSON.stringify(right.toState())).toBe(before)
      if (subject.merges === true) expectClose(answersOf(left), answersOf(both))
      else expect(answersOf(left)).not.toEqual(answersOf(both))
    },
  )
})

function canMerge(baseline: object): baseline is Mergeable<unknown> {
  return 'merge' in baseline
}
