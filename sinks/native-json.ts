import type { BodyText } from '../daemon/identity/body-text.ts'
import { NO_TLS, NOBODY, TransactionRecord } from '../daemon/identity/record.ts'
import { JsonText, type Literal, literal } from '../daemon/model/json-text.ts'
import type { Claims, Mark, Principal, Transaction } from '../daemon/model/transaction.ts'
import { LineMemory } from './line-memory.ts'

const line = new JsonText()
const memory = new LineMemory()

const ID = literal('{"id":')
const TS = literal(',"ts":')
const END_TS = literal(',"end_ts":')
const DURATION_US = literal(',"duration_us":')
const CLIENT_IP = literal(',"client_ip":')
const CLIENT_PORT = literal(',"client_port":')
const SERVER_IP = literal(',"server_ip":')
const SERVER_PORT = literal(',"server_port":')
const HTTP_VERSION = literal(',"http_version":')
const METHOD = literal(',"method":')
const SCHEME = literal(',"scheme":')
const HOST = literal(',"host":')
const PATH = literal(',"path":')
const QUERY = literal(',"query":')
const ENDPOINT = literal(',"endpoint":')
const SERVICE = literal(',"service":')
const STATUS = literal(',"status":')
const REQUEST_HEADERS = literal(',"request_headers":')
const RESPONSE_HEADERS = literal(',"response_headers":')
const REQUEST_BODY_BYTES = literal(',"request_body_bytes":')
const RESPONSE_BODY_BYTES = literal(',"response_body_bytes":')
const REQUEST_BODY = literal(',"request_body":')
const RESPONSE_BODY = literal(',"response_body":')
const PRINCIPAL = literal(',"principal":')
const CLAIMS = literal(',"claims":')
const FORWARDED = literal(',"forwarded":')
const CONSUMER = literal(',"consumer":')
const SNI = literal(',"tls":{"sni":')
const JA4 = literal(',"ja4":')
/** FORWARDED to TRACE_ID where there is nothing to say. */
const DIRECT = literal(',"forwarded":[],"consumer":null,"tls":{"sni":null,"ja4":null},"trace_id":')
const TRACE_ID = literal('},"trace_id":')
const STATE = literal(',"state":')
const PAIRING = literal(',"pairing":')
const WEIRDS = literal(',"weirds":')
const TRUNCATED = literal(',"truncated":')
const MARKS = literal(',"marks":[')
const KEY_ID = literal('],"redacted":true,"key_id":')
const SOURCE = literal(',"source":{"kind":')
const NAME = literal(',"name":')
const VLAN = literal(',"vlan":')
const VNI = literal(',"vni":')
const END_BOTH = literal('}}')
const KIND = literal('{"kind":')
const NEXT_ID = literal(',"id":')
const DISPLAY = literal(',"display":')
const VIA = literal(',"via":')
const APP = literal(',"app":')
const END = literal('}')
const NULL = literal('null')
const ISS = literal('{"iss":')
const SUB = literal(',"sub":')
const TENANT = literal(',"tenant":')
const ROLE = literal(',"role":')
const SCOPE = literal(',"scope":')
const ALG = literal(',"alg":')
const KID = literal(',"kid":')
const IAT = literal(',"iat":')
const EXP = literal(',"exp":')
const ACTOR = literal(',"actor":')
const VERIFIED = literal(',"verified":')
const FIELD = literal(',"field":')
const ACCOUNT = literal(',"account":')
const GUESS = literal(',"guess":')
const CLASS = literal(',"class":')
const RULE = literal(',"rule":')
const SCORE = literal(',"score":')
const LOG_ODDS = literal(',"log_odds":')
const LAYERS = literal(',"layers":')
const EXCERPT = literal(',"excerpt":')
const TOKENS = literal(',"tokens":')
const REFLECTED = literal(',"reflected":true,"delay_ms":')
const NOT_REFLECTED = literal(',"reflected":false,"delay_ms":')
const NEXT_KIND = literal(',{"kind":')

/**
 * One transaction as one line of JSON, without the line end: keys in the order of contracts.md, so equal transactions give equal
 * bytes. Reads header arrays and bodies, so call it while they may be read. Bodies are absent when they are off.
 */
export function encodeTransaction(tx: Transaction): string {
  writeTransaction(tx, line)
  return line.take()
}

/** The same, appended to `text` as bytes. */
export function writeTransaction(tx: Transaction, text: JsonText): void {
  const ours = tx instanceof TransactionRecord
  const connection = ours ? tx.connection : 0
  text.raw(ID)
  if (ours) tx.writeId(text)
  else text.string(tx.id)
  text.raw(TS)
  text.time(tx.time)
  text.raw(END_TS)
  text.time(tx.endTime)
  text.raw(DURATION_US)
  text.number(tx.durationUs)
  memory.addresses(tx, connection, text, writeAddresses)
  text.raw(METHOD)
  text.string(tx.method)
  memory.host(tx, connection, text, writeHost)
  text.raw(PATH)
  text.string(tx.path)
  text.raw(QUERY)
  text.string(tx.query)
  memory.endpoint(tx, text, writeEndpoint)
  text.number(tx.status)
  text.raw(REQUEST_HEADERS)
  if (ours) {
    tx.writeRequestHeaders(text)
    text.raw(RESPONSE_HEADERS)
    tx.writeResponseHeaders(text)
  } else {
    text.pairs(tx.requestHeaders)
    text.raw(RESPONSE_HEADERS)
    text.pairs(tx.responseHeaders)
  }
  text.raw(REQUEST_BODY_BYTES)
  text.number(tx.requestBodyBytes)
  text.raw(RESPONSE_BODY_BYTES)
  text.number(tx.responseBodyBytes)
  if (ours) {
    writeBody(REQUEST_BODY, tx.requestText, text)
    writeBody(RESPONSE_BODY, tx.responseText, text)
  } else {
    writeBody(REQUEST_BODY, textOf(tx.requestBody), text)
    writeBody(RESPONSE_BODY, textOf(tx.responseBody), text)
  }
  memory.caller(tx, connection, text, writeCaller)
  if (tx.forwarded.length === 0 && tx.consumer === null && tx.tls === NO_TLS) text.raw(DIRECT)
  else writeRoute(tx, text)
  text.string(tx.traceId)
  const { weirds, truncated, marks } = tx
  if (weirds.length === 0 && truncated.length === 0 && marks.length === 0) memory.ending(tx, text, writeEnding)
  else writeEnding(tx, text)
}

function textOf(body: string | undefined): Pick<BodyText, 'text'> | null {
  return body === undefined ? null : { text: body }
}

function writeBody(key: Literal, body: Pick<BodyText, 'text' | 'writeText'> | null, text: JsonText): void {
  if (body === null) return
  text.raw(key)
  if (body.writeText === undefined) text.string(body.text)
  else body.writeText(text)
}

function writeAddresses(tx: Transaction, text: JsonText): void {
  text.raw(CLIENT_IP)
  text.string(tx.clientIp)
  text.raw(CLIENT_PORT)
  text.number(tx.clientPort)
  text.raw(SERVER_IP)
  text.string(tx.serverIp)
  text.raw(SERVER_PORT)
  text.number(tx.serverPort)
  text.raw(HTTP_VERSION)
  text.string(tx.httpVersion)
}

function writeHost(tx: Transaction, text: JsonText): void {
  text.raw(SCHEME)
  text.string(tx.scheme)
  text.raw(HOST)
  text.string(tx.host)
}

function writeEndpoint(tx: Transaction, text: JsonText): void {
  text.raw(ENDPOINT)
  text.string(tx.endpoint)
  text.raw(SERVICE)
  text.string(tx.service)
  text.raw(STATUS)
}

function writeCaller(tx: Transaction, text: JsonText): void {
  text.raw(PRINCIPAL)
  // A sensor leaves it to the analyzers.
  if (tx.principal === NOBODY) text.raw(NULL)
  else writePrincipal(tx.principal, text)
  text.raw(CLAIMS)
  writeClaims(tx.claims, text)
}

function writeRoute(tx: Transaction, text: JsonText): void {
  text.raw(FORWARDED)
  text.strings(tx.forwarded)
  text.raw(CONSUMER)
  text.string(tx.consumer)
  text.raw(SNI)
  text.string(tx.tls.sni)
  text.raw(JA4)
  text.string(tx.tls.ja4)
  text.raw(TRACE_ID)
}

function writeEnding(tx: Transaction, text: JsonText): void {
  text.raw(STATE)
  text.string(tx.state)
  text.raw(PAIRING)
  text.string(tx.pairing)
  text.raw(WEIRDS)
  text.strings(tx.weirds)
  text.raw(TRUNCATED)
  text.strings(tx.truncated)
  text.raw(MARKS)
  for (let i = 0; i < tx.marks.length; i++) writeMark(tx.marks[i]!, i > 0, text)
  text.raw(KEY_ID)
  text.string(tx.keyId)
  text.raw(SOURCE)
  text.string(tx.source.kind)
  text.raw(NAME)
  text.string(tx.source.name)
  text.raw(VLAN)
  text.number(tx.source.vlan)
  text.raw(VNI)
  text.number(tx.source.vni)
  text.raw(END_BOTH)
}

function writePrincipal({ kind, id, display, via, app }: Principal, text: JsonText): void {
  text.raw(KIND)
  text.string(kind)
  text.raw(NEXT_ID)
  text.string(id)
  text.raw(DISPLAY)
  text.string(display)
  text.raw(VIA)
  text.string(via)
  text.raw(APP)
  text.string(app)
  text.raw(END)
}

function writeClaims(claims: Claims | null, text: JsonText): void {
  if (claims === null) {
    text.raw(NULL)
    return
  }
  text.raw(ISS)
  text.string(claims.iss)
  text.raw(SUB)
  text.string(claims.sub)
  text.raw(TENANT)
  text.string(claims.tenant)
  text.raw(ROLE)
  text.strings(claims.role)
  text.raw(SCOPE)
  text.strings(claims.scope)
  text.raw(ALG)
  text.string(claims.alg)
  text.raw(KID)
  text.string(claims.kid)
  text.raw(IAT)
  text.number(claims.iat)
  text.raw(EXP)
  text.number(claims.exp)
  if (claims.actor !== undefined) {
    text.raw(ACTOR)
    text.string(claims.actor)
  }
  if (claims.verified !== undefined) {
    text.raw(VERIFIED)
    text.string(claims.verified)
  }
  text.raw(END)
}

function writeMark(mark: Mark, more: boolean, text: JsonText): void {
  text.raw(more ? NEXT_KIND : KIND)
  text.string(mark.kind)
  if (mark.kind === 'login') {
    text.raw(FIELD)
    text.string(mark.field)
    text.raw(ACCOUNT)
    text.string(mark.account)
    text.raw(GUESS)
    text.string(mark.guess)
  } else {
    text.raw(CLASS)
    text.string(mark.class)
    text.raw(RULE)
    text.string(mark.rule)
    text.raw(FIELD)
    text.string(mark.field)
    text.raw(SCORE)
    text.number(mark.score)
    text.raw(LOG_ODDS)
    text.number(mark.logOdds)
    text.raw(LAYERS)
    text.strings(mark.layers)
    text.raw(EXCERPT)
    text.string(mark.excerpt)
    text.raw(TOKENS)
    text.string(mark.tokens)
    text.raw(mark.reflected ? REFLECTED : NOT_REFLECTED)
    text.number(mark.delayMs)
  }
  text.raw(END)
}
