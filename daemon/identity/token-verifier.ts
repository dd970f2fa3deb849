import { type EventTime, SECOND_US } from '../model/time.ts'
import type { Claims } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { Presented } from './credentials.ts'
import { KeySets, type KeySource } from './key-set.ts'

/** Signatures checked in a second of event time: at 0.1 ms each, a tenth of a core. */
const MOST_A_SECOND = 1000

/**
 * Checks the tokens that servers accepted against the keys that the operator supplied, each token once: what a server refused
 * needs no check, so a flood of refused forgeries costs nothing. What was said of a token is kept as long as the token itself
 * is remembered.
 */
export class TokenVerifier {
  readonly #keys: KeySets
  readonly #counters: Counters
  /** The raw token that claims were read from. */
  #tokens = new WeakMap<Claims, string>()
  #checked = new WeakMap<Claims, Claims>()
  #second = Number.NEGATIVE_INFINITY
  #checks = 0

  constructor(sources: readonly KeySource[], counters: Counters) {
    this.#keys = new KeySets(sources)
    this.#counters = counters
  }

  remember(claims: Claims, token: string): void {
    this.#tokens.set(claims, token)
  }

  /** The same with the verdict on its token, for an answer that accepted it. */
  verified(presented: Presented, now: EventTime): Presented {
    const { claims } = presented
    if (claims === null) return presented
    const token = this.#tokens.get(claims)
    if (token === undefined) return presented
    let checked = this.#checked.get(claims)
    if (checked === undefined) {
      if (!this.#mayCheck(now)) return { ...presented, claims: { ...claims, verified: 'unknown' } }
      const verified = this.#keys.verdict(token, claims.iss, claims.alg, claims.kid)
      this.#counters.add(`identity.tokens_verified_${verified}`)
      checked = { ...claims, verified }
      this.#checked.set(claims, checked)
    }
    return { ...presented, claims: checked }
  }

  /** Forgets every raw token. */
  close(): void {
    this.#tokens = new WeakMap()
    this.#checked = new WeakMap()
  }

  #mayCheck(now: EventTime): boolean {
    const second = Math.floor(now / SECOND_US)
    if (second !== this.#second) {
      this.#second = second
      this.#checks = 0
    }
    if (++this.#checks <= MOST_A_SECOND) return true
    this.#counters.add('identity.tokens_not_checked')
    return false
  }
}
