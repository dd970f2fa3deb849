import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { networkOf } from '../baselines/principal-key.ts'
import { amount } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { isGranted, sourceAddress } from './access/answer.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { GuardedEndpoint, GuardedEndpointState } from './access/guarded-endpoint.ts'
import { FORGERIES, Forger, ForgerState, type Forgery, forgedSignal } from './auth-token-forged/forger.ts'

const Options = z.strictObject({
  longExpiredDays: z.number().min(1).default(7).describe('a token this long past its end is nobody’s by mistake'),
  plainTokens: z.int().min(1).default(20).describe('ordinary tokens a service has shown before an odd one is judged'),
  maxSources: z.int().min(16).default(16_384).describe('sources of odd tokens with state'),
  maxServices: z.int().min(1).default(1024).describe('services with state'),
  maxEndpoints: z.int().min(16).default(8192).describe('endpoints with state'),
})
type ForgedOptions = z.infer<typeof Options>

/** Networks and subjects that show one kind of oddity at a service before it is how things are done there: so many, and this share of all. */
const HABIT_LEAST = 3
const HABIT_SHARE = 0.02

const BY_WEIRD: Readonly<Record<string, Forgery>> = {
  'jwt.alg_none': 'unsigned',
  'jwt.embedded_key': 'own_key',
  'jwt.odd_kid': 'odd_key_id',
  'jwt.remote_key': 'remote_key',
}

const ShowersState = z.tuple([DistinctState, DistinctState])
/** Ordinary tokens, who shows them, and who shows each oddity. */
const ServiceState = z.tuple([
  amount,
  ShowersState,
  z.array(z.tuple([z.enum(FORGERIES), ShowersState])).max(FORGERIES.length),
])
const Kept = z.tuple([z.enum(['service', 'endpoint', 'source']), KeyedEntry])

/** Who shows tokens of one sort: one source may name many subjects, and a crowd share one network. */
class Showers {
  #networks = new DistinctCounter()
  #subjects = new DistinctCounter()

  learnOne(address: string, subject: string | null): void {
    this.#networks.learnOne(hashText(networkOf(address)))
    this.#subjects.learnOne(hashText(subject ?? address))
  }

  /** Whether these are enough, beside all, to be more than a few who should not. */
  isHabitAmong(all: Showers): boolean {
    const isShare = (some: DistinctCounter, every: DistinctCounter) =>
      some.count >= Math.max(HABIT_LEAST, HABIT_SHARE * every.count)
    // A token that a program was shipped with is one subject's, everywhere.
    const isShared = this.#networks.count >= HABIT_LEAST * this.#subjects.count
    return isShare(this.#networks, all.#networks) && (isShared || isShare(this.#subjects, all.#subjects))
  }

  toState(): z.infer<typeof ShowersState> {
    return [this.#networks.toState(), this.#subjects.toState()]
  }

  static fromState([networks, subjects]: z.infer<typeof ShowersState>): Showers {
    const showers = new Showers()
    showers.#networks = DistinctCounter.fromState(networks)
    showers.#subjects = DistinctCounter.fromState(subjects)
    return showers
  }
}

class Service {
  /** Requests with a token that nothing is odd about. */
  plain = 0
  showers = new Showers()
  /** Who showed each oddity, as far as that may be a habit. */
  readonly habits = new Map<Forgery, Showers>()

  toState(): z.infer<typeof ServiceState> {
    return [
      this.plain,
      this.showers.toState(),
      [...this.habits].map(([forgery, showers]) => [forgery, showers.toState()]),
    ]
  }

  static fromState([plain, showers, habits]: z.infer<typeof ServiceState>): Service {
    const service = new Service()
    service.plain = plain
    service.showers = Showers.fromState(showers)
    for (const [forgery, seen] of habits) service.habits.set(forgery, Showers.fromState(seen))
    return service
  }
}

class AuthTokenForged implements Detector {
  readonly stateVersion = 2
  readonly #plainTokens: number
  readonly #longExpiredUs: number
  readonly #services: KeyedTable<Service>
  readonly #endpoints: EndpointTable<GuardedEndpoint>
  readonly #sources: KeyedTable<Forger>
  #lastName = ''
  #lastService: Service | null = null

  /** While the sensor is blind nothing is learnt. */
  #frozen = false

  constructor(options: ForgedOptions) {
    this.#plainTokens = options.plainTokens
    this.#longExpiredUs = options.longExpiredDays * DAY_US
    this.#services = new KeyedTable(options.maxServices, () => new Service())
    this.#endpoints = new EndpointTable(options.maxEndpoints, () => new GuardedEndpoint())
    this.#sources = new KeyedTable(options.maxSources, () => new Forger())
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { claims, service: name, endpoint, status } = tx
    if (name === null || status === null) return null
    if (claims === null) {
      if (endpoint !== null && !this.#frozen && (status === 401 || isGranted(status)))
        this.#endpoints.use(name, endpoint).learnOne(tx)
      return null
    }
    const service = this.#serviceOf(name)
    const forgery = this.#forgeryOf(tx)
    if (forgery === null) {
      if (!this.#frozen && GuardedEndpoint.isNoted(service.plain++)) {
        service.showers.learnOne(sourceAddress(tx), claims.sub)
        if (endpoint !== null && isGranted(status)) this.#endpoints.use(name, endpoint).tokens++
      }
      return null
    }
    return this.#judge(tx, forgery, service, name, now)
  }

  tick(now: EventTime): void {
    this.#lastService = null
    this.#endpoints.tick(now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  sizes() {
    return {
      services: this.#services.occupancy,
      endpoints: this.#endpoints.occupancy,
      sources: this.#sources.occupancy,
    }
  }

  maturity(): number {
    return this.#services.mean((service) => Math.min(1, service.plain / this.#plainTokens))
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    this.#lastService = null
    for (const entry of this.#services.entries((service) => service.toState())) yield ['service', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
    for (const entry of this.#sources.entries((source) => source.toState())) yield ['source', entry]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    switch (what) {
      case 'service':
        this.#services.restore(kept, Service.fromState(ServiceState.parse(kept[4])))
        return
      case 'endpoint':
        this.#endpoints.restore(kept, GuardedEndpoint.fromState(GuardedEndpointState.parse(kept[4])))
        return
      case 'source':
        this.#sources.restore(kept, Forger.fromState(ForgerState.parse(kept[4])))
        return
    }
  }

  #serviceOf(name: string): Service {
    if (this.#lastService === null || name !== this.#lastName) {
      this.#lastName = name
      this.#lastService = this.#services.use(name)
    }
    return this.#lastService
  }

  #forgeryOf(tx: Transaction): Forgery | null {
    const weirds = tx.ownWeirds ?? tx.weirds
    for (let i = 0; i < weirds.length; i++) {
      const forgery = BY_WEIRD[weirds[i]!]
      if (forgery !== undefined) return forgery
    }
    const { exp, verified } = tx.claims!
    if (verified === 'no') return 'bad_signature'
    return exp !== null && tx.time - exp * SECOND_US > this.#longExpiredUs ? 'long_expired' : null
  }

  #judge(tx: Transaction, forgery: Forgery, service: Service, name: string, now: EventTime): Signal | null {
    // Behind a gateway that checks tokens and takes their signature off, all of them are odd, whatever keys were supplied.
    if (service.plain < this.#plainTokens) return null
    const granted = isGranted(tx.status)
    const endpoint = tx.endpoint === null ? undefined : this.#endpoints.peek(name, tx.endpoint)
    const address = sourceAddress(tx)
    // A token that names no key is signed by any, also one that the operator did not hand over yet.
    const mayBeUsual = forgery === 'bad_signature' && tx.claims!.kid === null
    if (mayBeUsual || forgery === 'remote_key' || forgery === 'long_expired') {
      // Old clients show old tokens, and issuers say where their keys are: only what is rare, and worked, tells anything.
      if (!granted || this.#isHabit(service, forgery, address, tx.claims!.sub)) return null
    }
    if (granted && endpoint?.isOpen === true) return null
    if (!granted && (tx.status! < 400 || tx.status! >= 500)) return null
    const source = this.#sources.use(address)
    source.add(tx, forgery, granted, now)
    return forgedSignal(tx, forgery, source, address, endpoint?.refuses === true, now)
  }

  #isHabit(service: Service, forgery: Forgery, address: string, subject: string | null): boolean {
    let showers = service.habits.get(forgery)
    if (showers === undefined) {
      showers = new Showers()
      service.habits.set(forgery, showers)
    }
    // One source votes once, however many subjects it names, until it is a habit.
    if (!this.#frozen && this.#sources.peek(address) === undefined) showers.learnOne(address, subject)
    return showers.isHabitAmong(service.showers)
  }
}

export const authTokenForged = defineDetector({
  id: 'auth.token_forged',
  title: 'Forged tokens',
  owasp: ['API2:2023'],
  attack: ['T1550.001'],
  describes: {
    detects:
      'Tokens that anybody can make: unsigned (alg none, or no signature), with their own key inside (jwk), with a key id that is a path or a piece of SQL, with a key somewhere else (jku, x5u), long past their end, or, where identity.jwks has the keys, signed by none of them; and above all a server that takes one.',
    statistic:
      'Deterministic, from the first odd token of a service that has shown plainTokens ordinary ones. Granted where the endpoint has refused others: critical; granted where nothing is known: high. Refused ones are counted in one low incident of their source. A key somewhere else, a token longExpiredDays past its end, and a bad signature without a key id count only when granted, and until 3 networks and 3 subjects, and 2 % of all networks and subjects that show tokens there, do the same: then it is how things are done there. An endpoint that answers strangers as well (from 2 networks, or one for each 50 tokens it sees, 16 at most, and has never refused any) says nothing. A signature is checked only where identity.jwks has the keys, and only of tokens that were granted.',
    memory:
      'maxSources sources of odd tokens, 0.3 KiB each and 2 KiB with evidence; maxServices services, up to 10 KiB each; maxEndpoints endpoints, 0.2 KiB each. Evictions are counted.',
    warmUp: 'plainTokens requests with ordinary tokens at the service.',
    traps:
      'A gateway that takes signatures off before it hands tokens on (all tokens of the service are odd, and nothing is said), endpoints that answer strangers too (a token there proves nothing), an app that goes on showing an expired token and is refused, issuers that name the address of their keys. Missed: without identity.jwks, a forged signature that looks like one; a service whose tokens are all odd; a forged token that is granted where strangers are answered as well.',
    tuning: 'longExpiredDays; plainTokens where a service is seldom called.',
  },
  options: Options,
  create: (options) => new AuthTokenForged(options),
})
