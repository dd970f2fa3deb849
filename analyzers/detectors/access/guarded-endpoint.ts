import { z } from 'zod'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { isAuthenticated, networkOf } from '../../baselines/principal-key.ts'
import { amount } from '../../baselines/state.ts'
import { sourceAddress } from './answer.ts'

/** Networks of strangers whose requests are granted before an endpoint counts as open: then a bad token proves nothing. */
const OPEN_NETWORKS = 2
/** More where many show tokens: a few that got in are a hole, not the custom. Beyond the most it is open whatever else comes. */
const OPEN_SHARE = 0.02
const MOST_NETWORKS = 16
/** Of granted requests with a token, one in so many is noted. */
const NOTE_ONE_IN = 16

/** Refusals, networks of strangers, tokens noted. */
export const GuardedEndpointState = z.tuple([amount, DistinctState, amount])
export type GuardedEndpointState = z.infer<typeof GuardedEndpointState>

/** Whether an endpoint looks at credentials at all: it has answered 401, or it answers anybody. */
export class GuardedEndpoint {
  /** Tells whose request with a token is noted, of all endpoints of one detector. */
  static isNoted(turn: number): boolean {
    return turn % NOTE_ONE_IN === 0
  }

  refusals = 0
  /** Of granted requests that showed a token, those noted. */
  tokens = 0
  #strangers = new DistinctCounter()

  get refuses(): boolean {
    return this.refusals > 0
  }

  get isOpen(): boolean {
    const share = Math.min(MOST_NETWORKS, OPEN_SHARE * NOTE_ONE_IN * this.tokens)
    return this.refusals === 0 && this.#strangers.count >= Math.max(OPEN_NETWORKS, share)
  }

  /** A request that shows no token which can be read. */
  learnOne(tx: Transaction): void {
    if (tx.status === 401) this.refusals++
    else if (this.#strangers.count < MOST_NETWORKS && !isAuthenticated(tx.principal)) {
      this.#strangers.learnOne(hashText(networkOf(sourceAddress(tx))))
    }
  }

  toState(): GuardedEndpointState {
    return [this.refusals, this.#strangers.toState(), this.tokens]
  }

  static fromState([refusals, strangers, tokens]: GuardedEndpointState): GuardedEndpoint {
    const guarded = new GuardedEndpoint()
    guarded.refusals = refusals
    guarded.tokens = tokens
    guarded.#strangers = DistinctCounter.fromState(strangers)
    return guarded
  }
}
