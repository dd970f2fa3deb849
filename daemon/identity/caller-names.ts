import type { Principal } from '../model/transaction.ts'
import { redactSubject } from './jwt.ts'
import { isPseudonym, type Pseudonyms } from './pseudonym.ts'

/** `identity.names`: ids of one caller, and what it is called. */
export interface NamedCaller {
  readonly name: string
  /** Pseudonyms. The first is the id of all. */
  readonly ids: readonly string[]
}

/** `identity.display`: by which claim users of an issuer are shown; null: by their pseudonym. */
export interface DisplayRule {
  /** Null: any. */
  readonly issuer: string | null
  readonly claim: string | null
}

/** What an operator calls callers: keys that were rotated get one id, and users the name of a claim that was allowed. */
export class CallerNames {
  readonly #named = new Map<string, { readonly id: string; readonly name: string }>()
  readonly #rules: readonly DisplayRule[]
  readonly #pseudonyms: Pseudonyms

  constructor(names: readonly NamedCaller[], rules: readonly DisplayRule[], pseudonyms: Pseudonyms) {
    for (const { name, ids } of names) {
      for (const id of ids) this.#named.set(id, { id: ids[0]!, name })
    }
    this.#rules = rules
    this.#pseudonyms = pseudonyms
  }

  /** The same caller under the id and name that it was given. */
  of(principal: Principal): Principal {
    const named = this.#named.get(principal.id)
    return named === undefined ? principal : { ...principal, id: named.id, display: named.name }
  }

  /**
   * The name of a token's user, or null where only the pseudonym may be shown. Whatever a rule allows, an e-mail address, a phone number
   * and what looks like a secret are never shown. `claim`: reads one of the token as it came; without the token only its
   * redacted subject is known.
   */
  userName(
    issuer: string | null,
    subject: string | null,
    claim: ((name: string) => string | null) | null,
  ): string | null {
    const rule = this.#rules.find((each) => each.issuer === null || each.issuer === issuer)
    if (rule === undefined || rule.claim === 'sub') return subject === null || isPseudonym(subject) ? null : subject
    if (rule.claim === null) return null
    const text = claim === null ? null : claim(rule.claim)
    return text === null || redactSubject(text, this.#pseudonyms) !== text ? null : text
  }
}
