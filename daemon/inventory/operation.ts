import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import type { Linked } from '../model/recency-list.ts'
import type { EventTime } from '../model/time.ts'
import type { Header, Transaction } from '../model/transaction.ts'
import type { BodyReader } from './body-fields.ts'
import { type CountState, countFrom, countState } from './count-state.ts'
import type { FieldState } from './field.ts'
import { fieldName } from './field-names.ts'
import { type FieldBudget, FieldSet } from './field-set.ts'
import { valueType } from './scalar.ts'

export interface OperationState {
  readonly service: string
  /** `GET /v1/orders/{id}`. */
  readonly endpoint: string
  readonly established: boolean
  readonly firstSeen: EventTime
  readonly lastSeen: EventTime
  readonly requests: number
  /** Requests that were answered with 2xx or 3xx: those that fields are learnt from. */
  readonly answered: number
  readonly statuses: readonly (readonly [status: number, requests: number])[]
  readonly callers: CountState
  /** By where the identity was read. */
  readonly identities: readonly (readonly [via: string, requests: number])[]
  /** Without an accepted identity: how many were granted (2xx, 3xx), and refused (401, 403). */
  readonly anonymous: { readonly requests: number; readonly granted: number; readonly refused: number }
  readonly requestTypes: readonly (readonly [type: string, messages: number])[]
  readonly responseTypes: readonly (readonly [type: string, messages: number])[]
  /** Sampled, and of these those whose bodies could be read. */
  readonly samples: { readonly taken: number; readonly requests: number; readonly responses: number }
  readonly fields: readonly FieldState[]
  /** Answers that said so by a `Deprecation` or `Sunset` header, of those that were looked at; absent in what earlier versions kept. */
  readonly deprecated?: number
  /** What the last `Sunset` said; null where none did. */
  readonly sunset?: string | null
}

export const MAX_FIELDS = 96
/** Bodies and headers of the first so many answered requests are read, then of one in so many. */
export const ALWAYS_SAMPLED = 50
export const SAMPLED_ONE_IN = 16
const MAX_STATUSES = 24
const MAX_TYPES = 8
const MAX_VIAS = 12
const MAX_VIA = 64
const MAX_BODY = 64 * 1024
const OTHER = 'other'

/** What every request of the sort has, or what is told elsewhere: of the rest those that steer the answer are worth a line. */
const HEADERS =
  /^(?:x-(?!forwarded|real-ip|request-id|correlation-id|trace|b3|amzn|envoy|cloud|api-key|auth|csrf|xsrf|client-ip|cluster)[a-z0-9-]{1,40}|idempotency-key|if-match|if-none-match|accept-version|api-version|prefer|range)$/

/** Everything learnt of one operation of one service. */
export class OperationRecord implements Linked<OperationRecord> {
  readonly key: string
  readonly service: string
  readonly endpoint: string
  readonly hash: number
  older: OperationRecord | null = null
  newer: OperationRecord | null = null
  established = false
  readonly fields: FieldSet
  readonly #pathNames: readonly string[]
  firstSeen: EventTime
  lastSeen: EventTime
  requests = 0
  answered = 0
  readonly #statuses = new Map<number, number>()
  readonly #callers = new DistinctCounter()
  readonly #identities = new Map<string, number>()
  readonly #anonymous = { requests: 0, granted: 0, refused: 0 }
  readonly #requestTypes = new Map<string, number>()
  readonly #responseTypes = new Map<string, number>()
  readonly #samples = { taken: 0, requests: 0, responses: 0 }
  #deprecated = 0
  #sunset: string | null = null

  constructor(service: string, endpoint: string, now: EventTime, budget: FieldBudget) {
    this.key = operationKey(service, endpoint)
    this.service = service
    this.endpoint = endpoint
    this.hash = hashText(this.key)
    this.firstSeen = now
    this.lastSeen = now
    this.fields = new FieldSet(MAX_FIELDS, budget)
    this.#pathNames = [...endpoint.matchAll(/\{([a-z]{1,4}[0-9]{0,2})\}/g)].map((match) => match[1]!)
  }

  /**
   * `caller`: hash of the principal. True when it is the turn of its headers and bodies: those of the first that were answered,
   * then of one in so many.
   */
  observe(tx: Transaction, caller: number): boolean {
    this.requests++
    if (tx.time < this.firstSeen) this.firstSeen = tx.time
    if (tx.time > this.lastSeen) this.lastSeen = tx.time
    if (tx.knownEndpoint) this.established = true
    const { status, principal } = tx
    const granted = status !== null && status >= 200 && status < 400
    if (status !== null) count(this.#statuses, status, MAX_STATUSES, 0)
    this.#callers.learnOne(caller)
    if (principal.kind === 'ip' || principal.kind === 'device') {
      this.#anonymous.requests++
      if (granted) this.#anonymous.granted++
      else if (status === 401 || status === 403) this.#anonymous.refused++
    } else count(this.#identities, principal.via.length > MAX_VIA ? OTHER : principal.via, MAX_VIAS, OTHER)
    if (!granted) return false
    this.answered++
    const names = this.#pathNames
    for (let i = 0; i < names.length && i < tx.objectIds.length; i++) {
      const value = tx.objectIds[i]!
      this.fields.of('path', names[i]!, caller)?.learnText(value, valueType(value), caller)
    }
    return this.answered <= ALWAYS_SAMPLED || this.answered % SAMPLED_ONE_IN === 0
  }

  /** Headers, query and bodies of a request that was answered. Returns how many characters were read. */
  sample(tx: Transaction, caller: number, reader: BodyReader): number {
    this.#samples.taken++
    if (tx.query !== '') reader.pairs(tx.query, this.fields, 'query', caller)
    const requestType = this.#headers(tx.requestHeaders, caller)
    count(this.#requestTypes, requestType, MAX_TYPES, OTHER, tx.requestBodyBytes > 0)
    this.#endOfLife(tx.responseHeaders)
    let read = tx.query.length
    const { requestBody, responseBody, truncated } = tx
    // Of one that was cut the last name may be half of one.
    if (requestBody && requestBody.length <= MAX_BODY && !truncated.includes('request_body')) {
      read += requestBody.length
      if (this.#body(requestBody, requestType, 'body', caller, reader)) this.#samples.requests++
    }
    if (tx.responseBodyBytes === 0 && responseBody === undefined) return read
    const responseType = essence(headerValue(tx.responseHeaders, 'content-type'))
    count(this.#responseTypes, responseType, MAX_TYPES, OTHER, tx.responseBodyBytes > 0)
    if (responseBody === undefined || responseBody.length === 0 || responseBody.length > MAX_BODY) return read
    if (tx.status === null || tx.status >= 300 || truncated.includes('response_body')) return read
    read += responseBody.length
    if (this.#body(responseBody, responseType, 'response', caller, reader)) this.#samples.responses++
    return read
  }

  /** Adds what is known of another, but for the values in its path: they have other places there. */
  absorb(other: OperationRecord): void {
    this.requests += other.requests
    this.answered += other.answered
    this.firstSeen = Math.min(this.firstSeen, other.firstSeen)
    this.lastSeen = Math.max(this.lastSeen, other.lastSeen)
    this.#callers.merge(other.#callers)
    addCounts(this.#statuses, other.#statuses, MAX_STATUSES, 0)
    addCounts(this.#identities, other.#identities, MAX_VIAS, OTHER)
    addCounts(this.#requestTypes, other.#requestTypes, MAX_TYPES, OTHER)
    addCounts(this.#responseTypes, other.#responseTypes, MAX_TYPES, OTHER)
    this.#anonymous.requests += other.#anonymous.requests
    this.#anonymous.granted += other.#anonymous.granted
    this.#anonymous.refused += other.#anonymous.refused
    this.#samples.taken += other.#samples.taken
    this.#samples.requests += other.#samples.requests
    this.#samples.responses += other.#samples.responses
    this.#deprecated += other.#deprecated
    this.#sunset ??= other.#sunset
    this.fields.absorb(other.fields)
  }

  toState(): OperationState {
    const { service, endpoint, established, firstSeen, lastSeen, requests, answered } = this
    return {
      service,
      endpoint,
      established,
      firstSeen,
      lastSeen,
      requests,
      answered,
      statuses: [...this.#statuses],
      callers: countState(this.#callers),
      identities: [...this.#identities],
      anonymous: { ...this.#anonymous },
      requestTypes: [...this.#requestTypes],
      responseTypes: [...this.#responseTypes],
      samples: { ...this.#samples },
      fields: [...this.fields.all()].map((field) => field.toState()),
      deprecated: this.#deprecated,
      sunset: this.#sunset,
    }
  }

  static fromState(state: OperationState, budget: FieldBudget): OperationRecord {
    const record = new OperationRecord(state.service, state.endpoint, state.firstSeen, budget)
    record.established = state.established
    record.lastSeen = state.lastSeen
    record.requests = state.requests
    record.answered = state.answered
    for (const [status, requests] of state.statuses) record.#statuses.set(status, requests)
    record.#callers.merge(countFrom(state.callers))
    for (const [via, requests] of state.identities) record.#identities.set(via, requests)
    Object.assign(record.#anonymous, state.anonymous)
    for (const [type, messages] of state.requestTypes) record.#requestTypes.set(type, messages)
    for (const [type, messages] of state.responseTypes) record.#responseTypes.set(type, messages)
    Object.assign(record.#samples, state.samples)
    record.#deprecated = state.deprecated ?? 0
    record.#sunset = state.sunset ?? null
    record.fields.restore(state.fields)
    return record
  }

  /** RFC 9745 and RFC 8594. */
  #endOfLife(headers: readonly Header[]): void {
    const sunset = headerValue(headers, 'sunset')
    if (sunset === undefined && headerValue(headers, 'deprecation') === undefined) return
    this.#deprecated++
    if (sunset !== undefined && HTTP_DATE.test(sunset)) this.#sunset = sunset
  }

  /** Learns the headers worth it, and returns the essence of Content-Type. */
  #headers(headers: readonly Header[], caller: number): string {
    let type = ''
    for (let i = 0; i < headers.length; i++) {
      const [name, value] = headers[i]!
      const lower = name.toLowerCase()
      if (lower === 'content-type') type = essence(value)
      else if (HEADERS.test(lower)) {
        this.fields.of('header', fieldName(lower), caller)?.learnText(value, valueType(value), caller)
      }
    }
    return type
  }

  #body(text: string, type: string, place: 'body' | 'response', caller: number, reader: BodyReader): boolean {
    if (type === 'application/x-www-form-urlencoded') {
      reader.pairs(text, this.fields, place, caller)
      return true
    }
    const first = text.charCodeAt(0)
    const mayBeJson = type.endsWith('json') || first === 0x7b || first === 0x5b
    return mayBeJson && reader.json(text, this.fields, place, caller)
  }
}

export function operationKey(service: string, endpoint: string): string {
  return `${service}\n${endpoint}`
}

function count<Key>(counts: Map<Key, number>, key: Key, limit: number, other: Key, wanted = true): void {
  if (!wanted) return
  const known = counts.get(key)
  if (known !== undefined) counts.set(key, known + 1)
  else if (counts.size < limit) counts.set(key, 1)
  else counts.set(other, (counts.get(other) ?? 0) + 1)
}

function addCounts<Key>(counts: Map<Key, number>, more: ReadonlyMap<Key, number>, limit: number, other: Key): void {
  for (const [key, added] of more) {
    const place = counts.has(key) || counts.size < limit ? key : other
    counts.set(place, (counts.get(place) ?? 0) + added)
  }
}

function headerValue(headers: readonly Header[], name: string): string | undefined {
  for (let i = 0; i < headers.length; i++) if (headers[i]![0].toLowerCase() === name) return headers[i]![1]
  return undefined
}

const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

const TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/

/** `application/json` of `application/json; charset=utf-8`; `other` when it is none, or not told. */
function essence(value: string | undefined): string {
  if (value === undefined) return OTHER
  const semicolon = value.indexOf(';')
  const bare = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase()
  return TYPE.test(bare) ? bare : OTHER
}
