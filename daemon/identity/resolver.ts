import type { LoginMark, Principal, Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Credential, Presented } from './credentials.ts'
import { addressPrincipal, type Trust } from './forwarded.ts'
import { GuessMemory } from './guess-memory.ts'
import { TransactionRecord } from './record.ts'

export interface ResolverOptions {
  /** Credentials known to be good, and sessions whose user is known; the longest unused go first. */
  readonly maxCredentials: number
  readonly maxAddresses: number
}

export const RESOLVER_DEFAULTS: ResolverOptions = { maxCredentials: 262_144, maxAddresses: 65_536 }

/**
 * Who made a request: the most specific authenticated actor, in the order of contracts.md. Runs in the analysis stage, over
 * transactions in their total order, so it answers the same for every arrangement of workers.
 *
 * A credential counts from the answer on that accepts it (2xx, 3xx that is no login page), or when an earlier answer handed
 * it out. Until then it stands for nobody: what a scanner makes up is refused, and the scanner stays its address. A 5xx
 * says neither. Once good, a credential goes on standing for its owner, also where access is denied.
 */
export class Resolver {
  readonly #accepted: BoundedMap<string, true>
  /** The user a session belongs to. */
  readonly #users: BoundedMap<string, Principal>
  readonly #addresses: BoundedMap<string, Principal>
  readonly #guesses = new GuessMemory()
  readonly #telemetry: Telemetry | null

  constructor(options: ResolverOptions = RESOLVER_DEFAULTS, telemetry: Telemetry | null = null) {
    this.#accepted = new BoundedMap(options.maxCredentials)
    this.#users = new BoundedMap(options.maxCredentials)
    this.#addresses = new BoundedMap(options.maxAddresses)
    this.#telemetry = telemetry
  }

  /** Sets `principal`, and the mark of a login attempt. */
  resolve(transaction: Transaction): void {
    if (!(transaction instanceof TransactionRecord)) return
    const record = transaction
    if (record.login !== null) {
      const { field, account } = record.login
      const mark: LoginMark = { kind: 'login', field, account, guess: this.#guesses.judge(record.login) }
      record.marks = [...record.marks, mark]
      record.login = null
    }
    if (record.loginGranted) this.#linkLogin(record.presented.issued, accountTried(record))
    const presented = record.presented
    if (presented.issued.length > 0) for (const proof of presented.issued) this.#accepted.set(proof, true)
    record.principal = record.givenPrincipal ?? this.#actor(record, presented) ?? this.#caller(record)
  }

  sizes(): Readonly<Record<string, { readonly entries: number; readonly limit: number; readonly evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return {
      credentials: size(this.#accepted),
      session_users: size(this.#users),
      addresses: size(this.#addresses),
      ...this.#guesses.sizes(),
    }
  }

  #actor(record: TransactionRecord, presented: Presented): Principal | null {
    const { user, basic, sessions, apiKey, consumer } = presented
    if (user === null && basic === null && sessions.length === 0 && apiKey === null && consumer === null) return null
    const accepts = answerAccepts(record)
    const app = apiKey !== null && this.#counts(apiKey, accepts) ? apiKey.principal.id : null

    if (user !== null && this.#counts(user, accepts)) {
      if (accepts) this.#linkSessions(sessions, user.principal)
      return withApp(user.principal, app)
    }
    let session: Principal | null = null
    for (const each of sessions) {
      if (!this.#counts(each, accepts)) continue
      const owner = this.#users.get(each.proof)
      if (owner !== undefined) return withApp(owner, app)
      session ??= each.principal
    }
    if (basic !== null && this.#counts(basic, accepts)) {
      if (accepts) this.#linkSessions(sessions, basic.principal)
      return withApp(basic.principal, app)
    }
    if (session !== null) return withApp(session, app)
    if (app !== null && apiKey !== null) return apiKey.principal
    if (consumer !== null && this.#counts(consumer, accepts)) return consumer.principal
    this.#telemetry?.counters.add('identity.credential_not_accepted')
    return null
  }

  #counts(credential: Credential, accepts: boolean): boolean {
    if (this.#accepted.get(credential.proof) !== undefined) return true
    if (accepts) this.#accepted.set(credential.proof, true)
    return accepts
  }

  #linkSessions(sessions: readonly Credential[], owner: Principal): void {
    for (const session of sessions) this.#users.set(session.proof, owner)
  }

  /** The session that a login hands out belongs to the account that logged in. */
  #linkLogin(issued: readonly string[], account: string | null): void {
    if (issued.length === 0 || account === null) return
    const owner: Principal = { kind: 'user', id: account, display: account.slice(0, 13), via: 'login', app: null }
    for (const proof of issued) this.#users.set(proof, owner)
  }

  #caller(record: TransactionRecord): Principal {
    const forwarded = record.forwarded
    const address = forwarded.length === 0 ? record.clientIp : forwarded[forwarded.length - 1]!
    const via = forwarded.length === 0 ? 'peer' : viaOf(record.trust)
    const key = via === 'peer' ? address : `${via} ${address}`
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    const id = addressPrincipal(address)
    const principal: Principal = { kind: 'ip', id, display: id, via, app: null }
    this.#addresses.set(key, principal)
    return principal
  }
}

function accountTried({ marks }: TransactionRecord): string | null {
  const mark = marks.findLast((each) => each.kind === 'login')
  return mark?.kind === 'login' ? mark.account : null
}

function viaOf(trust: Trust): string {
  return trust === 'configured' ? 'forwarded' : 'forwarded.default'
}

function withApp(principal: Principal, app: string | null): Principal {
  return app === null ? principal : { ...principal, app }
}

function answerAccepts(record: TransactionRecord): boolean {
  const status = record.status
  return status !== null && status >= 101 && status < 400 && !record.sentToLogin
}
