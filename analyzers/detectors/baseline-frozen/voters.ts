import { z } from 'zod'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'

export const VotersState = z.tuple([DistinctState, DistinctState])

/** Callers of one hour, and those among them who are under suspicion: each has one voice in what is usual, however much it asks for. */
export class Voters {
  readonly #all: DistinctCounter
  readonly #withheld: DistinctCounter

  constructor(all = new DistinctCounter(), withheld = new DistinctCounter()) {
    this.#all = all
    this.#withheld = withheld
  }

  add(hash: number, isSuspect: boolean): void {
    this.#all.learnOne(hash)
    if (isSuspect) this.#withheld.learnOne(hash)
  }

  get all(): number {
    return this.#all.count
  }

  get withheld(): number {
    return this.#withheld.count
  }

  toState(): z.infer<typeof VotersState> {
    return [this.#all.toState(), this.#withheld.toState()]
  }

  static fromState([all, withheld]: z.infer<typeof VotersState>): Voters {
    return new Voters(DistinctCounter.fromState(all), DistinctCounter.fromState(withheld))
  }
}
