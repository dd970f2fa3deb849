import type { Trust } from '../identity/forwarded.ts'
import { TransactionRecord } from '../identity/record.ts'
import { callerAddress, type Transaction } from '../model/transaction.ts'

/** Who told whom they speak for, and how far they were believed: a peer, or an address that one it sent named more behind. */
export interface HopState {
  readonly address: string
  /** As of the latest request. */
  readonly trust: Trust
  readonly requests: number
}

/** Proxies are few, and go on: whoever lies takes the place of another who lied less. */
const MAX_HOPS = 64
const UNTRUSTED = ['forwarded.untrusted', 'certificate.untrusted']
const BEYOND = 'forwarded.beyond'

/** Who sends X-Forwarded-For and its like, for whoever has to decide whom to believe. */
export class HopTally {
  readonly #hops = new Map<string, { trust: Trust; requests: number }>()

  observe(tx: Transaction): void {
    if (!(tx instanceof TransactionRecord)) return
    const told = tx.forwarded.length > 0
    const weirds = tx.ownWeirds
    if (told) this.#note(tx.clientIp, tx.trust)
    else if (weirds.length > 0 && UNTRUSTED.some((weird) => weirds.includes(weird))) this.#note(tx.clientIp, 'none')
    if (told && weirds.length > 0 && weirds.includes(BEYOND)) this.#note(callerAddress(tx), 'none')
  }

  #note(address: string, trust: Trust): void {
    const hop = this.#hops.get(address)
    if (hop !== undefined) {
      hop.requests++
      hop.trust = trust
      return
    }
    if (this.#hops.size >= MAX_HOPS && !this.#leave()) return
    this.#hops.set(address, { trust, requests: 1 })
  }

  /** The one with the fewest requests of those that nobody believes goes. */
  #leave(): boolean {
    let least: string | null = null
    let fewest = Number.POSITIVE_INFINITY
    for (const [address, { trust, requests }] of this.#hops) {
      if (trust !== 'none' || requests >= fewest) continue
      least = address
      fewest = requests
    }
    return least !== null && this.#hops.delete(least)
  }

  list(): HopState[] {
    return [...this.#hops].map(([address, { trust, requests }]) => ({ address, trust, requests }))
  }

  restore(hops: readonly HopState[]): void {
    for (const { address, trust, requests } of hops.slice(0, MAX_HOPS)) this.#hops.set(address, { trust, requests })
  }
}
