import { z } from 'zod'
import { SequentialTest, WalkState } from '../../baselines/sequential-test.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { WindowHistory, WindowHistoryState } from '../../baselines/window-history.ts'
import { TrailState } from '../../finding.ts'
import { NeighbourState } from './neighbour-ids.ts'
import type { NOTHING } from './reach-columns.ts'
import { SeenState } from './seen-ids.ts'

/** Trials, refused, neighbours, foreign, foreign and answered, known. */
const MarksState = z.tuple([amount, amount, amount, amount, amount, amount])
export type MarksState = z.infer<typeof MarksState>
/** Service, template; walks (refused, neighbours, foreign); neighbour ids; times; counts; own past; what was seen. */
export const ReachState = z.tuple([
  text,
  text,
  z.tuple([WalkState, WalkState, WalkState]),
  NeighbourState,
  z.tuple([time, time]),
  z.tuple([amount, amount, amount, amount, amount, amount, amount, amount]),
  z.tuple([WindowHistoryState, WindowHistoryState, MarksState]),
  z.tuple([flag, TrailState]),
  SeenState,
  z.tuple([amount, MarksState, flag]),
])
export type ReachState = z.infer<typeof ReachState>

const NO_WALK = new SequentialTest()
export const NO_HISTORY = new WindowHistory()

/** One that stands at 0 is as good as none. */
export function walkState(walk: SequentialTest | null): WalkState {
  return (walk === null || walk.evidence === 0 ? NO_WALK : walk).toState()
}

export function walkFrom(state: WalkState): SequentialTest | null {
  const walk = SequentialTest.fromState(state)
  return walk.evidence === 0 ? null : walk
}

export function historyFrom(state: WindowHistoryState): WindowHistory | null {
  return state[0].length === 0 ? null : WindowHistory.fromState(state)
}

export function marksState(marks: Readonly<typeof NOTHING>): MarksState {
  return [marks.trials, marks.refused, marks.neighbours, marks.foreign, marks.foreignAnswered, marks.known]
}

export function marksFrom([trials, refused, neighbours, foreign, foreignAnswered, known]: MarksState): typeof NOTHING {
  return { trials, refused, neighbours, foreign, foreignAnswered, known }
}
