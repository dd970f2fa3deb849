import { callerAddress, type LoginMark, type Principal, type Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Admission, answerAccepts } from './admission.ts'
import { BoundedMap } from './bounded-map.ts'
import { CallerAddress } from './caller-address.ts'
import { CERTIFICATE, CERTIFICATE_BY_DEFAULT } from './certificate.ts'
import { type Credential, PLACE, type Presented } from './credentials.ts'
import { addressPrincipal, type Trust } from './forwarded.ts'
import { GuessMemory } from './guess-memory.ts'
import { KeyGroup, KeyGroups } from './key-group.ts'
import { KnownCredential } from './known-credential.ts'
import { type Account, People } from './people.ts'
import { isPseudonym } from './pseudonym.ts'
import { TransactionRecord } from './record.ts'
import { type KnownLine, readKnownLine } from './resolver-state.ts'

export interface ResolverOptions {
  /** Credentials known to be good, and sessions whose user is known; the longest unused go first. */
  readonly maxCredentials: number
  readonly maxAddresses: number
}

/** Accepted answers after which somebody is at home at an address, and a mask: again each 1,024 after. */
const AT_HOME = 8
const AT_HOME_AGAIN = 1023

export const RESOLVER_DEFAULTS: ResolverOptions = { maxCredentials: 262_144, maxAddresses: 65_536 }

/**
 * Who made a request: the most specific authenticated actor, in the order of contracts.md. Runs in the analysis stage, over
 * transactions in their total order, so it answers the same for every arrangement of workers.
 *
 * A credential counts from the answer on that accepts it (2xx, 3xx that is no login page; see Admission), or when an earlier
 * answer handed it out. Until then it stands for nobody: what a scanner makes up is refused, and the scanner stays its
 * address. A 5xx says neither. Once good, a credential goes on standing for its owner, also where access is denied.
 */
export class Resolver {
  readonly #credentials: BoundedMap<string, KnownCredential>
  readonly #people: People
  readonly #keyGroups: KeyGroups
  /** By address as seen, and by /64 for IPv6. */
  readonly #addresses: BoundedMap<string, CallerAddress>
  readonly #admission = new Admission()
  readonly #guesses = new GuessMemory()
  readonly #telemetry: Telemetry | null
  /** The record that is resolved was learnt before. */
  #again = false

  constructor(options: ResolverOptions = RESOLVER_DEFAULTS, telemetry: Telemetry | null = null) {
    this.#credentials = new BoundedMap(options.maxCredentials)
    this.#people = new People(options.maxCredentials)
    this.#keyGroups = new KeyGroups(options.maxAddresses)
    this.#addresses = new BoundedMap(options.maxAddresses)
    this.#telemetry = telemetry
  }

  /** Sets `principal`, and the mark of a login attempt. `again`: it was learnt before, and counts nowhere. */
  resolve(transaction: Transaction, again = false): void {
    if (!(transaction instanceof TransactionRecord)) return
    const record = transaction
    this.#again = again
    if (record.login !== null) {
      const { field, account } = record.login
      const mark: LoginMark = { kind: 'login', field, account, guess: this.#guesses.judge(record.login) }
      record.marks = [...record.marks, mark]
      record.login = null
    }
    const { presented } = record
    if (presented.issued.length > 0) this.#handOut(record, presented.issued)
    record.principal = record.givenPrincipal ?? this.#actor(record, presented) ?? this.#caller(record)
  }

  sizes(): Readonly<Record<string, { readonly entries: number; readonly limit: number; readonly evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return {
      credentials: size(this.#credentials),
      ...this.#people.sizes(),
      ...this.#keyGroups.sizes(),
      addresses: size(this.#addresses),
      ...this.#admission.sizes(),
      ...this.#guesses.sizes(),
    }
  }

  /** Whose sessions are, which accounts are one person, rotated keys and shared addresses: the last to go first. */
  *snapshot(): IterableIterator<KnownLine> {
    for (const [id, { used, person }] of this.#people.accounts()) yield ['account', id, used, person]
    for (const [id, person] of this.#people.users()) yield ['user', id, person]
    for (const [proof, { first, keys }] of this.#keyGroups.entries()) yield ['consumer', proof, first, keys]
    for (const [proof, { account, owner }] of this.#credentials.entries()) {
      // What is hashed under a key of this process means nothing to the next.
      if (!isPseudonym(proof)) continue
      if (account !== null) yield ['session', proof, account.principal.id]
      else if (owner !== null) yield ['owned', proof, owner]
    }
    for (const [key, address] of this.#addresses.entries()) {
      if (address.sharedUntil > 0 && key === addressKey(address.principal)) {
        yield ['shared', address.principal, address.sharedUntil, address.people()]
      }
    }
  }

  /** Puts back one value of `snapshot`, in its order. Throws when it is none. */
  restore(value: unknown): void {
    const line = readKnownLine(value)
    switch (line[0]) {
      case 'account':
        this.#people.restoreAccount(line[1], line[2], line[3])
        break
      case 'user':
        this.#people.restoreUser(line[1], line[2])
        break
      case 'consumer':
        this.#keyGroups.restore(line[1], new KeyGroup(line[2], line[3]))
        break
      case 'session':
        this.#admit(line[1]).account = this.#people.account(line[2])
        break
      case 'owned':
        this.#admit(line[1]).belongsTo(line[2])
        break
      case 'shared': {
        const address = new CallerAddress(line[1])
        address.restore(line[2], line[3])
        this.#addresses.set(addressKey(line[1]), address)
      }
    }
  }

  /** Begins anew. */
  reset(): void {
    this.#credentials.clear()
    this.#people.clear()
    this.#keyGroups.clear()
    this.#addresses.clear()
  }

  #actor(record: TransactionRecord, presented: Presented): Principal | null {
    const { user, basic, sessions, apiKey, consumer } = presented
    if (user === null && basic === null && sessions.length === 0 && apiKey === null && consumer === null) {
      // A login or a grant shows what it has in its body.
      if (!this.#again && record.wholeHead && record.marks.length === 0 && presented.issued.length === 0)
        this.#admission.learn(record)
      return null
    }
    const accepts = answerAccepts(record)
    const key = apiKey === null ? null : this.#known(apiKey, record, accepts)
    if (key !== null && consumer !== null && key.keys === null && !isCertificate(consumer)) {
      key.keys = this.#keyGroups.add(consumer.proof, apiKey!.principal)
    }
    const keyPrincipal = key === null ? null : (key.keys?.principalOf(apiKey!.principal) ?? apiKey!.principal)
    const app = keyPrincipal === null ? null : keyPrincipal.id

    if (user !== null) {
      const known = this.#known(user, record, accepts)
      if (known !== null) {
        // Somebody else acts in the name of the subject: neither their session nor their address is the subject's.
        const acted = presented.claims?.actor !== undefined
        const person = this.#personOf(known, user.principal, acted)
        if (accepts && !acted) this.#linkSessions(sessions, person)
        return this.#somebody(known, person, app, record, accepts, acted)
      }
    }
    let session: KnownCredential | null = null
    let sessionPrincipal: Principal | null = null
    for (const each of sessions) {
      const known = this.#known(each, record, accepts)
      if (known === null) continue
      const owner = known.holder()
      if (owner !== null) return this.#somebody(known, owner, app, record, accepts)
      session ??= known
      sessionPrincipal ??= each.principal
    }
    if (basic !== null) {
      const known = this.#known(basic, record, accepts)
      if (known !== null) {
        if (accepts) this.#linkSessions(sessions, basic.principal)
        return this.#somebody(known, basic.principal, app, record, accepts)
      }
    }
    if (session !== null) return this.#somebody(session, sessionPrincipal!, app, record, accepts)
    if (user !== null || basic !== null || sessions.length > 0) {
      // Somebody of their own, so far unknown, beside a key that many may share: the key would merge them.
      this.#telemetry?.counters.add('identity.credential_not_accepted')
      return app === null ? null : { ...this.#caller(record), app }
    }
    if (keyPrincipal !== null) return keyPrincipal
    // Whose certificate it was a hop has checked, whatever the server answered.
    if (consumer !== null && (isCertificate(consumer) || this.#known(consumer, record, accepts) !== null)) {
      return consumer.principal
    }
    this.#telemetry?.counters.add('identity.credential_not_accepted')
    return null
  }

  /** Who a good credential stands for, and that they were here; `acted`: somebody else was, in their name. */
  #somebody(
    known: KnownCredential,
    principal: Principal,
    app: string | null,
    record: TransactionRecord,
    accepts: boolean,
    acted = false,
  ): Principal {
    const text = callerAddress(record)
    if (known.addressText !== text) {
      known.addressText = text
      known.address = this.#addressOf(record)
      known.answersHere = 0
    }
    const address = known.address!
    if (accepts && !this.#again) {
      if (known.young !== null && ++known.answers > 1) {
        known.young.confirm()
        known.young = null
      }
      // Once when at home there, and now and then after.
      if ((++known.answersHere & AT_HOME_AGAIN) === AT_HOME && !acted) address.note(principal.id, record.endTime)
    }
    record.sharedAddress = record.endTime < address.sharedUntil
    return known.beside(principal, app)
  }

  /** What is known of a credential that counts; null when it does not. */
  #known(credential: Credential, record: TransactionRecord, accepts: boolean): KnownCredential | null {
    const again = credential[PLACE] === undefined ? undefined : this.#credentials.again(credential[PLACE])
    if (again !== undefined) return again
    const { proof } = credential
    const place = this.#credentials.placeOf(proof)
    if (place !== undefined) {
      credential[PLACE] = place
      return this.#credentials.again(place)!
    }
    if (!accepts) return null
    const address = this.#addressOf(record)
    if (!this.#admission.admits(record, proof, address)) return null
    const admitted = this.#admit(proof)
    admitted.young = address
    address.admit(record.endTime)
    return admitted
  }

  #admit(proof: string): KnownCredential {
    const known = new KnownCredential()
    this.#credentials.set(proof, known)
    return known
  }

  #linkSessions(sessions: readonly Credential[], owner: Principal): void {
    for (const { proof } of sessions) (this.#credentials.get(proof) ?? this.#admit(proof)).belongsTo(owner)
  }

  /** What an answer hands out counts from now on, and belongs to whoever logged in, renewed a token, or asked as a client. */
  #handOut(record: TransactionRecord, issued: readonly string[]): void {
    const account = record.loginGranted ? this.#accountOf(record) : null
    const { grant } = record
    const renewed =
      record.loginGranted || grant === null || grant.renewed === null ? undefined : this.#credentials.get(grant.renewed)
    const client =
      record.loginGranted || grant?.ownName !== true
        ? null
        : (grant.client ?? record.presented.basic?.principal ?? null)
    for (const proof of issued) {
      const known = this.#credentials.get(proof) ?? this.#admit(proof)
      if (account !== null) {
        known.owner = null
        known.account = account
      } else if (renewed !== undefined) known.inherit(renewed)
      else if (client !== null) known.belongsTo(client)
    }
  }

  #accountOf(record: TransactionRecord): Account | null {
    const tried = accountTried(record)
    return tried === null ? null : this.#people.account(tried)
  }

  /** As whom the user of a token is shown. A token that an account was handed says who the account is. */
  #personOf(known: KnownCredential, user: Principal, acted: boolean): Principal {
    if (known.person !== null && known.account === null) return known.person
    if (acted) return this.#people.personOf(user)
    known.person = known.account === null ? this.#people.personOf(user) : this.#people.join(known.account, user)
    known.account = null
    return known.person
  }

  #caller(record: TransactionRecord): Principal {
    const address = this.#addressOf(record)
    record.sharedAddress = record.endTime < address.sharedUntil
    return address.principal
  }

  #addressOf(record: TransactionRecord): CallerAddress {
    const text = callerAddress(record)
    const via = record.forwarded.length === 0 ? 'peer' : viaOf(record.trust)
    const key = via === 'peer' ? text : `${via} ${text}`
    const known = this.#addresses.get(key)
    if (known !== undefined) return known
    const id = addressPrincipal(text)
    const network = id === text ? undefined : this.#addresses.get(`${via} ${id}`)
    const address = network ?? new CallerAddress({ kind: 'ip', id, display: id, via, app: null })
    this.#addresses.set(key, address)
    if (id !== text) this.#addresses.set(`${via} ${id}`, address)
    return address
  }
}

/** Under which an address is kept, whatever host of its /64 was seen. */
function addressKey({ id, via }: Principal): string {
  return via === 'peer' && !id.includes('/') ? id : `${via} ${id}`
}

function accountTried({ marks }: TransactionRecord): string | null {
  const mark = marks.findLast((each) => each.kind === 'login')
  return mark?.kind === 'login' ? mark.account : null
}

function isCertificate({ principal }: Credential): boolean {
  return principal.via === CERTIFICATE || principal.via === CERTIFICATE_BY_DEFAULT
}

function viaOf(trust: Trust): string {
  return trust === 'configured' ? 'forwarded' : 'forwarded.default'
}
