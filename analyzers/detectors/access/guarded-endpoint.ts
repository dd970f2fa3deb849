import { z } from 'zod'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { isAuthenticated, networkOf } from '../../baselines/principal-key.ts'
import { amount } from '../../baselines/state.ts'

/** Networks of strangers whose requests are granted before an endpoint counts as open: then a bad token proves nothing. */
const OPEN_NETWORKS = 2

/** Refusals, networks of strangers. */
export const GuardedEndpointState = z.tuple([amount, DistinctState])
export type GuardedEndpointState = z.infer<typeof GuardedEndpointState>

/** Whether an endpoint looks at credentials at all: it has answered 401, or it answers anybody. */
export class GuardedEndpoint {
  refusals = 0
  #strangers = new DistinctCounter()

  get refuses(): boolean {
    return this.refusals > 0
  }

  get isOpen(): boolean {
    return this.refusals === 0 && this.#strangers.count >= OPEN_NETWORKS
  }

  /** A request that shows no token which can be read. */
  learnOne(tx: Transaction): void {
    if (tx.status === 401) this.refusals++
    else if (this.#strangers.count < OPEN_NETWORKS && !isAuthenticated(tx.principal)) {
      this.#strangers.learnOne(hashText(networkOf(tx.clientIp)))
    }
  }

  toState(): GuardedEndpointState {
    return [this.refusals, this.#strangers.toState()]
  }

  static fromState([refusals, strangers]: GuardedEndpointState): GuardedEndpoint {
    const guarded = new GuardedEndpoint()
    guarded.refusals = refusals
    guarded.#strangers = DistinctCounter.fromState(strangers)
    return guarded
  }
}
