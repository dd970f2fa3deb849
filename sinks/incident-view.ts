import { type EventTime, parseTime, SECOND_US } from '../daemon/model/time.ts'

/** JSON of the API as the pages read it (daemon/api/operations.ts, IncidentDetailJson, fits). */
export interface DetailInput {
  readonly incident: Json
  readonly signals: readonly Json[]
  readonly transactions: readonly Json[]
  readonly history: readonly { readonly at: string; readonly kind: string; readonly why: string }[]
  readonly actions: readonly ActionInput[]
  readonly policy: PolicyInput | null
}

export type Json = Readonly<Record<string, unknown>>

export interface ActionInput {
  readonly id: string
  readonly incident_id: string
  readonly policy: string
  readonly step: string
  readonly connector: string
  readonly target: { readonly kind: string; readonly value: string }
  readonly mode: string
  readonly simulated: boolean
  readonly state: string
  readonly reason: string
  readonly lease_until: string | null
  readonly proposed_at: string
  readonly attempts: number
  readonly error: string | null
  readonly history: readonly { readonly state: string; readonly at: string; readonly why: string }[]
}

export interface PolicyInput {
  readonly id: string
  readonly title: string
  readonly owner: string | null
  readonly mode: string
  readonly condition: string | null
  readonly respond: readonly { readonly id: string; readonly action: string; readonly ttl_seconds: number }[]
  readonly origin: string
  /** log10 of the p-value from which a signal opens an incident, where it is told. */
  readonly max_log10_p?: number | null | undefined
}

/** An incident, read from JSON that may be old, partial, or another version's: what is missing is null, empty or zero. */
export interface IncidentView {
  readonly id: string
  readonly policy: string
  readonly detectors: readonly string[]
  readonly owasp: readonly string[]
  readonly attack: readonly string[]
  readonly severity: string
  readonly title: string
  readonly why: string
  readonly openedAt: string
  readonly updatedAt: string
  readonly closedAt: string | null
  readonly subject: { readonly kind: string; readonly value: string; readonly members: readonly string[] }
  readonly service: string | null
  readonly endpoints: readonly string[]
  readonly signalCount: number
  readonly transactionCount: number
  readonly evidence: readonly { readonly id: string; readonly ts: string; readonly status: number | null }[]
  readonly outcome: {
    readonly pSuccess: number | null
    readonly objectsExposed: number
    readonly accounts: readonly string[]
  }
  readonly maturity: number | null
  readonly completeness: number | null
  readonly status: string
  readonly simulated: boolean
  /** The newest word of a person on it; null: nobody said anything, or it was taken back. */
  readonly verdict: { readonly is: string; readonly who: string; readonly reason: string; readonly at: string } | null
  /** Why nothing may be enforced on it, where it is told. */
  readonly doubts: readonly string[]
}

export interface SignalView {
  readonly ts: string
  readonly detector: string
  readonly who: string
  readonly via: string
  readonly endpoint: string | null
  readonly log10P: number | null
  readonly maturity: number | null
  readonly why: string
  readonly expected: string
  readonly observed: string
  readonly evidence: readonly { readonly name: string; readonly text: string }[]
}

export interface TransactionView {
  readonly id: string
  readonly ts: string
  readonly method: string
  /** As sent, query included. */
  readonly target: string
  readonly path: string
  readonly endpoint: string | null
  readonly status: number | null
  readonly who: string
  readonly state: string
  readonly pairing: string
}

export function incidentView(json: Json): IncidentView {
  const subject = record(json.subject)
  const outcome = record(json.outcome)
  const owasp = strings(json.owasp_all)
  return {
    id: text(json.id),
    policy: text(json.policy),
    detectors: strings(json.detectors).length > 0 ? strings(json.detectors) : strings([json.detector]),
    owasp: owasp.length > 0 ? owasp : strings([json.owasp]),
    attack: strings(json.attack),
    severity: text(json.severity),
    title: text(json.title),
    why: text(json.why),
    openedAt: text(json.opened_at),
    updatedAt: text(json.updated_at),
    closedAt: textOrNull(json.closed_at),
    subject: { kind: text(subject.kind), value: text(subject.value), members: strings(subject.members) },
    service: textOrNull(json.service),
    endpoints: strings(json.endpoints),
    signalCount: numberOrNull(json.signal_count) ?? 0,
    transactionCount: numberOrNull(json.transaction_count) ?? 0,
    evidence: records(json.evidence).map((ref) => ({
      id: text(ref.transaction_id),
      ts: time(ref.ts),
      status: numberOrNull(ref.status),
    })),
    outcome: {
      pSuccess: numberOrNull(outcome.p_success),
      objectsExposed: numberOrNull(outcome.objects_exposed) ?? 0,
      accounts: strings(outcome.accounts),
    },
    maturity: numberOrNull(json.maturity),
    completeness: numberOrNull(json.completeness),
    status: text(json.status),
    simulated: json.simulated === true,
    verdict: verdictView(record(json.verdict)),
    doubts: strings(json.doubts),
  }
}

function verdictView(json: Json): IncidentView['verdict'] {
  const is = text(json.is)
  return is === '' || is === 'none' ? null : { is, who: text(json.who), reason: text(json.reason), at: time(json.at) }
}

export function signalView(json: Json): SignalView {
  const principal = record(json.principal)
  return {
    ts: time(json.ts),
    detector: text(json.detector),
    who: who(principal),
    via: text(principal.via),
    endpoint: textOrNull(json.endpoint),
    log10P: numberOrNull(json.log10_p),
    maturity: numberOrNull(json.maturity),
    why: text(json.why),
    expected: plain(json.expected),
    observed: plain(json.observed),
    evidence: Object.entries(record(json.evidence))
      .filter(([, value]) => value !== null)
      .map(([name, value]) => ({ name, text: plain(value) })),
  }
}

export function transactionView(json: Json): TransactionView {
  const path = text(json.path)
  const query = text(json.query)
  return {
    id: text(json.id),
    ts: time(json.ts),
    method: text(json.method),
    target: query === '' ? path : `${path}?${query}`,
    path,
    endpoint: textOrNull(json.endpoint),
    status: numberOrNull(json.status),
    who: who(record(json.principal)),
    state: text(json.state),
    pairing: text(json.pairing),
  }
}

const LEAST_ID = 12

/** For each id its beginning that no other here shares, at least 12 characters: enough to name it, and it fits in a table. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  const distinct = [...new Set(ids)]
  let length = LEAST_ID
  while (new Set(distinct.map((id) => id.slice(0, length))).size < distinct.length) length++
  return (id) => id.slice(0, length)
}

/** `2026-11-21 23:14:35Z`; what is no time stays as it is. */
export function shortTime(time: string): string {
  return parseTime(time) === null ? time : `${time.slice(0, 10)} ${time.slice(11, 19)}Z`
}

/** `23:14:35.045`: within a table whose day stands elsewhere. */
export function clockTime(time: string): string {
  return parseTime(time) === null ? time : time.slice(11, 23).replace(/Z$/, '')
}

/** Microseconds from one time to another; null where either is none. */
export function spanUs(from: string, to: string): EventTime | null {
  const [a, b] = [parseTime(from), parseTime(to)]
  return a === null || b === null ? null : b - a
}

/** `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function spanText(us: EventTime): string {
  const seconds = Math.max(0, us) / SECOND_US
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return withRest(`${hours} h`, minutes % 60, 'min')
  return withRest(`${Math.floor(hours / 24)} d`, hours % 24, 'h')
}

function withRest(whole: string, rest: number, unit: string): string {
  return rest === 0 ? whole : `${whole} ${rest} ${unit}`
}

/** `1 request`, `1,204 requests`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`
}

function who(principal: Json): string {
  return textOrNull(principal.display) || text(principal.id)
}

/** The store's own rows have `2026-11-21 20:00:00.123456`. */
function time(value: unknown): string {
  const told = text(value)
  return told[10] === ' ' ? `${told.slice(0, 10)}T${told.slice(11)}Z` : told
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : []
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function records(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(record) : []
}

function plain(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(plain).join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
