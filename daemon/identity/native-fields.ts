import type { Claims, Header, Mark, PayloadMark, Principal, Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import { logOddsOf, MAX_DELAY_MS, MAX_EXCERPT, MAX_LOG_ODDS } from './payload-score.ts'

/** Keys of a native record, in the order of contracts.md. Anything else is ignored and counted. */
export const NATIVE_KEYS: ReadonlySet<string> = new Set(
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

/**
 * Reads the fields of a record that somebody wrote. A field of a wrong type reads as absent and is counted under its name, so a
 * slightly wrong producer costs single fields, never whole records.
 */
export class NativeFields {
  readonly #record: Raw
  readonly #counters: Counters

  constructor(record: Raw, counters: Counters) {
    this.#record = record
    this.#counters = counters
  }

  raw(name: string): unknown {
    return this.#record[name]
  }

  get apiKey(): string | null {
    const value: unknown = (this.#record as { readonly [API_KEY]?: unknown })[API_KEY]
    return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT ? value : null
  }

  text(name: string, limit = MAX_TEXT): string | null {
    const value = this.#record[name]
    if (value === undefined || value === null) return null
    if (typeof value !== 'string' || value.length > limit) return this.#wrong(name)
    return value
  }

  whole(name: string, least: number, most: number): number | null {
    const value = this.#record[name]
    if (value === undefined || value === null) return null
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) return this.#wrong(name)
    return value
  }

  oneOf<Name extends string>(name: string, names: readonly Name[]): Name | null {
    const value = this.text(name)
    if (value === null) return null
    return names.find((each) => each === value) ?? this.#wrong(name)
  }

  texts(name: string): string[] {
    const value = this.#record[name]
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) return this.#wrong(name) ?? []
    const texts = value.slice(0, MAX_ITEMS).filter((each): each is string => typeof each === 'string')
    if (texts.length !== value.length) this.#wrong(name)
    return texts
  }

  headers(name: string): Header[] {
    const value = this.#record[name]
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) return this.#wrong(name) ?? []
    const headers: Header[] = []
    for (const pair of value.slice(0, MAX_ITEMS)) {
      if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && typeof pair[1] === 'string') {
        headers.push([pair[0], pair[1]])
      }
    }
    if (headers.length !== value.length) this.#wrong(name)
    return headers
  }

  principal(): Principal | null {
    const value = this.#object('principal')
    if (value === null) return null
    const { kind, id, display, via, app } = value
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

  claims(): Claims | null {
    const value = this.#object('claims')
    if (value === null) return null
    const verified = VERDICTS.find((each) => each === value.verified)
    return {
      iss: textOrNull(value.iss),
      sub: textOrNull(value.sub),
      tenant: textOrNull(value.tenant),
      role: textList(value.role),
      scope: textList(value.scope),
      alg: textOrNull(value.alg),
      kid: textOrNull(value.kid),
      iat: numberOrNull(value.iat),
      exp: numberOrNull(value.exp),
      ...(typeof value.actor === 'string' ? { actor: value.actor } : {}),
      ...(verified === undefined ? {} : { verified }),
    }
  }

  tls(): Transaction['tls'] {
    const value = this.#object('tls')
    return { sni: textOrNull(value?.sni), ja4: textOrNull(value?.ja4) }
  }

  source(otherwise: string): Transaction['source'] {
    const value = this.#object('source')
    const kind = SOURCE_KINDS.find((each) => each === value?.kind)
    const name = value?.name
    if (kind === undefined || typeof name !== 'string' || name.length > 256) {
      if (value !== null) this.#wrong('source')
      return { kind: 'file', name: otherwise, vlan: null, vni: null }
    }
    return { kind, name, vlan: numberOrNull(value?.vlan), vni: numberOrNull(value?.vni) }
  }

  marks(): Mark[] {
    const value = this.#record.marks
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) return this.#wrong('marks') ?? []
    const marks: Mark[] = []
    for (const each of value.slice(0, 64)) {
      const mark = readMark(each)
      if (mark === null) this.#wrong('marks')
      else marks.push(mark)
    }
    return marks
  }

  #object(name: string): Raw | null {
    const value = this.#record[name]
    if (value === undefined || value === null) return null
    if (typeof value !== 'object' || Array.isArray(value)) return this.#wrong(name)
    return value as Raw
  }

  #wrong(name: string): null {
    this.#counters.add(`native.wrong_type.${name}`)
    return null
  }
}

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
