import type { Principal } from '../model/transaction.ts'
import type { CallerAddress } from './caller-address.ts'
import type { KeyGroup } from './key-group.ts'
import type { Account } from './people.ts'

/** What is known of a credential that the server accepted, or handed out. */
export class KnownCredential {
  /** Who it belongs to, where somebody else than itself says so; the account it was handed out to, while nobody says who that is. */
  owner: Principal | null = null
  account: Account | null = null
  /** Of a token with a subject: as whom that user is shown. */
  person: Principal | null = null
  /** Of an API key: the keys that a gateway says are of the same consumer. */
  keys: KeyGroup | null = null
  /** Where it was last shown. */
  addressText = ''
  address: CallerAddress | null = null
  /** Accepted answers there. */
  answersHere = 0
  /** The address it counts as young at; null once it came a second time, or was handed out. */
  young: CallerAddress | null = null
  answers = 0
  /** As whom it was last shown. */
  #shown: Principal | null = null
  #last: Principal | null = null
  #lastOf: Principal | null = null
  #lastApp: string | null = null

  /**
   * `principal` beside `app`. The same object stands for the same caller again, so that what is kept of callers is found by texts
   * that were hashed and compared before.
   */
  beside(principal: Principal, app: string | null): Principal {
    const shown = this.#shownAs(principal)
    if (app === null) return shown
    if (this.#last !== null && this.#lastOf === shown && this.#lastApp === app) return this.#last
    this.#last = { ...shown, app }
    this.#lastOf = shown
    this.#lastApp = app
    return this.#last
  }

  #shownAs(principal: Principal): Principal {
    const shown = this.#shown
    if (shown !== null && (shown === principal || isSame(shown, principal))) return shown
    this.#shown = principal
    return principal
  }

  /** Whoever has logged in, or somebody whom a token names; null: it stands for itself. */
  holder(): Principal | null {
    const { account } = this
    if (account === null) return this.owner
    const { person } = account
    if (person === null) {
      account.used = true
      return account.principal
    }
    this.owner = person
    this.account = null
    return person
  }

  /** It belongs to whom another belongs to, as far as that is known. */
  inherit({ owner, account }: KnownCredential): void {
    if (owner === null && account === null) return
    this.owner = owner
    this.account = account
  }

  belongsTo(owner: Principal): void {
    this.owner = owner
    this.account = null
  }
}

function isSame(a: Principal, b: Principal): boolean {
  return a.id === b.id && a.kind === b.kind && a.display === b.display && a.via === b.via && a.app === b.app
}
