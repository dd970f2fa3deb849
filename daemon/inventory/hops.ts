import type { Trust } from '../identity/forwarded.ts'
import { TransactionRecord } from '../identity/record.ts'
import type { Transaction } from '../model/transaction.ts'

/** A peer that told whom it speaks for, and how far it was believed. */
export interface HopState {
  readonly address: string
  /** As of the latest request. */
  readonly trust: Trust
  readonly requests: number
}

/** Proxies are few: the first so many count, what a flood of liars brings is left out. */
const MAX_HOPS = 64
const UNTRUSTED = ['forwarded.untrusted', 'certificate.untrusted']

/** Who sends X-Forwarded-For and its like, for whoever has to decide whom to believe. */
export class HopTally {
  readonly #hops = new Map<string, { trust: Trust; requests: number }>()

  observe(tx: Transaction): void {
    if (!(tx instanceof TransactionRecord)) return
    const told = tx.forwarded.length > 0
    if (!told && (tx.ownWeirds.length === 0 || !UNTRUSTED.some((weird) => tx.ownWeirds.includes(weird)))) return
    const trust = told ? tx.trust : 'none'
    const hop = this.#hops.get(tx.clientIp)
    if (hop !== undefined) {
      hop.requests++
      hop.trust = trust
    } else if (this.#hops.size < MAX_HOPS) this.#hops.set(tx.clientIp, { trust, requests: 1 })
  }

  list(): HopState[] {
    return [...this.#hops].map(([address, { trust, requests }]) => ({ address, trust, requests }))
  }

  restore(hops: readonly HopState[]): void {
    for (const { address, trust, requests } of hops.slice(0, MAX_HOPS)) this.#hops.set(address, { trust, requests })
  }
}
