import { type JsonText, literal } from '../model/json-text.ts'
import type { Header, Mark, Transaction } from '../model/transaction.ts'
import type { Weird } from '../telemetry/weirds.ts'
import type { BodyText } from './body-text.ts'
import { NOTHING, type Presented } from './credentials.ts'
import type { LoginAttempt } from './login-attempt.ts'
import { type Material, TransactionRecord } from './record.ts'
import { readText, textBytes } from './record-buffer.ts'
import * as layout from './record-layout.ts'
import type { TokenGrant } from './token-grant.ts'

/** What arrived from a RecordWriter. */
export class RecordBytes {
  readonly bytes: Buffer
  readonly ints: Int32Array
  readonly floats: Float64Array

  /** The buffer is used again: nothing more may be read from it. */
  gone = false

  constructor(buffer: ArrayBuffer) {
    this.bytes = Buffer.from(buffer)
    this.ints = new Int32Array(buffer)
    this.floats = new Float64Array(buffer)
  }

  /** By which the record at `base` is merged with others. */
  keyAt(base: number): number {
    return this.floats[(base >> 3) + layout.KEY]!
  }

  /** Where the record behind the one at `base` begins. */
  after(base: number): number {
    return base + this.ints[(base >> 2) + layout.SIZE]!
  }
}

interface Connection {
  readonly clientIp: string
  readonly clientPort: number | null
  readonly serverIp: string | null
  readonly serverPort: number | null
  readonly source: Transaction['source']
}

const NOWHERE: Connection = {
  clientIp: '',
  clientPort: null,
  serverIp: null,
  serverPort: null,
  source: { kind: 'file', name: '', vlan: null, vni: null },
}
const MARK = literal('"')
const NO_STRINGS: readonly string[] = []

/** Reads the records of one RecordWriter, in the order in which they were written. */
export class RecordReader {
  readonly #keyId: string
  readonly #connections: Connection[] = new Array<Connection>(layout.CONNECTIONS).fill(NOWHERE)
  readonly #presented: Presented[] = new Array<Presented>(layout.PRESENTED_SLOTS).fill(NOTHING)
  readonly #names: string[] = new Array<string>(layout.NAMES).fill('')
  /** Where the next definition or text of the record stands. */
  #at = 0

  constructor(keyId: string) {
    this.#keyId = keyId
  }

  /**
   * The record at `base`. With contents it keeps `from` for what is read later, if at all: id, headers, bodies. Without
   * them it is whole by itself.
   */
  read(from: RecordBytes, base: number): TransactionRecord {
    const { bytes, ints, floats } = from
    const word = base >> 2
    const float = base >> 3
    this.#at = base + layout.HEAD_BYTES + layout.ID_BYTES
    const connection = this.#connection(ints[word + layout.CONNECTION]!, bytes)
    const presented = this.#presentedOf(ints[word + layout.PRESENTED]!, bytes)
    const method = this.#name(ints[word + layout.METHOD]!, bytes)
    const scheme = this.#name(ints[word + layout.SCHEME]!, bytes)
    const host = this.#name(ints[word + layout.HOST]!, bytes)
    const version = this.#name(ints[word + layout.VERSION]!, bytes)
    const path = this.#text(ints[word + layout.PATH]!, bytes)
    const query = this.#text(ints[word + layout.QUERY]!, bytes)
    const traceId = this.#text(ints[word + layout.TRACE_ID]!, bytes)
    const forwarded = this.#list(ints[word + layout.FORWARDED]!, bytes)
    const weirds = this.#list(ints[word + layout.WEIRDS]!, bytes)
    const judged = this.#text(ints[word + layout.JUDGED]!, bytes)

    const flags = ints[word + layout.FLAGS]!
    const material =
      (flags & layout.CONTENTS) === 0 ? new BareMaterial(idAt(from, base)) : new WrittenMaterial(from, base, this.#at)
    const record = new TransactionRecord(material, weirds, NO_STRINGS)
    const duration = floats[float + layout.DURATION]!
    const status = ints[word + layout.STATUS]!
    record.time = floats[float + layout.TIME]!
    record.endTime = floats[float + layout.END_TIME]!
    record.durationUs = duration < 0 ? null : duration
    record.clientIp = connection.clientIp
    record.clientPort = connection.clientPort
    record.serverIp = connection.serverIp
    record.serverPort = connection.serverPort
    record.httpVersion = version
    record.method = method
    record.scheme = scheme
    record.host = host
    record.path = path
    record.query = query ?? ''
    record.status = status < 0 ? null : status
    record.requestBodyBytes = floats[float + layout.REQUEST_BYTES]!
    record.responseBodyBytes = floats[float + layout.RESPONSE_BYTES]!
    record.claims = presented.claims
    record.forwarded = forwarded
    record.traceId = traceId
    record.state = layout.STATES[flags & 7]!
    record.pairing = layout.PAIRINGS[(flags >> layout.PAIRING_SHIFT) & 3]!
    record.trust = layout.TRUSTS[(flags >> layout.TRUST_SHIFT) & 3]!
    record.keyId = this.#keyId
    record.source = connection.source
    record.connection = ints[word + layout.CONNECTION_NUMBER]!
    record.presented = presented
    if (judged !== null) {
      const [login, marks, grant] = JSON.parse(judged) as [LoginAttempt | null, Mark[], TokenGrant | null]
      record.login = login
      record.marks = marks
      record.grant = grant
    }
    record.loginGranted = (flags & layout.LOGIN_GRANTED) !== 0
    record.sentToLogin = (flags & layout.SENT_TO_LOGIN) !== 0
    return record
  }

  #connection(slot: number, bytes: Buffer): Connection {
    if (slot < layout.DEFINED) return this.#connections[slot]!
    type Written = [string, number | null, string | null, number | null, Transaction['source']]
    const [clientIp, clientPort, serverIp, serverPort, source] = JSON.parse(this.#definition(bytes)) as Written
    const connection = { clientIp, clientPort, serverIp, serverPort, source }
    this.#connections[slot - layout.DEFINED] = connection
    return connection
  }

  #presentedOf(slot: number, bytes: Buffer): Presented {
    if (slot === layout.NONE) return NOTHING
    if (slot < layout.DEFINED) return this.#presented[slot]!
    const presented = JSON.parse(this.#definition(bytes)) as Presented
    this.#presented[slot - layout.DEFINED] = presented
    return presented
  }

  #name(slot: number, bytes: Buffer): string | null {
    if (slot === layout.NONE) return null
    if (slot < layout.DEFINED) return this.#names[slot]!
    const name = this.#definition(bytes)
    this.#names[slot - layout.DEFINED] = name
    return name
  }

  #definition(bytes: Buffer): string {
    const code = bytes.readInt32LE(this.#at)
    this.#at += 4
    return this.#text(code, bytes)!
  }

  #text(code: number, bytes: Buffer): string | null {
    const text = readText(bytes, this.#at, code)
    this.#at += textBytes(code)
    return text
  }

  #list(code: number, bytes: Buffer): readonly string[] {
    return code <= 0 ? NO_STRINGS : this.#text(code, bytes)!.split('\n')
  }
}

function idAt({ bytes }: RecordBytes, base: number): string {
  const at = base + layout.HEAD_BYTES
  return bytes.toString('latin1', at, at + layout.ID_BYTES)
}

/** Redacting headers and bodies costs as much as all the rest of a record, so they are left out when nobody listens. */
class BareMaterial implements Material {
  readonly #id: string

  constructor(id: string) {
    this.#id = id
  }

  id(): string {
    return this.#id
  }

  writeId(out: JsonText): void {
    out.string(this.#id)
  }

  requestHeaders(): never {
    throw new Error('headers and bodies of this record were not asked for')
  }

  responseHeaders(): never {
    return this.requestHeaders()
  }

  writeRequestHeaders(): never {
    return this.requestHeaders()
  }

  writeResponseHeaders(): never {
    return this.requestHeaders()
  }

  requestBody(): never {
    return this.requestHeaders()
  }

  responseBody(): never {
    return this.requestHeaders()
  }
}

/** What of a written record is read on demand. */
class WrittenMaterial implements Material {
  readonly #from: RecordBytes
  readonly #base: number
  /** Where the headers of the request begin; all else follows. */
  readonly #contents: number

  constructor(from: RecordBytes, base: number, contents: number) {
    this.#from = from
    this.#base = base
    this.#contents = contents
  }

  id(): string {
    return idAt(this.#source(), this.#base)
  }

  writeId(out: JsonText): void {
    const at = this.#base + layout.HEAD_BYTES
    out.raw(MARK)
    out.copy(this.#from.bytes, at, at + layout.ID_BYTES)
    out.raw(MARK)
  }

  requestHeaders(): readonly Header[] {
    const start = this.#headersStart()
    return this.#headers(start, start + this.#word(layout.REQUEST_HEADERS))
  }

  responseHeaders(): readonly Header[] {
    const start = this.#headersStart() + this.#word(layout.REQUEST_HEADERS)
    return this.#headers(start, start + this.#word(layout.RESPONSE_HEADERS))
  }

  writeRequestHeaders(out: JsonText): void {
    const start = this.#headersStart()
    if (this.#has(layout.PLAIN_HEADERS)) out.copy(this.#from.bytes, start, start + this.#word(layout.REQUEST_HEADERS))
    else out.pairs(this.requestHeaders())
  }

  writeResponseHeaders(out: JsonText): void {
    const start = this.#headersStart() + this.#word(layout.REQUEST_HEADERS)
    if (this.#has(layout.PLAIN_HEADERS)) out.copy(this.#from.bytes, start, start + this.#word(layout.RESPONSE_HEADERS))
    else out.pairs(this.responseHeaders())
  }

  requestBody(): BodyText | null {
    const start = this.#bodiesStart()
    if (!this.#has(layout.BODIES)) return null
    const end = start + this.#word(layout.REQUEST_BODY)
    const weirds = end + this.#word(layout.RESPONSE_BODY)
    return new WrittenBody(
      this.#source(),
      start,
      end,
      this.#has(layout.PLAIN_BODIES),
      this.#has(layout.REQUEST_BINARY),
      this.#has(layout.REQUEST_CUT),
      this.#weirds(weirds, layout.REQUEST_BODY_WEIRDS),
    )
  }

  responseBody(): BodyText | null {
    const start = this.#bodiesStart() + this.#word(layout.REQUEST_BODY)
    if (!this.#has(layout.BODIES)) return null
    const end = start + this.#word(layout.RESPONSE_BODY)
    const weirds = end + textBytes(this.#word(layout.REQUEST_BODY_WEIRDS))
    return new WrittenBody(
      this.#source(),
      start,
      end,
      this.#has(layout.PLAIN_BODIES),
      this.#has(layout.RESPONSE_BINARY),
      this.#has(layout.RESPONSE_CUT),
      this.#weirds(weirds, layout.RESPONSE_BODY_WEIRDS),
    )
  }

  #headers(start: number, end: number): readonly Header[] {
    return JSON.parse(this.#from.bytes.toString('utf8', start, end)) as Header[]
  }

  #headersStart(): number {
    return this.#contents
  }

  #source(): RecordBytes {
    if (this.#from.gone) throw new Error('this record was to be read at once')
    return this.#from
  }

  #bodiesStart(): number {
    return this.#headersStart() + this.#word(layout.REQUEST_HEADERS) + this.#word(layout.RESPONSE_HEADERS)
  }

  #weirds(at: number, word: number): readonly Weird[] {
    const code = this.#word(word)
    return code === 0 ? NO_WEIRDS : (readText(this.#from.bytes, at, code)!.split('\n') as Weird[])
  }

  #word(word: number): number {
    return this.#source().ints[(this.#base >> 2) + word]!
  }

  #has(flag: number): boolean {
    return (this.#word(layout.FLAGS) & flag) !== 0
  }
}

const NO_WEIRDS: readonly Weird[] = []

/** A body as JSON, parsed when it is read as text. */
class WrittenBody implements BodyText {
  readonly binary: boolean
  readonly cut: boolean
  readonly weirds: readonly Weird[]
  readonly #from: RecordBytes
  readonly #start: number
  readonly #end: number
  readonly #plain: boolean
  #text: string | null = null

  constructor(
    from: RecordBytes,
    start: number,
    end: number,
    plain: boolean,
    binary: boolean,
    cut: boolean,
    weirds: readonly Weird[],
  ) {
    this.#from = from
    this.#start = start
    this.#end = end
    this.#plain = plain
    this.binary = binary
    this.cut = cut
    this.weirds = weirds
  }

  get text(): string {
    this.#text ??= JSON.parse(this.#bytes().toString('utf8', this.#start, this.#end)) as string
    return this.#text
  }

  writeText(out: JsonText): void {
    if (this.#plain) out.copy(this.#bytes(), this.#start, this.#end)
    else out.string(this.text)
  }

  #bytes(): Buffer {
    if (this.#from.gone) throw new Error('this record was to be read at once')
    return this.#from.bytes
  }
}
