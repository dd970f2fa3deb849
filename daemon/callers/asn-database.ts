import { Reader } from 'mmdb-lib'
import { BoundedMap } from '../identity/bounded-map.ts'
import type { Asn } from '../model/transaction.ts'

const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1')
/** Addresses whose answer is kept: telling one takes microseconds. */
const MAX_KEPT = 16_384
const MAX_ORGANISATION = 64
/** Records that are looked at before a database is said to name no autonomous system, and steps to them. */
const FEW_RECORDS = 64
const MOST_STEPS = 4096
const IPV4_ADDRESSES = 2 ** 32

/** The fields of MaxMind, DB-IP and those that are compatible, and of IPinfo. */
interface Said {
  readonly autonomous_system_number?: unknown
  readonly autonomous_system_organization?: unknown
  readonly asn?: unknown
  readonly as_name?: unknown
  readonly name?: unknown
}

/**
 * Whose network an address is in, by an MMDB file of the operator: GeoLite2-ASN, GeoIP2-ISP, DB-IP's ASN Lite, IPinfo. The whole file stays
 * in memory; answers are kept for the addresses that came last.
 */
export class AsnDatabase {
  /** `GeoLite2-ASN`, as the file calls itself. */
  readonly kind: string
  readonly madeAt: Date
  readonly #reader: Reader<never>
  readonly #kept = new BoundedMap<string, Asn | null>(MAX_KEPT)
  /** One object per number. */
  readonly #owners = new Map<number, Asn>()

  /** Throws an Error whose message ends a sentence about the file. */
  constructor(file: Buffer) {
    if (!file.includes(MARKER)) throw new Error('it is no MMDB file')
    this.#reader = new Reader(file)
    const { databaseType, buildEpoch } = this.#reader.metadata
    this.kind = String(databaseType)
    this.madeAt = buildEpoch
    if (!this.#names()) throw new Error(`it names no autonomous systems (it is a ${this.kind.slice(0, 64)})`)
  }

  /** Null where nobody is known to announce the address, or it is none. */
  of(address: string): Asn | null {
    const known = this.#kept.get(address)
    if (known !== undefined) return known
    const owner = this.#read(address)
    this.#kept.set(address, owner)
    return owner
  }

  #read(address: string): Asn | null {
    const mapped = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
    let said: Said | null
    try {
      said = this.#reader.get(mapped)
    } catch {
      // No address, or a damaged record.
      return null
    }
    const number = numberOf(said)
    if (said === null || number === null) return null
    const owner = this.#owners.get(number) ?? { number, organisation: organisationOf(said) }
    this.#owners.set(number, owner)
    return owner
  }

  /** Whether one of the first records names a number; true of a file without IPv4. */
  #names(): boolean {
    let records = 0
    let at = 0
    for (let step = 0; step < MOST_STEPS && at < IPV4_ADDRESSES; step++) {
      const [said, length] = this.#reader.getWithPrefixLength(dotted(at)) as [Said | null, number]
      if (numberOf(said) !== null) return true
      if (said !== null && ++records >= FEW_RECORDS) return false
      at += 2 ** (32 - length)
    }
    return records === 0
  }
}

function numberOf(said: Said | null): number | null {
  const number = said?.autonomous_system_number ?? said?.asn
  const digits = typeof number === 'string' ? /^(?:AS)?(\d{1,10})$/i.exec(number)?.[1] : undefined
  const read = digits === undefined ? number : Number(digits)
  return typeof read === 'number' && Number.isInteger(read) && read > 0 && read < IPV4_ADDRESSES ? read : null
}

function organisationOf(said: Said): string | null {
  const name = said.autonomous_system_organization ?? said.as_name ?? said.name
  return typeof name === 'string' && name.trim() !== '' ? name.trim().slice(0, MAX_ORGANISATION) : null
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
