import type { EventTime } from '../../../daemon/model/time.ts'
import { GuardedRate } from '../../baselines/guarded-rate.ts'
import { PopulationTail } from '../../baselines/population-tail.ts'
import type { WindowSummary } from './caller.ts'

const MAX_COHORTS = 8

/** How many objects callers reach in a window, at both scales. */
export interface Reaches {
  readonly short: PopulationTail
  readonly long: PopulationTail
}

/** What callers of one endpoint usually do: everybody's reach, and that of each cohort (role, or kind of caller). */
export class EndpointPopulation {
  readonly everyone: Reaches
  readonly refusals = new GuardedRate(1, 19, 0.4)
  readonly neighbours = new GuardedRate(1, 9, 0.7)
  readonly foreign = new GuardedRate(2, 8, 0.6)
  /** A number of its own, to tell its objects from other endpoints'. */
  readonly scope: number
  readonly #matureVotes: number
  readonly #cohorts = new Map<string, Reaches>()

  constructor(scope: number, matureVotes: number) {
    this.scope = scope
    this.#matureVotes = matureVotes
    this.everyone = reaches(matureVotes)
  }

  get maturity(): number {
    return this.everyone.short.maturity
  }

  cohort(name: string): Reaches | undefined {
    return this.#cohorts.get(name)
  }

  learnOne(summary: WindowSummary, weight: number, now: EventTime): void {
    let cohort = this.#cohorts.get(summary.cohort)
    if (cohort === undefined && this.#cohorts.size < MAX_COHORTS) {
      cohort = reaches(this.#matureVotes)
      this.#cohorts.set(summary.cohort, cohort)
    }
    const { scale, answered, trials } = summary
    if (answered > 0) {
      this.everyone[scale].learnOne(answered, weight, now)
      cohort?.[scale].learnOne(answered, weight, now)
    }
    if (scale === 'long') return
    this.refusals.learnOne(summary.refused, trials, weight, now)
    this.neighbours.learnOne(summary.neighbours, trials, weight, now)
    this.foreign.learnOne(summary.foreign, trials, weight, now)
  }
}

function reaches(matureVotes: number): Reaches {
  return { short: new PopulationTail(matureVotes), long: new PopulationTail(matureVotes) }
}
