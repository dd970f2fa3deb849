import type { Claims, Header, Mark, PayloadMark, Principal, Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import { logOddsOf, MAX_DELAY_MS, MAX_EXCERPT, MAX_LOG_ODDS } from './payload-score.ts'
import { NO_TLS } from './record.ts'

/** Keys of a native record, in the order of contracts.md. Anything else is ignored and counted. */
const NATIVE_KEYS: ReadonlySet<string> = new Set(
  `id ts end_ts duration_us client_ip client_port server_ip server_port http_version method scheme host path query endpoint
  service status request_headers response_headers request_body_bytes response_body_bytes request_body response_body principal
  claims forwarded consumer tls trace_id state pairing weirds truncated marks redacted key_id source`.split(/\s+/),
)

/**
 * Where a record made in this process names the API key that a gateway saw. A symbol, since no JSON can say it: a native
 * file has `principal` and headers for that.
 */
export const API_KEY: unique symbol = Symbol('API key seen by a gateway')

const MAX_ITEMS = 1024
const MAX_TEXT = 65_536

type Raw = Readonly<Record<string, unknown>>

/** More fields than this are told apart anew for each record. */
const MAX_LAYOUT = 128

/** Counts the fields that no transaction has. Records of one producer have the same ones in the same order: these are looked up once. */
export class UnknownFields {
  readonly #counters: Counters
  #layout: readonly string[] | null = null
  #unknown = 0

  constructor(counters: Counters) {
    this.#counters = counters
  }

  count(record: Raw): void {
    const names = Object.keys(record)
    if (this.#layout === null || !same(names, this.#layout)) {
      this.#layout = names.length <= MAX_LAYOUT ? names : null
      this.#unknown = 0
      for (const name of names) if (!NATIVE_KEYS.has(name)) this.#unknown++
    }
    if (this.#unknown > 0) this.#counters.add('native.unknown_field', this.#unknown)
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * Reads the fields of records that somebody wrote, each by its value and the name it is counted under. A field of a wrong type
 * reads as absent and is counted, so a slightly wrong producer costs single fields, never whole records.
 */
export class NativeFields {
  readonly #counters: Counters
  /** Of the record before: as a rule the next one is from there too. */
  #source: Transaction['source'] | null = null

  constructor(counters: Counters) {
    this.#counters = counters
  }

  apiKey(record: Raw): string | null {
    const value: unknown = (record as { readonly [API_KEY]?: unknown })[API_KEY]
    return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT ? value : null
  }

  text(name: string, value: unknown, limit = MAX_TEXT): string | null {
    if (value === undefined || value === null) return null
    if (typeof value !== 'string' || value.length > limit) return this.#wrong(name)
    return value
  }

  whole(name: string, value: unknown, least: number, most: number): number | null {
    if (value === undefined || value === null) return null
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) return this.#wrong(name)
    return value
  }

  oneOf<Name extends string>(name: string, value: unknown, names: readonly Name[]): Name | null {
    const text = this.text(name, value)
    if (text === null) return null
    for (let i = 0; i < names.length; i++) if (names[i] === text) return names[i]!
    return this.#wrong(name)
  }

  texts(name: string, value: unknown): readonly string[] {
    if (value === undefined || value === null) return NO_TEXTS
    if (!Array.isArray(value)) return this.#wrong(name) ?? NO_TEXTS
    if (value.length === 0) return NO_TEXTS
    const texts = value.slice(0, MAX_ITEMS).filter((each): each is string => typeof each === 'string')
    if (texts.length !== value.length) this.#wrong(name)
    return texts
  }

  /** The list itself where all of it can be used. */
  headers(name: string, value: unknown): readonly Header[] {
    if (value === undefined || value === null) return NO_HEADERS
    if (!Array.isArray(value)) return this.#wrong(name) ?? NO_HEADERS
    if (value.length <= MAX_ITEMS && value.every(isHeader)) return value
    this.#wrong(name)
    return value.slice(0, MAX_ITEMS).filter(isHeader)
  }

  principal(value: unknown): Principal | null {
    const raw = this.#object('principal', value)
    if (raw === null) return null
    const { kind, id, display, via, app } = raw
    const known = KINDS.find((each) => each === kind)
    if (known === undefined || typeof id !== 'string' || id === '' || id.length > 256) return this.#wrong('principal')
    return {
      kind: known,
      id,
      display: typeof display === 'string' && display.length <= 256 ? display : id,
      via: typeof via === 'string' && via.length <= 128 ? via : 'native',
      app: typeof app === 'string' && app.length <= 256 ? app : null,
    }
  }

  claims(value: unknown): Claims | null {
    const raw = this.#object('claims', value)
    if (raw === null) return null
    const verified = VERDICTS.find((each) => each === raw.verified)
    return {
      iss: textOrNull(raw.iss),
      sub: textOrNull(raw.sub),
      tenant: textOrNull(raw.tenant),
      role: textList(raw.role),
      scope: textList(raw.scope),
      alg: textOrNull(raw.alg),
      kid: textOrNull(raw.kid),
      iat: numberOrNull(raw.iat),
      exp: numberOrNull(raw.exp),
      ...(typeof raw.actor === 'string' ? { actor: raw.actor } : {}),
      ...(verified === undefined ? {} : { verified }),
    }
  }

  tls(value: unknown): Transaction['tls'] {
    const raw = this.#object('tls', value)
    const sni = textOrNull(raw?.sni)
    const ja4 = textOrNull(raw?.ja4)
    return sni === null && ja4 === null ? NO_TLS : { sni, ja4 }
  }

  source(value: unknown, otherwise: string): Transaction['source'] {
    const raw = this.#object('source', value)
    const name = raw?.name
    const last = this.#source
    if (last !== null && raw !== null && last.name === name && last.kind === raw.kind) {
      if (last.vlan === numberOrNull(raw.vlan) && last.vni === numberOrNull(raw.vni)) return last
    }
    const kind = SOURCE_KINDS.find((each) => each === raw?.kind)
    if (kind === undefined || typeof name !== 'string' || name.length > 256) {
      if (raw !== null) this.#wrong('source')
      return { kind: 'file', name: otherwise, vlan: null, vni: null }
    }
    const source = { kind, name, vlan: numberOrNull(raw?.vlan), vni: numberOrNull(raw?.vni) }
    this.#source = source
    return source
  }

  marks(value: unknown): readonly Mark[] {
    if (value === undefined || value === null) return NO_MARKS
    if (!Array.isArray(value)) return this.#wrong('marks') ?? NO_MARKS
    if (value.length === 0) return NO_MARKS
    const marks: Mark[] = []
    for (const each of value.slice(0, 64)) {
      const mark = readMark(each)
      if (mark === null) this.#wrong('marks')
      else marks.push(mark)
    }
    return marks
  }

  #object(name: string, value: unknown): Raw | null {
    if (value === undefined || value === null) return null
    if (typeof value !== 'object' || Array.isArray(value)) return this.#wrong(name)
    return value as Raw
  }

  #wrong(name: string): null {
    this.#counters.add(`native.wrong_type.${name}`)
    return null
  }
}

const NO_TEXTS: readonly string[] = []
const NO_HEADERS: readonly Header[] = []
const NO_MARKS: readonly Mark[] = []
const KINDS = ['user', 'session', 'api_key', 'consumer', 'device', 'ip'] as const
const SOURCE_KINDS = ['pcap', 'exec', 'udp-tunnel', 'kafka', 'file'] as const
const VERDICTS = ['yes', 'no', 'unknown'] as const
const GUESSES = ['new', 'repeated', 'shared'] as const

function readMark(value: unknown): Mark | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, field, account, guess } = value as Raw
  if (typeof field !== 'string' || field.length > 512) return null
  if (kind === 'login') {
    const known = GUESSES.find((each) => each === guess)
    if (known === undefined) return null
    return { kind, field, account: typeof account === 'string' && account.length <= 512 ? account : null, guess: known }
  }
  return kind === 'payload' ? readPayload(field, value as Raw) : null
}

/** From a WAF or another reader a class, a field and a score are enough. */
function readPayload(field: string, raw: Raw): PayloadMark | null {
  const { class: name, score, log_odds: logOdds, layers, delay_ms: delayMs } = raw
  if (typeof name !== 'string' || typeof score !== 'number' || !(score >= 0 && score <= 1)) return null
  const known = typeof logOdds === 'number' && Number.isFinite(logOdds)
  return {
    kind: 'payload',
    class: name.slice(0, 128),
    rule: shortText(raw.rule, 128),
    field,
    score,
    logOdds: known ? Math.max(-MAX_LOG_ODDS, Math.min(MAX_LOG_ODDS, logOdds)) : logOddsOf(score),
    layers: textList(layers)
      .slice(0, 8)
      .map((layer) => layer.slice(0, 32)),
    excerpt: shortText(raw.excerpt, MAX_EXCERPT),
    tokens: shortText(raw.tokens, MAX_EXCERPT),
    reflected: raw.reflected === true,
    delayMs: typeof delayMs === 'number' && delayMs > 0 && delayMs <= MAX_DELAY_MS ? delayMs : null,
  }
}

function shortText(value: unknown, most: number): string {
  return typeof value === 'string' ? value.slice(0, most) : ''
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function textList(value: unknown): string[] {
  return Array.isArray(value)
    ? value.slice(0, MAX_ITEMS).filter((each): each is string => typeof each === 'string')
    : []
}

function isHeader(pair: unknown): pair is Header {
  return Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && typeof pair[1] === 'string'
}
