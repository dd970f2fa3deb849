import { BoundedMap } from './bounded-map.ts'
import { CDN_HEADERS, type Cdn, canonicalAddress, type Trust, TrustedHops } from './forwarded.ts'
import type { HeaderIndex } from './header-index.ts'
import type { TransactionRecord } from './record.ts'

/** Addresses that are remembered. */
const RECENT = 16_384

/** An address as it is written here, and how far it is trusted as a hop. */
interface Address {
  readonly text: string
  readonly trust: Trust
}

/** Who sent the requests of native records, and who stands behind them. */
export class NativePeers {
  /** Lower-case names of the headers that say who stands behind a peer. */
  readonly headers: readonly string[]
  readonly #hops: TrustedHops
  readonly #cdnHeader: string | null
  readonly #addresses = new BoundedMap<string, Address | null>(RECENT)

  constructor(trustedHops: readonly string[], cdn: Cdn | null) {
    this.#hops = new TrustedHops(trustedHops)
    this.#cdnHeader = cdn === null ? null : CDN_HEADERS[cdn]
    this.headers = ['x-forwarded-for', 'forwarded', 'x-real-ip', ...(this.#cdnHeader === null ? [] : [this.#cdnHeader])]
  }

  /** Null for what is no address. */
  address(text: string | null): Address | null {
    if (text === null) return null
    const known = this.#addresses.get(text)
    if (known !== undefined) return known
    const canonical = canonicalAddress(text)
    const address = canonical === null ? null : { text: canonical, trust: this.#hops.trust(canonical) }
    this.#addresses.set(text, address)
    return address
  }

  /**
   * Sets who stands behind `peer`: as the record says (`given`), else as its headers do, where the peer is trusted. True: its headers
   * name somebody.
   */
  forwarding(tx: TransactionRecord, given: readonly string[] | null, headers: HeaderIndex, peer: Trust): boolean {
    const forwardedFor = headers.joined('x-forwarded-for', ', ')
    const forwarded = headers.joined('forwarded', ', ')
    const realIp = headers.first('x-real-ip')
    const named = this.#cdnHeader === null ? null : headers.first(this.#cdnHeader)
    const said = forwardedFor !== null || forwarded !== null || realIp !== null || named !== null
    if (given !== null) {
      if (given.length > 0) tx.forwarded = given.flatMap((each) => canonicalAddress(each) ?? [])
      tx.trust = peer
    } else if (said) {
      const caller = this.#hops.caller(peer, forwardedFor, forwarded, realIp, named)
      tx.forwarded = caller.forwarded
      tx.trust = caller.trust
      if (caller.beyond === true) tx.addWeird('forwarded.beyond')
    }
    return said
  }
}
