import { BoundedMap } from './bounded-map.ts'
import { KeyedHash } from './keyed-hash.ts'
import { type PrivacyKey, takesKey } from './privacy-key.ts'

/** What stands where a password, one-time code or card number stood: no sameness survives. */
export const REDACTED = 'redacted'
export const PREFIX = 'hmac:'

/**
 * What a pseudonym stands for. A secret has one kind wherever it stands (header, query, cookie, body), so that its
 * pseudonyms agree; a name of a person and a token that happen to be the same text must not merge.
 */
export type PseudonymKind = 'secret' | 'account' | 'user' | 'client'

/** Length of every pseudonym: prefix and 32 hex digits. */
export const PSEUDONYM_LENGTH = PREFIX.length + 32

const PSEUDONYM = /^hmac:[0-9a-f]{32}$/

export function isPseudonym(text: string): boolean {
  return text.length === PSEUDONYM_LENGTH && PSEUDONYM.test(text)
}

/** The first digits of a pseudonym, for people. */
export function shortPseudonym(pseudonym: string): string {
  return pseudonym.slice(0, PREFIX.length + 8)
}

const CACHE_ENTRIES = 65_536
const CACHE_CHARACTERS = 16 * 1024 * 1024

/**
 * Keyed pseudonyms: HMAC-SHA-256 over the kind and the value, cut to 128 bits. An HMAC costs microseconds, so recent
 * values are remembered, in memory only and up to a fixed size; `close` forgets them.
 */
export class Pseudonyms {
  readonly keyId: string
  readonly #key: PrivacyKey
  readonly #hash: KeyedHash
  readonly #recent: Readonly<Record<PseudonymKind, BoundedMap<string, string>>>

  constructor(key: PrivacyKey, cacheEntries = CACHE_ENTRIES, cacheCharacters = CACHE_CHARACTERS) {
    this.keyId = key.id
    this.#key = key
    this.#hash = new KeyedHash(key.bytes)
    const cache = () => new BoundedMap<string, string>(cacheEntries, cacheCharacters)
    this.#recent = { secret: cache(), account: cache(), user: cache(), client: cache() }
  }

  /** Whether pseudonyms of this key id stand beside ours: made under our key, or under one that it follows. */
  takes(keyId: string): boolean {
    return takesKey(this.#key, keyId)
  }

  of(kind: PseudonymKind, value: string): string {
    const recent = this.#recent[kind]
    const known = recent.get(value)
    if (known !== undefined) return known
    const pseudonym = PREFIX + this.#hash.hex(`${kind}\0${value}`).slice(0, 32)
    recent.set(value, pseudonym, value.length + 64)
    return pseudonym
  }

  secret(value: string): string {
    return this.of('secret', value)
  }

  /** 32 bytes of keyed hash, for ids and derived keys. Not remembered. */
  digest(domain: string, value: string): Buffer {
    return this.#hash.bytes(`${domain}\0${value}`)
  }

  close(): void {
    for (const recent of Object.values(this.#recent)) recent.clear()
  }
}
