import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { isGranted } from './access/answer.ts'
import { EndpointTable } from './access/endpoint-table.ts'
import { GuardedEndpoint, GuardedEndpointState } from './access/guarded-endpoint.ts'
import { type LapseKind, lapseSignal, ServiceLapses, ServiceLapsesState } from './auth-token-hygiene/lapse.ts'

const Options = z.strictObject({
  leewayMinutes: z.number().min(0).default(10).describe('a token is granted so long after its end without remark'),
  maxLifetimeDays: z.number().positive().default(90).describe('a token may live so long without remark'),
  leastCallers: z.int().min(1).default(5).describe('callers with such tokens before their lives are told of'),
  maxServices: z.int().min(1).default(1024).describe('services with state'),
  maxEndpoints: z.int().min(16).default(8192).describe('endpoints with state'),
})
type HygieneOptions = z.infer<typeof Options>

/** Parameters that hold what opens doors for more than one request. Mailed links and signed links are not meant to. */
const IN_QUERY =
  /(?:^|&)(?:access_?token|auth_?token|id_?token|refresh_?token|session_?token|session_?id|jwt|bearer|api_?key|client_?secret|password|passwd|pwd)=(?:hmac:|redacted)/i

const EQUALS = 0x3d
const SMALL_H = 0x68
const SMALL_R = 0x72

const Kept = z.tuple([z.enum(['service', 'endpoint']), KeyedEntry])

class AuthTokenHygiene implements Detector {
  readonly stateVersion = 2
  readonly #leewayUs: number
  readonly #maxLifetime: number
  readonly #leastCallers: number
  readonly #services: KeyedTable<ServiceLapses>
  readonly #endpoints: EndpointTable<GuardedEndpoint>

  /** Requests with a token that nothing is wrong with. */
  #turn = 0
  /** While the sensor is blind nothing is learnt. */
  #frozen = false

  constructor(options: HygieneOptions) {
    this.#leewayUs = options.leewayMinutes * MINUTE_US
    this.#maxLifetime = (options.maxLifetimeDays * DAY_US) / SECOND_US
    this.#leastCallers = options.leastCallers
    this.#services = new KeyedTable(options.maxServices, () => new ServiceLapses())
    this.#endpoints = new EndpointTable(options.maxEndpoints, () => new GuardedEndpoint())
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service, endpoint, status } = tx
    if (service === null || status === null) return null
    const granted = isGranted(status)
    if (granted && holdsSecret(tx.query)) return this.#note(tx, 'in_url', service, now)
    if (tx.claims === null) {
      if (endpoint !== null && !this.#frozen && (granted || status === 401))
        this.#endpoints.use(service, endpoint).learnOne(tx)
      return null
    }
    if (!granted) return null
    const kind = this.#lapseOf(tx)
    if (kind === null) {
      if (endpoint !== null && !this.#frozen && GuardedEndpoint.isNoted(this.#turn++))
        this.#endpoints.use(service, endpoint).tokens++
      return null
    }
    if (endpoint !== null && this.#endpoints.peek(service, endpoint)?.isOpen === true) return null
    return this.#note(tx, kind, service, now)
  }

  tick(now: EventTime): void {
    this.#endpoints.tick(now)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  sizes() {
    return { services: this.#services.occupancy, endpoints: this.#endpoints.occupancy }
  }

  /** Nothing is learnt that it waits for. */
  maturity(): number {
    return 1
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    for (const entry of this.#services.entries((lapses) => lapses.toState())) yield ['service', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
  }

  restore(line: unknown): void {
    const [what, kept] = Kept.parse(line)
    if (what === 'service') this.#services.restore(kept, ServiceLapses.fromState(ServiceLapsesState.parse(kept[4])))
    else this.#endpoints.restore(kept, GuardedEndpoint.fromState(GuardedEndpointState.parse(kept[4])))
  }

  #lapseOf(tx: Transaction): LapseKind | null {
    const { exp, iat } = tx.claims!
    if (exp === null) return null
    if (tx.time - exp * SECOND_US > this.#leewayUs) return isShownAsToken(tx) ? 'expired' : null
    return iat !== null && exp - iat > this.#maxLifetime ? 'long_lived' : null
  }

  #note(tx: Transaction, kind: LapseKind, service: string, now: EventTime): Signal | null {
    const lapse = this.#services.use(service).of(kind)
    if (!lapse.add(tx, now)) return null
    if (kind !== 'in_url' && lapse.callers < this.#leastCallers) {
      lapse.trail.add(tx)
      return null
    }
    lapse.tellAgainAfter(now)
    return lapseSignal(tx, kind, lapse, now)
  }
}

/** What stands behind each `=` is looked at first: that takes a fifth of two searches, which leave compiled code. */
function holdsSecret(query: string): boolean {
  for (let i = query.length - 2; i > 0; i--) {
    if (query.charCodeAt(i) !== EQUALS) continue
    const next = query.charCodeAt(i + 1)
    if (next === SMALL_H || next === SMALL_R) {
      return (query.includes('=hmac:') || query.includes('=redacted')) && IN_QUERY.test(query)
    }
  }
  return false
}

/** A token in a cookie may be a souvenir beside a session that counts; one in a header is what is asked with. */
function isShownAsToken(tx: Transaction): boolean {
  const { requestHeaders } = tx
  return requestHeaders.length === 0 || requestHeaders.some(([name]) => name.toLowerCase() === 'authorization')
}

export const authTokenHygiene = defineDetector({
  id: 'auth.token_hygiene',
  title: 'Careless use of tokens',
  owasp: ['API2:2023'],
  attack: ['T1078'],
  describes: {
    detects:
      'Tokens, keys and passwords in the query of a URL, where logs, proxies and histories keep them; tokens that are granted after their end; tokens that live for months.',
    statistic:
      'Deterministic, told once per service and kind with counts, and again when a further caller does it or after an hour; the incident lists the first hundred of them. In the URL: from the first request that is granted. Expired by more than leewayMinutes and granted, or made to live over maxLifetimeDays: from leastCallers callers on, where the endpoint does not answer strangers as well.',
    memory:
      'maxServices services x 3 kinds, up to 1.5 KiB each; maxEndpoints endpoints, 0.2 KiB each. Evictions are counted.',
    warmUp: 'None for URLs; leastCallers for the others.',
    traps:
      'Mailed links (token=, code=), signed links and codes of OAuth are meant for one use and not told; a token in a cookie beside a session; clocks that differ (leewayMinutes); requests that are refused; the handshake of a web socket, which has no other place for it. Missed: secrets under names of their own; tokens that cannot be read.',
    tuning: 'leewayMinutes, maxLifetimeDays, leastCallers.',
  },
  options: Options,
  create: (options) => new AuthTokenHygiene(options),
})
