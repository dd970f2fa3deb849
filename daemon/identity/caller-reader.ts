import type { Head } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { CallerMemory, type KnownCaller } from './caller-memory.ts'
import { type CredentialOptions, CredentialReader, type Presented } from './credentials.ts'
import type { SecretHasher } from './login-attempt.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { TokenVerifier } from './token-verifier.ts'

/** The header an API key stood in, lower-case, and the key. */
export interface KeyHeader {
  readonly header: string
  readonly value: string | null
}

const NO_KEY: KeyHeader = { header: '', value: null }

/** Who the heads of requests say they are from. What comes again is known by its bytes. */
export class CallerReader {
  readonly credentials: CredentialReader
  /** Lower-case, in the order in which they count. */
  readonly #apiKeyHeaders: readonly string[]
  readonly #callers: CallerMemory

  constructor(
    pseudonyms: Pseudonyms,
    hasher: SecretHasher,
    options: CredentialOptions,
    verifier: TokenVerifier | null = null,
  ) {
    this.credentials = new CredentialReader(pseudonyms, hasher, options, verifier)
    this.#apiKeyHeaders = options.apiKeyHeaders.map((name) => name.toLowerCase())
    this.#callers = new CallerMemory(['authorization', 'cookie', ...this.#apiKeyHeaders])
  }

  /** What the same bytes meant before; null when they are not remembered. */
  recall(head: Head): KnownCaller | null {
    return head instanceof ParsedHead ? this.#callers.recall(head) : null
  }

  /** `query`: raw where it may name a caller, else ''. `known`: what `recall` said. `issued`: see Presented. */
  read(head: Head | null, query: string, issued: readonly string[], known: KnownCaller | null): Presented {
    if (head === null) return this.credentials.read(null, null, null, '', query, null, issued)
    const usual = query === '' && issued.length === 0
    if (known !== null && usual) return known.presented
    // One field (RFC 6265 §5.4): a second Cookie field is redacted like the first, but names nobody.
    const cookie = head.header('cookie')
    const key = this.apiKeyOf(head)
    const authorization = head.header('authorization')
    const presented = this.credentials.read(authorization, cookie, key.value, key.header, query, null, issued)
    if (usual && known === null && head instanceof ParsedHead) {
      this.#callers.keep(head, { host: head.header('host'), presented, clean: false })
    }
    return presented
  }

  apiKeyOf(head: Head): KeyHeader {
    for (const header of this.#apiKeyHeaders) {
      const value = head.header(header)
      if (value !== null) return { header, value }
    }
    return NO_KEY
  }

  /** Forgets every raw value. */
  close(): void {
    this.credentials.close()
    this.#callers.close()
  }
}
