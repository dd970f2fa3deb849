import type { Transaction } from '../../daemon/model/transaction.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import type { Truth } from '../../world/exchange.ts'
import { Pairs } from './pairs.ts'
import { Templates } from './templates.ts'

export interface MapScore {
  readonly transactions: number
  /** After the first `warmUp` transactions. */
  readonly templates: Templates
  /** Of the transactions that something on the wire ties to their actor. */
  readonly principals: Pairs
  /** Established endpoints that only probing ever called. */
  readonly junk: readonly string[]
  readonly established: number
  /** Lines of output in which a secret stood. */
  readonly leaks: number
}

/** Judges who and what, over a whole run. `traces`: texts that stand in secrets only. */
export class MapJudge {
  readonly #warmUp: number
  readonly #traces: readonly string[]
  readonly #templates = new Templates()
  readonly #principals = new Pairs()
  readonly #established = new Map<string, boolean>()
  #transactions = 0
  #leaks = 0

  constructor(warmUp: number, traces: readonly string[]) {
    this.#warmUp = warmUp
    this.#traces = traces
  }

  take(transaction: Transaction, truth: Truth): void {
    this.#transactions++
    const { endpoint, principal, service, knownEndpoint } = transaction
    if (this.#transactions > this.#warmUp && truth.operation !== null) {
      this.#templates.add(truth.service, truth.operation, endpoint)
    }
    if (truth.known) this.#principals.add(truth.actor, `${principal.kind} ${principal.id}`)
    if (knownEndpoint) {
      const key = `${service} ${endpoint}`
      const probed = truth.operation === null && truth.attack?.startsWith('scan.') === true
      this.#established.set(key, (this.#established.get(key) ?? true) && probed)
    }
    const line = encodeTransaction(transaction)
    if (this.#traces.some((trace) => line.includes(trace))) this.#leaks++
  }

  score(): MapScore {
    return {
      transactions: this.#transactions,
      templates: this.#templates,
      principals: this.#principals,
      junk: [...this.#established].filter(([, junk]) => junk).map(([key]) => key),
      established: this.#established.size,
      leaks: this.#leaks,
    }
  }
}
