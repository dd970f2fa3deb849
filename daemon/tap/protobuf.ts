/**
 * Reads the protobuf messages that log pipelines write to topics into the members that the same messages have as JSON, so that
 * one mapping reads both. Only fields that presets ask for are known; the rest is passed over by wire type.
 *
 * Sources: opentelemetry-proto trace/v1/trace.proto and common/v1/common.proto; Envoy api/envoy/data/tap/v3. Wire format:
 * protobuf.dev/programming-guides/encoding. Bytes are hostile: lengths are checked, depth and the number of messages limited,
 * every step advances.
 */

/** How a field is written as JSON. `time` is google.protobuf.Timestamp. Whole numbers above 2^53 lose their last digits. */
type Scalar = 'text' | 'hex' | 'base64' | 'bool' | 'int' | 'double' | 'fixed64' | 'time'

interface Field {
  readonly name: string
  readonly is: Scalar | Message
  readonly many?: true
}

/** Fields by number. */
interface Message {
  readonly [number: number]: Field
}

const MAX_DEPTH = 16
/** In one record: each becomes an object. */
const MAX_MESSAGES = 100_000

/** Null: these bytes are no such message. */
export function readProtobuf(bytes: Buffer, message: Message): Record<string, unknown> | null {
  const record = new Reader(bytes).message(message, bytes.length, 0)
  return record === null || Object.keys(record).length === 0 ? null : record
}

/** A message that does not fit ends the reading: `null` goes up all the way. */
class Reader {
  readonly #bytes: Buffer
  #at = 0
  #messages = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  message(fields: Message, end: number, depth: number): Record<string, unknown> | null {
    if (depth > MAX_DEPTH || ++this.#messages > MAX_MESSAGES) return null
    const record: Record<string, unknown> = {}
    while (this.#at < end) {
      const tag = this.#varint(end)
      if (tag === null || tag < 8) return null
      const field = fields[Math.floor(tag / 8)]
      const value = field === undefined ? this.#pass(tag & 7, end) : this.#value(field.is, tag & 7, end, depth)
      if (value === null) return null
      if (field === undefined) continue
      if (field.many === true) {
        const list = record[field.name] as unknown[] | undefined
        if (list === undefined) record[field.name] = [value]
        else list.push(value)
      } else record[field.name] = value
    }
    return record
  }

  #value(is: Field['is'], wire: number, end: number, depth: number): unknown {
    if (is === 'int' || is === 'bool') {
      const number = wire === VARINT ? this.#varint(end) : null
      return number === null || is === 'int' ? number : number !== 0
    }
    if (is === 'double' || is === 'fixed64') {
      if (wire !== I64 || this.#at + 8 > end) return null
      this.#at += 8
      return is === 'double'
        ? this.#bytes.readDoubleLE(this.#at - 8)
        : this.#bytes.readBigUInt64LE(this.#at - 8).toString()
    }
    const length = wire === LEN ? this.#varint(end) : null
    if (length === null || this.#at + length > end) return null
    const until = this.#at + length
    if (typeof is === 'object') return this.message(is, until, depth + 1)
    if (is === 'time') return isoTime(this.message(TIMESTAMP, until, depth + 1))
    const encoding = is === 'text' ? 'utf8' : is
    this.#at = until
    return this.#bytes.toString(encoding, until - length, until)
  }

  /** Past a field that nobody asks for. Null: it does not end within `end`. */
  #pass(wire: number, end: number): true | null {
    if (wire === VARINT) return this.#varint(end) === null ? null : true
    const length = wire === I64 ? 8 : wire === I32 ? 4 : wire === LEN ? this.#varint(end) : null
    if (length === null || this.#at + length > end) return null
    this.#at += length
    return true
  }

  #varint(end: number): number | null {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10 && this.#at < end; i++) {
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    return null
  }
}

function isoTime(record: Record<string, unknown> | null): string | null {
  const { seconds = 0, nanos = 0 } = (record ?? {}) as { seconds?: number; nanos?: number }
  const millis = seconds * 1000
  // What Date can hold.
  if (record === null || !(millis < 8.64e15) || nanos >= 1e9) return null
  return new Date(millis).toISOString().replace(/000Z$/, `${String(nanos).padStart(9, '0')}Z`)
}

const VARINT = 0
const I64 = 1
const LEN = 2
const I32 = 5

const TIMESTAMP: Message = { 1: { name: 'seconds', is: 'int' }, 2: { name: 'nanos', is: 'int' } }

const ANY_VALUE: { [number: number]: Field } = {
  1: { name: 'stringValue', is: 'text' },
  2: { name: 'boolValue', is: 'bool' },
  3: { name: 'intValue', is: 'int' },
  4: { name: 'doubleValue', is: 'double' },
  7: { name: 'bytesValue', is: 'base64' },
}
ANY_VALUE[5] = { name: 'arrayValue', is: { 1: { name: 'values', is: ANY_VALUE, many: true } } }
const ATTRIBUTE: Message = { 1: { name: 'key', is: 'text' }, 2: { name: 'value', is: ANY_VALUE } }
const SPAN: Message = {
  1: { name: 'traceId', is: 'hex' },
  2: { name: 'spanId', is: 'hex' },
  6: { name: 'kind', is: 'int' },
  7: { name: 'startTimeUnixNano', is: 'fixed64' },
  8: { name: 'endTimeUnixNano', is: 'fixed64' },
  9: { name: 'attributes', is: ATTRIBUTE, many: true },
}
const RESOURCE_SPANS: Message = {
  1: { name: 'resource', is: { 1: { name: 'attributes', is: ATTRIBUTE, many: true } } },
  2: { name: 'scopeSpans', is: { 2: { name: 'spans', is: SPAN, many: true } }, many: true },
}

const HEADER: Message = {
  1: { name: 'key', is: 'text' },
  2: { name: 'value', is: 'text' },
  3: { name: 'rawValue', is: 'base64' },
}
const HEADER_MAP: Message = { 1: { name: 'headers', is: HEADER, many: true } }
const BODY: Message = {
  1: { name: 'asBytes', is: 'base64' },
  2: { name: 'asString', is: 'text' },
  3: { name: 'truncated', is: 'bool' },
}
const HTTP_MESSAGE: Message = {
  1: { name: 'headers', is: HEADER, many: true },
  2: { name: 'body', is: BODY },
  4: { name: 'headersReceivedTime', is: 'time' },
}
const SOCKET_ADDRESS: Message = { 2: { name: 'address', is: 'text' }, 3: { name: 'portValue', is: 'int' } }
const ADDRESS: Message = { 1: { name: 'socketAddress', is: SOCKET_ADDRESS } }

/** ExportTraceServiceRequest, and TracesData, which is the same. */
export const OTLP_TRACES: Message = { 1: { name: 'resourceSpans', is: RESOURCE_SPANS, many: true } }

/** TraceWrapper. */
export const ENVOY_TAP: Message = {
  1: {
    name: 'httpBufferedTrace',
    is: {
      1: { name: 'request', is: HTTP_MESSAGE },
      2: { name: 'response', is: HTTP_MESSAGE },
      3: { name: 'downstreamConnection', is: { 2: { name: 'remoteAddress', is: ADDRESS } } },
    },
  },
  2: {
    name: 'httpStreamedTraceSegment',
    is: {
      1: { name: 'traceId', is: 'int' },
      2: { name: 'requestHeaders', is: HEADER_MAP },
      3: { name: 'requestBodyChunk', is: BODY },
      5: { name: 'responseHeaders', is: HEADER_MAP },
      6: { name: 'responseBodyChunk', is: BODY },
    },
  },
}
