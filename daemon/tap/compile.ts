import type { HttpLimits } from '../http/limits.ts'
import type { Header } from '../model/transaction.ts'
import { nearest } from '../yaml/suggest.ts'
import { Draft } from './draft.ts'
import { compileForm, Field, FormProblem, type ReadingOf } from './fields.ts'
import { compileGuard, type Guard, GuardProblem } from './guard.ts'
import { hasHeader } from './headers.ts'
import { FIELD_NAMES, type Form, HEADER_FIELD, type Mapping } from './mapping.ts'
import { compilePath, type Getter, PathProblem } from './path.ts'
import { RawHttp } from './raw-http.ts'
import { compileSteps, type Nest, type Unpack } from './steps.ts'

/** A mapping made ready: what runs for every record. */
export interface Compiled {
  readonly unpack: Unpack
  readonly nest: Nest | null
  /** Lists whose entries are the records. */
  explode(record: unknown): readonly unknown[] | null
  readonly where: Guard | null
  draft(record: unknown, reading: ReadingOf): Draft
  readonly pair: CompiledPair | null
  readonly fields: readonly Field[]
}

export interface CompiledPair {
  key(record: unknown): string | null
  /** Null: every record may hold something of both. */
  readonly side: Getter | null
  readonly request: string
  readonly response: string
  /** A record in which one of these is there begins a new transaction. */
  readonly begins: readonly Getter[]
  readonly waitUs: number
}

export interface CompileSettings {
  readonly limits: HttpLimits
  readonly bodies: boolean
  /** A field stood there and could not be read. */
  readonly failed: (field: string) => void
}

/** Most records made of one. */
export const MAX_EXPLODED = 50_000

/**
 * @param place where a part of the mapping stands, for problems. Throws nothing: what is wrong goes into `problems`, all of it.
 */
export function compileMapping(
  mapping: Mapping,
  settings: CompileSettings,
  problems: { path: PropertyKey[]; message: string }[],
): Compiled {
  const safely = <T>(path: PropertyKey[], make: () => T): T | null => {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof PathProblem || error instanceof FormProblem || error instanceof GuardProblem)) throw error
      problems.push({ path, message: error.message })
      return null
    }
  }
  const missing = new Set<unknown>(mapping.missing)
  const fields = new Map<string, Field>()
  for (const [name, given] of Object.entries(mapping.fields)) {
    if (!(FIELD_NAMES as readonly string[]).includes(name) && !HEADER_FIELD.test(name)) {
      const near = nearest(name, FIELD_NAMES)
      const known =
        near === null ? `known: ${FIELD_NAMES.join(', ')}, request.header.<name>` : `did you mean \`${near}\`?`
      problems.push({ path: ['fields', name], message: `no such field; ${known}` })
      continue
    }
    const forms = (Array.isArray(given) ? given : [given]) as Form[]
    const alternatives = forms.flatMap((form, index) => {
      const path = Array.isArray(given) ? ['fields', name, index] : ['fields', name]
      return safely(path, () => compileForm(name, form)) ?? []
    })
    fields.set(name, new Field(name, alternatives, missing, settings.failed))
  }
  const steps = safely(['decode'], () => compileSteps(mapping.decode))
  const lists = mapping.explode.flatMap((path, index) => safely(['explode', index], () => compileExplode(path)) ?? [])
  const where = mapping.where === null ? null : safely(['where'], () => compileGuard(mapping.where!))
  const raw = mapping.raw_http === null ? null : safely(['raw_http'], () => rawReader(mapping, settings))
  const read = draftReader(fields, mapping)
  return {
    unpack: steps?.unpack ?? (() => 'bad_json'),
    nest: steps?.nest ?? null,
    explode: (record) => {
      for (const list of lists) {
        const found = list(record)
        if (found !== null) return found
      }
      return null
    },
    where,
    draft: (record, reading) => {
      const draft = new Draft()
      raw?.(record, draft, reading)
      read(record, reading, draft)
      return draft
    },
    pair: mapping.pair === null ? null : safely(['pair'], () => compilePair(mapping.pair!)),
    fields: [...fields.values()],
  }
}

function compilePair(pair: NonNullable<Mapping['pair']>): CompiledPair {
  const keys = (Array.isArray(pair.key) ? pair.key : [pair.key]).map(compilePath)
  return {
    key: (record) => {
      for (const key of keys) {
        const value = key(record)
        if (typeof value === 'number') return String(value)
        if (typeof value === 'string' && value !== '' && value.length <= 256) return value
      }
      return null
    },
    side: pair.side === null ? null : compilePath(pair.side),
    request: pair.request,
    response: pair.response,
    begins: pair.begins.map(compilePath),
    waitUs: pair.wait_s * 1_000_000,
  }
}

/** A path in which any step may be a list: `resourceSpans.scopeSpans.spans`. */
function compileExplode(path: string): (record: unknown) => readonly unknown[] | null {
  const steps = path.split('.').map(compilePath)
  return (record) => {
    let level: readonly unknown[] = [record]
    for (const step of steps) {
      const next: unknown[] = []
      let there = false
      for (const each of level) {
        const found = step(each)
        if (found === undefined || found === null) continue
        there = true
        if (!Array.isArray(found)) next.push(found)
        else for (const one of found) if (next.length < MAX_EXPLODED) next.push(one)
      }
      if (!there) return null
      level = next
    }
    return level
  }
}

function rawReader(
  mapping: Mapping,
  settings: CompileSettings,
): (record: unknown, draft: Draft, reading: ReadingOf) => void {
  const { request, response } = mapping.raw_http!
  const http = new RawHttp(settings.limits, settings.bodies)
  const bytesAt = (form: typeof request): ((record: unknown) => Buffer | null) => {
    if (form === null) return () => null
    const coding = 'base64' in form ? 'base64' : 'utf8'
    const path = compilePath('base64' in form ? form.base64 : form.text)
    return (record) => {
      const text = path(record)
      return typeof text === 'string' && text !== '' ? Buffer.from(text, coding) : null
    }
  }
  const requestBytes = bytesAt(request)
  const responseBytes = bytesAt(response)
  return (record, draft, reading) => {
    const asked = requestBytes(record)
    const answered = responseBytes(record)
    if (asked === null && answered === null) return
    const exchange = http.read(asked, answered)
    if (exchange === null) {
      settings.failed('raw_http')
      reading.watch?.failed('raw_http', 'wire bytes', asked ?? answered)
      return
    }
    reading.watch?.found('raw_http', exchange.response === null ? 'request' : 'request, response')
    draft.wire(exchange)
  }
}

/** The fields of a mapping, read one after the other into a draft. Those it does not name cost nothing. */
function draftReader(fields: ReadonlyMap<string, Field>, mapping: Mapping) {
  const redacted = new Set(mapping.redacted)
  const reads: ((draft: Draft, record: unknown, reading: ReadingOf) => void)[] = []
  const into = (name: string, set: (draft: Draft, value: never) => void): void => {
    const field = fields.get(name)
    if (field === undefined) return
    const put = set as (draft: Draft, value: unknown) => void
    reads.push((draft, record, reading) => {
      const value = field.read(record, reading)
      if (value !== undefined) put(draft, value)
    })
  }
  into('ts', (draft, value: number) => (draft.ts = value))
  into('end_ts', (draft, value: number) => (draft.endTs = value))
  into('duration', (draft, value: number) => (draft.durationUs = value))
  into('client.ip', (draft, value: string) => (draft.clientIp = value))
  into('client.port', (draft, value: number) => (draft.clientPort = value))
  into('client.forwarded', (draft, value: string) => (draft.forwarded = value))
  into('server.ip', (draft, value: string) => (draft.serverIp = value))
  into('server.port', (draft, value: number) => (draft.serverPort = value))
  into('protocol', (draft, value: string) => (draft.version = value))
  into('tls.sni', (draft, value: string) => (draft.sni = value))
  into('request.method', (draft, value: string) => (draft.method ??= value))
  into('request.host', (draft, value: string) => (draft.host ??= value))
  into('request.scheme', (draft, value: string) => (draft.scheme ??= value.toLowerCase()))
  into('request.path', (draft, value: string) => (draft.path ??= value))
  into('request.query', (draft, value: string) => (draft.query ??= value.startsWith('?') ? value.slice(1) : value))
  into('request.target', (draft, value: string) => draft.target(value))
  const headers = (list: Header[]): Header[] =>
    list.some((header) => redacted.has(header[1])) ? list.filter((header) => !redacted.has(header[1])) : list
  into('request.headers', (draft, value: Header[]) => {
    if (draft.requestHeaders.length === 0) draft.requestHeaders = headers(value)
  })
  into('response.headers', (draft, value: Header[]) => {
    if (draft.responseHeaders.length === 0) draft.responseHeaders = headers(value)
  })
  for (const name of fields.keys()) {
    const single = /^(request|response)\.header\.(.+)$/.exec(name)
    if (single === null) continue
    const header = single[2]!
    const side = single[1] === 'request' ? 'requestHeaders' : 'responseHeaders'
    into(name, (draft, value: string) => {
      if (!redacted.has(value) && !hasHeader(draft[side], header)) draft[side].push([header, value])
    })
  }
  into('request.body', (draft, value: string) => (draft.requestBody ??= value))
  into('request.body_bytes', (draft, value: number) => (draft.requestBytes ??= value))
  into('response.status', (draft, value: number) => (draft.status ??= value))
  into('response.body', (draft, value: string) => (draft.responseBody ??= value))
  into('response.body_bytes', (draft, value: number) => (draft.responseBytes ??= value))
  into('identity.consumer', (draft, value: string) => (draft.consumer = value))
  into('identity.subject', (draft, value: string) => (draft.subject = value))
  into('identity.key_id', (draft, value: string) => (draft.keyId = value))
  into('gateway.service', (draft, value: string) => (draft.service = value))
  into('route_hint', (draft, value: string) => (draft.routeHint = value))
  into('trace_id', (draft, value: string) => (draft.traceId = value))
  return (record: unknown, reading: ReadingOf, draft: Draft): void => {
    for (let i = 0; i < reads.length; i++) reads[i]!(draft, record, reading)
  }
}
