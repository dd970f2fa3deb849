import { headersByAttribute, headersByPrefix, headersOfJson, headersOfObject, headersOfPairs } from './headers.ts'
import type { FieldName, Form } from './mapping.ts'
import { compilePath, type Getter } from './path.ts'
import * as read from './values.ts'
import { BAD, type Transform } from './values.ts'

/** Hears where each field came from and what failed: `offpath tap explain`. */
export interface FieldWatch {
  found(field: string, label: string): void
  failed(field: string, label: string, value: unknown): void
}

/** What a record is read under. */
export interface ReadingOf {
  timestampMs: number | null
  watch: FieldWatch | null
}

type Kind =
  | 'time'
  | 'duration'
  | 'address'
  | 'port'
  | 'text'
  | 'count'
  | 'status'
  | 'method'
  | 'host'
  | 'version'
  | 'headers'
  | 'body'

const KIND_OF: Readonly<Record<FieldName, Kind>> = {
  ts: 'time',
  end_ts: 'time',
  duration: 'duration',
  'client.ip': 'address',
  'client.port': 'port',
  'client.forwarded': 'text',
  'server.ip': 'address',
  'server.port': 'port',
  protocol: 'version',
  'tls.sni': 'text',
  'request.method': 'method',
  'request.scheme': 'text',
  'request.host': 'host',
  'request.target': 'text',
  'request.path': 'text',
  'request.query': 'text',
  'request.headers': 'headers',
  'request.body': 'body',
  'request.body_bytes': 'count',
  'response.status': 'status',
  'response.headers': 'headers',
  'response.body': 'body',
  'response.body_bytes': 'count',
  'identity.consumer': 'text',
  'identity.subject': 'text',
  'identity.key_id': 'text',
  'gateway.service': 'text',
  route_hint: 'text',
  trace_id: 'text',
}

const { UNITS } = read
/** By kind: what a path alone does, and the forms it takes besides. */
const FORMS: Readonly<Record<Kind, Readonly<Record<string, Transform>>>> = {
  time: {
    path: read.isoTime,
    iso: read.isoTime,
    common_log: read.commonLogTime,
    epoch_s: read.epoch(UNITS.s),
    epoch_ms: read.epoch(UNITS.ms),
    epoch_us: read.epoch(UNITS.us),
    epoch_ns: read.epoch(UNITS.ns),
    kafka: read.epoch(UNITS.ms),
  },
  duration: {
    s: read.duration(UNITS.s),
    ms: read.duration(UNITS.ms),
    us: read.duration(UNITS.us),
    ns: read.duration(UNITS.ns),
  },
  address: { path: read.toAddress, host_port: read.hostOfPair, const: read.toAddress },
  port: { path: read.toPort, int: read.toPort, host_port: read.portOfPair },
  text: { path: read.toText, text: read.toText, first: read.firstOf, xff: read.toText, const: read.toText },
  count: { path: read.toCount, int: read.toCount },
  status: { path: read.toStatus, int: read.toStatus },
  method: { path: read.toMethod, const: read.toMethod },
  host: { path: read.toHost, first: (value) => read.toHost(read.firstOf(value)), const: read.toHost },
  version: { path: read.toVersion, const: read.toVersion },
  headers: { object: headersOfObject, pairs: headersOfPairs, json_object: headersOfJson },
  body: { path: read.toBody, text: read.toBody, base64: (value) => decodedText(read.base64Bytes(value)) },
}

/** Bytes as text where they are text; a body that is not says nothing. */
function decodedText(bytes: unknown): unknown {
  if (!Buffer.isBuffer(bytes)) return BAD
  const text = bytes.toString('utf8')
  return text.includes('\0') ? '' : text
}

export interface Alternative {
  /** As the mapping has it: `epoch_ms: started_at`. */
  readonly label: string
  readonly get: Getter
  readonly transform: Transform | null
  readonly fromTransport: boolean
}

export class FormProblem extends Error {
  override readonly name = 'FormProblem'
}

export function compileForm(field: string, form: Form): Alternative {
  const kind = KIND_OF[field as FieldName] ?? 'text'
  const [name, where] = typeof form === 'string' ? ['path', form] : Object.entries(form)[0]!
  const label = name === 'path' ? String(where) : `${name}: ${where}`
  const plain = { label, fromTransport: false }
  if (kind === 'headers' && name === 'prefix') {
    return { ...plain, get: headersByPrefix(String(where)), transform: null }
  }
  if (kind === 'headers' && name === 'attributes') {
    return { ...plain, get: headersByAttribute(String(where)), transform: null }
  }
  const transform = FORMS[kind][name]
  if (transform === undefined) {
    const known = Object.keys(FORMS[kind]).filter((each) => each !== 'path')
    const also = kind === 'headers' ? [...known, 'prefix', 'attributes'] : known
    throw new FormProblem(
      name === 'path'
        ? `needs to say how to read it: ${also.join(', ')}`
        : `${name} does not read this; known here: ${also.join(', ')}`,
    )
  }
  if (name === 'kafka') return { label, get: () => undefined, transform, fromTransport: true }
  if (name === 'const') {
    const value = transform(where)
    if (value === BAD || value === undefined) throw new FormProblem('the constant is not what this field takes')
    return { ...plain, get: () => value, transform: null }
  }
  return { ...plain, get: compilePath(String(where)), transform }
}

/** Alternatives of one field, tried in order: the first that is there and can be read. */
export class Field {
  readonly name: string
  readonly alternatives: readonly Alternative[]
  readonly #missing: ReadonlySet<unknown>
  readonly #failed: (field: string) => void

  constructor(
    name: string,
    alternatives: readonly Alternative[],
    missing: ReadonlySet<unknown>,
    failed: (field: string) => void,
  ) {
    this.name = name
    this.alternatives = alternatives
    this.#missing = missing
    this.#failed = failed
  }

  /** Undefined: not there, or not readable, which is counted. */
  read(record: unknown, reading: ReadingOf): unknown {
    const alternatives = this.alternatives
    for (let i = 0; i < alternatives.length; i++) {
      const { get, transform, fromTransport, label } = alternatives[i]!
      const raw = fromTransport ? reading.timestampMs : get(record)
      if (raw === undefined || raw === null || this.#missing.has(raw)) continue
      const value = transform === null ? raw : transform(raw)
      if (value === undefined) continue
      if (value === BAD) {
        this.#failed(this.name)
        reading.watch?.failed(this.name, label, raw)
        continue
      }
      reading.watch?.found(this.name, label)
      return value
    }
    return undefined
  }
}
