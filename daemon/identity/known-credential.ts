import type { Principal } from '../model/transaction.ts'
import type { CallerAddress } from './caller-address.ts'

/** What is known of a credential that the server accepted, or handed out. */
export class KnownCredential {
  /** Who it belongs to, where somebody else than itself says so. */
  owner: Principal | null = null
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
}
