import type { Transaction } from '../../../daemon/model/transaction.ts'
import { DistinctCounter } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { isAuthenticated, networkOf } from '../../baselines/principal-key.ts'

/** Networks of strangers whose requests are granted before an endpoint counts as open: then a bad token proves nothing. */
const OPEN_NETWORKS = 2

/** Whether an endpoint looks at credentials at all: it has answered 401, or it answers anybody. */
export class GuardedEndpoint {
  refusals = 0
  readonly #strangers = new DistinctCounter()

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
}
