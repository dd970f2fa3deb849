import type { Principal } from '../model/transaction.ts'
import { BoundedMap } from './bounded-map.ts'
import { shortPseudonym } from './pseudonym.ts'

/** An account that somebody logged in to. */
export class Account {
  readonly principal: Principal
  /** Requests stood for it already. */
  used: boolean
  /** The user it turned out to be. */
  person: Principal | null

  constructor(id: string, used = false, person: Principal | null = null) {
    this.principal = { kind: 'user', id, display: shortPseudonym(id), via: 'login', app: null }
    this.used = used
    this.person = person
  }
}

/**
 * Which account is which user of a token. One who came by password before any token of theirs keeps the id of the account, under the name
 * that the token gives them; any other account becomes the user. So nobody has two ids after they were known by one.
 */
export class People {
  readonly #accounts: BoundedMap<string, Account>
  /** Users of tokens that counted, by id: as whom they are shown. */
  readonly #users: BoundedMap<string, Principal>

  constructor(limit: number) {
    this.#accounts = new BoundedMap(limit)
    this.#users = new BoundedMap(limit)
  }

  account(id: string): Account {
    const known = this.#accounts.get(id)
    if (known !== undefined) return known
    const account = new Account(id)
    this.#accounts.set(id, account)
    return account
  }

  /** As whom a token's user is shown. */
  personOf(user: Principal): Principal {
    const known = this.#users.get(user.id)
    if (known !== undefined) return known
    this.#users.set(user.id, user)
    return user
  }

  /** A token that a login to the account handed out names a user. The first one of an account stays: nobody moves between tenants. */
  join(account: Account, user: Principal): Principal {
    const isNew = this.#users.peek(user.id) === undefined
    if (account.person === null && account.used && isNew)
      this.#users.set(user.id, { ...user, id: account.principal.id })
    const person = this.personOf(user)
    account.person ??= person
    return person
  }

  sizes() {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return { accounts: size(this.#accounts), people: size(this.#users) }
  }

  accounts(): readonly [string, Account][] {
    return this.#accounts.entries()
  }

  users(): readonly [string, Principal][] {
    return this.#users.entries()
  }

  restoreAccount(id: string, used: boolean, person: Principal | null): void {
    this.#accounts.set(id, new Account(id, used, person))
  }

  restoreUser(id: string, person: Principal): void {
    this.#users.set(id, person)
  }

  clear(): void {
    this.#accounts.clear()
    this.#users.clear()
  }
}
