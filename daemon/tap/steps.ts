import { gunzipSync } from 'node:zlib'
import type { Mapping } from './mapping.ts'
import { compilePath, type Getter } from './path.ts'
import { ENVOY_TAP, OTLP_TRACES, readProtobuf } from './protobuf.ts'
import type { Undecodable } from './record.ts'

/** Longest record read, before and after decompression. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024
export const MAX_UNPACKED_BYTES = 16 * 1024 * 1024

const GZIP = 0x8b1f
const JSON_BEGINS: ReadonlySet<number> = new Set(Buffer.from('{[ '))
const PROTOBUF = { 'otlp?': OTLP_TRACES, 'envoy_tap?': ENVOY_TAP } as const
/** A line of GoReplay: type, id, time in nanoseconds, then for a response how long it took. */
const GOREPLAY = /^([123]) ([0-9A-Za-z-]{1,64}) (\d{13,19})(?: -?\d{1,19})? ?\r?$/

/** Bytes, text or JSON to one record. Text where it failed: why. */
export type Unpack = (value: unknown) => { readonly record: unknown } | Undecodable

/** Nested text to a record: `{json: message}`. */
export type Nest = (record: unknown) => unknown

export function compileSteps(decode: Mapping['decode']): { readonly unpack: Unpack; readonly nest: Nest | null } {
  const outer = decode.filter((step) => typeof step === 'string')
  const inner = decode.flatMap((step) => (typeof step === 'string' ? [] : [compilePath(step.json)]))
  return { unpack: outer.join() === 'json' ? unpackJson : unpackWith(outer), nest: nestThrough(inner) }
}

function nestThrough(paths: readonly Getter[]): Nest | null {
  if (paths.length === 0) return null
  return (record) => {
    let here = record
    for (const path of paths) {
      const text = path(here)
      if (typeof text === 'string' && text.length <= MAX_UNPACKED_BYTES) here = parse(fromBrace(text)) ?? here
      else if (typeof text === 'object' && text !== null && !Array.isArray(text)) here = text
    }
    return here
  }
}

/** Log shippers put their own words before the JSON of a line. */
function fromBrace(text: string): string {
  const brace = text.indexOf('{')
  return brace > 0 && brace < 1024 ? text.slice(brace) : text
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** The usual case on its own. */
const unpackJson: Unpack = (value) => {
  if (typeof value === 'string' || Buffer.isBuffer(value)) {
    if (value.length > MAX_RECORD_BYTES) return 'too_long'
    const record = parse(typeof value === 'string' ? value : value.toString('utf8'))
    return record === undefined ? 'bad_json' : { record }
  }
  return typeof value === 'object' && value !== null ? { record: value } : 'not_object'
}

function unpackWith(steps: readonly string[]): Unpack {
  return (value) => {
    if (!Buffer.isBuffer(value) && typeof value !== 'string') return unpackJson(value)
    if (value.length > MAX_RECORD_BYTES) return 'too_long'
    let bytes: Buffer = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
    for (const step of steps) {
      switch (step) {
        case 'gunzip':
        case 'gunzip?': {
          const zipped = bytes.length > 18 && bytes.readUInt16LE(0) === GZIP
          if (!zipped && step === 'gunzip') return 'bad_bytes'
          const plain = zipped ? gunzip(bytes) : bytes
          if (plain === null) return 'bad_bytes'
          bytes = plain
          break
        }
        case 'base64':
        case 'base64?':
          if (step === 'base64' || looksBase64(bytes)) bytes = Buffer.from(bytes.toString('latin1'), 'base64')
          break
        case 'goreplay?': {
          const record = goreplay(bytes)
          if (record !== null) return { record }
          break
        }
        case 'otlp?':
        case 'envoy_tap?': {
          const record = JSON_BEGINS.has(bytes[0]!) ? null : readProtobuf(bytes, PROTOBUF[step])
          if (record !== null) return { record }
          break
        }
        case 'after_prefix?': {
          const brace = bytes.subarray(0, 1024).indexOf('{')
          if (brace > 0) bytes = bytes.subarray(brace)
          break
        }
        default: {
          const record = parse(bytes.toString('utf8'))
          return record === undefined ? 'bad_json' : { record }
        }
      }
    }
    return 'bad_json'
  }
}

function gunzip(bytes: Buffer): Buffer | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES })
  } catch {
    return null
  }
}

/** JSON begins with a brace, bracket or blank, none of which is a digit of base64. */
function looksBase64(bytes: Buffer): boolean {
  return bytes.length >= 16 && /^[A-Za-z0-9+/]{16}$/.test(bytes.toString('latin1', 0, 16))
}

function goreplay(bytes: Buffer): Record<string, unknown> | null {
  const end = bytes.subarray(0, 160).indexOf(0x0a)
  if (end < 0) return null
  const match = GOREPLAY.exec(bytes.toString('latin1', 0, end))
  if (match === null) return null
  const wire = bytes.toString('base64', end + 1)
  const type = match[1]
  return {
    Req_Type: type,
    Req_ID: match[2],
    Req_Ts: match[3],
    ...(type === '1' ? { raw_request: wire } : { raw_response: wire }),
  }
}
