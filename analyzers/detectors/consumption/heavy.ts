import { z } from 'zod'
import type { EventTime } from '../../../daemon/model/time.ts'
import { amount, flag, time } from '../../baselines/state.ts'
import { WindowHistory, WindowHistoryState } from '../../baselines/window-history.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import { type ByScale, SCALES_US } from './scales.ts'
import { SlidingState, SlidingSum } from './sliding-sum.ts'

/** Hours of one's own past before it can excuse anything. */
const OWN_HOURS = 3
/** What is as much above the most that is usual for oneself is still one's own. */
const OWN_SLACK = 1.5

/** Since, the most while nobody was known, own past, what was told, whether this hour, trail, the last ten minutes. */
export const HeavyState = z.tuple([
  time,
  amount,
  z.array(WindowHistoryState.nullable()).length(SCALES_US.length),
  amount,
  flag,
  TrailState,
  SlidingState,
])
/** What is kept only of a use that came near to much. */
export class Heavy {
  readonly since: EventTime
  /** Times the floor, at most, while there were no others to compare it with. */
  early = 0
  /** The hours in which it was so, by scale. */
  readonly own: (WindowHistory | null)[] = SCALES_US.map(() => null)
  /** How many times the floor was told of in this hour; 0 while nothing was. */
  told = 0
  /** This hour. */
  active = true
  trail = new EvidenceTrail()
  /** Any ten minutes: what lies across two windows is as much. */
  ten = new SlidingSum()

  constructor(since: EventTime) {
    this.since = since
  }

  learnOwn(values: ByScale<number>, now: EventTime): void {
    for (let scale = 0; scale < values.length; scale++) {
      const history = this.own[scale] ?? new WindowHistory()
      history.learnOne(values[scale]!, now)
      this.own[scale] = history
    }
  }

  /** The most that this caller's own past explains; null while it has too little of one. */
  explains(scale: number): number | null {
    const upper = this.own[scale]?.upper(OWN_HOURS) ?? null
    return upper === null ? null : upper * OWN_SLACK
  }

  toState(): z.infer<typeof HeavyState> {
    const { since, early, own, told, active, trail, ten } = this
    return [since, early, own.map((each) => each?.toState() ?? null), told, active, trail.toState(), ten.toState()]
  }

  static fromState([since, early, own, told, active, trail, ten]: z.infer<typeof HeavyState>): Heavy {
    const heavy = new Heavy(since)
    heavy.early = early
    for (const [scale, each] of own.entries()) heavy.own[scale] = each === null ? null : WindowHistory.fromState(each)
    heavy.told = told
    heavy.active = active
    heavy.trail = EvidenceTrail.fromState(trail)
    heavy.ten = SlidingSum.fromState(ten)
    return heavy
  }
}
