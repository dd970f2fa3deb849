import { isAscii } from 'node:buffer'
import { JsonText } from '../model/json-text.ts'
import type { BodyText } from './body-text.ts'
import { type Credential, NOTHING, type Presented } from './credentials.ts'
import type { TransactionRecord } from './record.ts'
import type { RecordBuffer } from './record-buffer.ts'
import * as layout from './record-layout.ts'

/** A buffer that a single huge record made this large is not kept. */
const MAX_KEPT_BYTES = 1024 * 1024

/**
 * Writes records of the recorder for a RecordReader on another thread: see record-layout.ts. What is written holds no raw
 * secret, as the record itself: headers and bodies are redacted on the way, which is why they are written only where
 * somebody may read them (`contents`).
 */
export class RecordWriter {
  readonly #contents: boolean
  #text = new JsonText()
  readonly #connections: (TransactionRecord | undefined)[] = new Array(layout.CONNECTIONS).fill(undefined)
  readonly #presented: (Presented | undefined)[] = new Array(layout.PRESENTED_SLOTS).fill(undefined)
  readonly #names: (string | undefined)[] = new Array(layout.NAMES).fill(undefined)

  constructor(contents: boolean) {
    this.#contents = contents
  }

  /** Appends `record` to `out`, to be merged with others by `key`. */
  write(record: TransactionRecord, key: number, out: RecordBuffer): void {
    const base = out.length
    out.reserve(layout.HEAD_BYTES + layout.ID_BYTES)
    const float = base >> 3
    const { floats } = out
    floats[float + layout.KEY] = key
    floats[float + layout.TIME] = record.time
    floats[float + layout.END_TIME] = record.endTime
    floats[float + layout.DURATION] = record.durationUs ?? -1
    floats[float + layout.REQUEST_BYTES] = record.requestBodyBytes
    floats[float + layout.RESPONSE_BYTES] = record.responseBodyBytes
    out.length = base + layout.HEAD_BYTES
    out.text(record.id)

    const connection = this.#connection(record, out)
    const presented = this.#presentedSlot(record.presented, out)
    const method = this.#name(record.method, out)
    const scheme = this.#name(record.scheme, out)
    const host = this.#name(record.host, out)
    const version = this.#name(record.httpVersion, out)
    const path = out.text(record.path)
    const query = out.text(record.query)
    const traceId = out.text(record.traceId)
    const forwarded = out.text(joined(record.forwarded))
    const weirds = out.text(joined(record.ownWeirds))
    const { login, marks, grant } = record
    const plain = login === null && marks.length === 0 && grant === null
    const judged = plain ? layout.NONE : out.text(JSON.stringify([login, marks, grant]))
    let flags =
      layout.STATES.indexOf(record.state) |
      (layout.PAIRINGS.indexOf(record.pairing) << layout.PAIRING_SHIFT) |
      (layout.TRUSTS.indexOf(record.trust) << layout.TRUST_SHIFT)
    if (record.loginGranted) flags |= layout.LOGIN_GRANTED
    if (record.sentToLogin) flags |= layout.SENT_TO_LOGIN
    // The views may have changed with the buffer.
    let ints = out.ints
    const word = base >> 2
    ints[word + layout.STATUS] = record.status ?? layout.NONE
    ints[word + layout.CONNECTION] = connection
    ints[word + layout.CONNECTION_NUMBER] = record.connection
    ints[word + layout.PRESENTED] = presented
    ints[word + layout.METHOD] = method
    ints[word + layout.SCHEME] = scheme
    ints[word + layout.HOST] = host
    ints[word + layout.VERSION] = version
    ints[word + layout.PATH] = path
    ints[word + layout.QUERY] = query
    ints[word + layout.TRACE_ID] = traceId
    ints[word + layout.FORWARDED] = forwarded
    ints[word + layout.WEIRDS] = weirds
    ints[word + layout.JUDGED] = judged
    if (this.#contents) flags |= this.#writeContents(record, word, out)
    const end = (out.length + 7) & ~7
    out.reserve(end - out.length)
    out.length = end
    ints = out.ints
    ints[word + layout.SIZE] = end - base
    ints[word + layout.FLAGS] = flags
  }

  #writeContents(record: TransactionRecord, word: number, out: RecordBuffer): number {
    const { requestText, responseText } = record
    const text = this.#text
    record.writeRequestHeaders(text)
    const split = text.length
    record.writeResponseHeaders(text)
    const headers = text.length
    if (requestText !== null) text.string(requestText.text)
    const middle = text.length
    if (responseText !== null) text.string(responseText.text)
    const end = text.length
    out.append(text.bytes, 0, end)
    const requestWeirds = requestText === null ? 0 : out.text(joined(requestText.weirds))
    const responseWeirds = responseText === null ? 0 : out.text(joined(responseText.weirds))
    const { ints } = out
    ints[word + layout.REQUEST_HEADERS] = split
    ints[word + layout.RESPONSE_HEADERS] = headers - split
    ints[word + layout.REQUEST_BODY] = middle - headers
    ints[word + layout.RESPONSE_BODY] = end - middle
    ints[word + layout.REQUEST_BODY_WEIRDS] = requestWeirds
    ints[word + layout.RESPONSE_BODY_WEIRDS] = responseWeirds
    let flags = layout.CONTENTS
    if (isAscii(text.bytes.subarray(0, headers))) flags |= layout.PLAIN_HEADERS
    if (isAscii(text.bytes.subarray(headers, end))) flags |= layout.PLAIN_BODIES
    text.length = 0
    if (text.bytes.length > MAX_KEPT_BYTES) this.#text = new JsonText()
    if (requestText === null || responseText === null) return flags
    return (
      flags |
      layout.BODIES |
      bodyFlags(requestText, layout.REQUEST_BINARY, layout.REQUEST_CUT) |
      bodyFlags(responseText, layout.RESPONSE_BINARY, layout.RESPONSE_CUT)
    )
  }

  /** Both addresses and ports, and the source: the same for all records of a connection, and the very same objects. */
  #connection(record: TransactionRecord, out: RecordBuffer): number {
    const { clientPort, clientIp, source } = record
    const slot = record.connection & (layout.CONNECTIONS - 1)
    const last = this.#connections[slot]
    if (last !== undefined && last.source === source && last.clientPort === clientPort && last.clientIp === clientIp) {
      return slot
    }
    this.#connections[slot] = record
    define(JSON.stringify([clientIp, clientPort, record.serverIp, record.serverPort, source]), out)
    return slot | layout.DEFINED
  }

  #presentedSlot(presented: Presented, out: RecordBuffer): number {
    if (presented === NOTHING) return layout.NONE
    const slot = slotOf((presented.user ?? presented.sessions[0] ?? presented.apiKey ?? presented.basic)?.proof ?? '')
    const last = this.#presented[slot]
    if (last !== undefined && isSame(last, presented)) return slot
    this.#presented[slot] = presented
    define(JSON.stringify(presented), out)
    return slot | layout.DEFINED
  }

  #name(name: string | null, out: RecordBuffer): number {
    if (name === null) return layout.NONE
    const slot = nameSlot(name)
    if (this.#names[slot] === name) return slot
    this.#names[slot] = name
    define(name, out)
    return slot | layout.DEFINED
  }
}

/** A text behind its own code. */
function define(text: string, out: RecordBuffer): void {
  const at = out.length
  out.int(0)
  const code = out.text(text)
  out.bytes.writeInt32LE(code, at)
}

function joined(list: readonly string[]): string {
  return list.length === 0 ? '' : list.length === 1 ? list[0]! : list.join('\n')
}

function bodyFlags(body: BodyText, binary: number, cut: number): number {
  return (body.binary ? binary : 0) | (body.cut ? cut : 0)
}

/** Credentials are remembered by the reader of them, so the same one is the same object. */
function isSame(a: Presented, b: Presented): boolean {
  return (
    a === b ||
    (a.user === b.user &&
      a.basic === b.basic &&
      a.apiKey === b.apiKey &&
      a.consumer === b.consumer &&
      a.claims === b.claims &&
      a.weird === b.weird &&
      a.issued.length === 0 &&
      b.issued.length === 0 &&
      haveSame(a.sessions, b.sessions))
  )
}

function haveSame(a: readonly Credential[], b: readonly Credential[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** By the last characters of a pseudonym, which are as good as random. */
function slotOf(proof: string): number {
  let hash = 0
  for (let i = Math.max(0, proof.length - 6); i < proof.length; i++) hash = Math.imul(hash, 31) + proof.charCodeAt(i)
  return (hash ^ (hash >>> 13)) & (layout.PRESENTED_SLOTS - 1)
}

function nameSlot(name: string): number {
  const { length } = name
  if (length === 0) return 0
  const middle = name.charCodeAt(length >> 1)
  return (length * 131 + name.charCodeAt(0) * 31 + middle * 17 + name.charCodeAt(length - 1) * 7) & (layout.NAMES - 1)
}
