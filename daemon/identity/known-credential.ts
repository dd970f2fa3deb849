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
  #last: Principal | null = null
  #lastOf: Principal | null = null
  #lastApp: string | null = null

  /** `principal` beside `app`: a caller shows the same key again, so the same object stands for both again. */
  beside(principal: Principal, app: string | null): Principal {
    if (app === null) return principal
    if (this.#last !== null && this.#lastOf === principal && this.#lastApp === app) return this.#last
    this.#last = { ...principal, app }
    this.#lastOf = principal
    this.#lastApp = app
    return this.#last
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
