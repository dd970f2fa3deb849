/**
 * What every online statistic in baselines/ promises; one suite (baselines/contract.test.ts) holds each of them to it.
 *
 * - It is scored before it learns, and what was just flagged is not learnt: the detectors see to that, through Admission.
 * - A score is `null` while there is too little to judge by, never 0. One that starts from a shipped prior always speaks.
 * - `learnOne` takes one observation, positional (it is called for every transaction), and time is an argument.
 * - `toState` is plain JSON, shares nothing with the baseline, and `fromState` of it (with the same settings) goes on as if
 *   nothing had happened.
 * - `merge` leaves the other as it was, and equals having observed both. Those that depend on the order of observations cannot,
 *   and the suite states the reason; their callers stay with one owner.
 * - Memory is bounded, whatever is learnt.
 */
export interface Baseline<Observation extends readonly unknown[], State> {
  learnOne(...observation: Observation): unknown
  toState(): State
}

/** A baseline that judges: a share, a p-value or a distance, as its own documentation says. */
export interface Scoring<Question extends readonly unknown[]> {
  scoreOne(...question: Question): number | null
}

export interface Mergeable<Self> {
  merge(other: Self): void
}
