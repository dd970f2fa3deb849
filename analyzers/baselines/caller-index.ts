import type { Principal } from '../../daemon/model/transaction.ts'
import type { TableRow } from './keyed-table.ts'
import { hashText } from './lookup-hash.ts'
import { Places } from './places.ts'
import { principalKey, voteKey } from './principal-key.ts'

/** Callers whose tables are found without a look-up; more of them, and the index starts over. */
const MAX_ROWS = 16_384

/** What all tables of callers know of one caller. */
export class CallerRow implements TableRow {
  /** principalKey. */
  readonly key: string
  /** voteKey. */
  readonly voter: string
  readonly values: unknown[]
  /** As which object it came last. */
  latest: Principal
  #hash = -1
  #voterHash = -1

  constructor(principal: Principal, key: string, tables: number) {
    this.latest = principal
    this.key = key
    this.voter = principal.kind === 'ip' ? voteKey(principal) : key
    this.values = new Array<unknown>(tables).fill(null)
  }

  /** hashText of the key. */
  get hash(): number {
    if (this.#hash < 0) this.#hash = hashText(this.key)
    return this.#hash
  }

  /** hashText of the voter. */
  get voterHash(): number {
    if (this.#voterHash < 0) this.#voterHash = this.voter === this.key ? this.hash : hashText(this.voter)
    return this.#voterHash
  }
}

/**
 * Finds a caller once a transaction for all detectors that keep something of callers. Each would otherwise put its key together, hash
 * it and look it up in a map of its own, in memory that is in no cache: a seventh of the cycles of all detectors. Decides nothing: the
 * tables keep their limits and who is in them, and a caller that is not in the index is looked up.
 *
 * Memory     16,384 callers of about 0.3 KiB; then it starts over, and 0.1 KiB of each stays while tables hold the caller
 */
export class CallerIndex {
  /** The endpoints that they reach, found alike. */
  readonly places = new Places()
  readonly #rows = new Map<string, CallerRow>()
  /** Those that came twice as the same object, as callers in packets do; not those of records that say who it was, each anew. */
  readonly #byPrincipal = new Map<Principal, CallerRow>()
  #principal: Principal | null = null
  #row: CallerRow | null = null
  #tables = 0

  /** The number of one more table. */
  addTable(): number {
    return this.#tables++
  }

  of(principal: Principal): CallerRow {
    if (principal === this.#principal) return this.#row!
    const row = this.#byPrincipal.get(principal) ?? this.#find(principal)
    this.#principal = principal
    this.#row = row
    return row
  }

  #find(principal: Principal): CallerRow {
    const key = principalKey(principal)
    let row = this.#rows.get(key)
    if (row === undefined) {
      if (this.#rows.size >= MAX_ROWS) {
        // Tables may hold on to a row for as long as its caller does not come: it must not hold on to what they keep.
        for (const each of this.#rows.values()) each.values.length = 0
        this.#rows.clear()
        this.#byPrincipal.clear()
      }
      row = new CallerRow(principal, key, this.#tables)
      this.#rows.set(key, row)
    } else if (row.latest === principal) {
      if (this.#byPrincipal.size >= MAX_ROWS) this.#byPrincipal.clear()
      this.#byPrincipal.set(principal, row)
    } else row.latest = principal
    return row
  }
}
