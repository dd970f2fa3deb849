import type { Head, Message } from '../http/exchange.ts'
import { ParsedHead } from '../http/head.ts'
import { knownIndex } from '../http/known-headers.ts'
import { ownText } from '../model/own-text.ts'
import type { PayloadMark } from '../model/transaction.ts'
import { PAYLOAD_CHECKS } from '../payload/checks.ts'
import type { PayloadCheck } from '../payload/payload.ts'
import { checksOf } from '../payload/rules/compiler.ts'
import type { PayloadRule, RuleBox } from '../payload/rules/rule.ts'
import { MAX_FINDINGS, type PayloadFinding, PayloadScanner } from '../payload/scanner.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { BodyText } from './body-text.ts'
import type { KnownCaller } from './caller-memory.ts'
import { CleanFields } from './clean-fields.ts'
import { delayNamedBy } from './payload-delay.ts'
import { PayloadMask } from './payload-mask.ts'
import { MAX_EXCERPT, scoreOf } from './payload-score.ts'
import type { Pseudonyms } from './pseudonym.ts'
import type { KnownHeader } from './record-headers.ts'
import type { HeaderRedactor } from './redact-headers.ts'

/** What is looked at of an answer that tells of a failure, or is no JSON. */
const MAX_ANSWER = 16 * 1024
/** Of one that is JSON and went well: an error inside of it stands at the beginning. */
const MAX_GOOD_JSON = 512
/** Longer values are not sought in the answer as a whole. */
const MAX_ECHO = 256
/** Shorter ones stand in many answers by chance. */
const MIN_ECHO = 6
/** Escaping would have changed one of them. */
const ESCAPED_IN_HTML = /[<>"']/

const NONE: readonly PayloadMark[] = []
const NO_FINDINGS: readonly PayloadFinding[] = []

/** Bodies of an exchange before redaction, made when they are asked for. */
export interface RawBodies {
  rawRequest(): BodyText
  rawResponse(): BodyText
}

/** An answer, as far as it is known. */
interface Answer {
  readonly contentType: string | null
  text(): string
}

/**
 * The marks of payloads in a request and its answer, before redaction. What is clean costs one pass over its bytes, and no string. What is not looked
 * at is counted: `payload.answer_compressed`, and `payload.answer_cut` where an answer is longer than what is read of it.
 */
export class PayloadMarks {
  readonly #rules: RuleBox
  #known: readonly PayloadRule[]
  #scanner: PayloadScanner
  readonly #mask: PayloadMask
  #clean = new CleanFields()
  /** Rules were replaced: callers that are known to be clean were so by the old ones. */
  #replaced = false
  readonly #counters: Counters

  /** `rules`: the operator's, and those they are replaced by. */
  constructor(pseudonyms: Pseudonyms, headers: HeaderRedactor, counters: Counters, rules: RuleBox) {
    this.#rules = rules
    this.#known = rules.rules
    this.#scanner = new PayloadScanner(withRules(this.#known, counters), counters)
    this.#mask = new PayloadMask(pseudonyms, headers)
    this.#counters = counters
  }

  /** `known`: the caller, as CallerMemory knows it. */
  ofExchange(
    request: Message | null,
    response: Message | null,
    known: KnownCaller | null,
    bodies: RawBodies,
  ): readonly PayloadMark[] {
    if (this.#rules.rules !== this.#known) this.#replace()
    const asked = request === null ? NO_FINDINGS : this.#inRequest(request, known, bodies)
    const given = response === null ? NO_FINDINGS : this.#inAnswer(response, bodies, asked.length > 0)
    if (asked.length === 0 && given.length === 0) return NONE
    const answer: Answer | null =
      response === null
        ? null
        : { contentType: response.head.header('content-type'), text: () => bodies.rawResponse().text }
    return this.#marks(asked, given, request?.head.target ?? '', answer)
  }

  /** The same of a record that came as one, in the clear. `known`: what is known of each of its headers. */
  ofRecord(
    head: Head,
    known: readonly (KnownHeader | null)[],
    body: string,
    status: number | null,
    contentType: string | null,
    answer: string,
  ): readonly PayloadMark[] {
    if (this.#rules.rules !== this.#known) this.#replace()
    const asked = this.#inRecord(head, known, body)
    const most = limitOf(status ?? 0, contentType?.includes('json') === true, asked.length > 0)
    if (answer.length > most) this.#counters.add('payload.answer_cut')
    const shown = status !== null && status < 400 && asked.length === 0
    const given = this.#scanner.suspectsAnswerText(answer, most)
      ? this.#scanner.response(answer.length > most ? answer.slice(0, most) : answer, shown)
      : NO_FINDINGS
    if (asked.length === 0 && given.length === 0) return NONE
    return this.#marks(asked, given, head.target, { contentType, text: () => answer })
  }

  #inRecord(head: Head, known: readonly (KnownHeader | null)[], body: string): readonly PayloadFinding[] {
    const scanner = this.#scanner
    if (!this.#suspectsRecord(head, known) && !scanner.suspectsText(head.target) && !scanner.suspectsText(body)) {
      return NO_FINDINGS
    }
    const findings = scanner.request(head, body)
    if (!findings.some(isOfField)) for (const header of known) if (header !== null) header.cleanBy = scanner
    return findings
  }

  /** Whether something in the headers asks for a closer look. */
  #suspectsRecord(head: Head, known: readonly (KnownHeader | null)[]): boolean {
    const scanner = this.#scanner
    const headers = head.headers()
    for (let i = 0; i < headers.length; i++) {
      const header = known[i] ?? null
      if (header?.cleanBy === scanner) continue
      if (scanner.suspectsText(headers[i]![1])) return true
      if (header !== null) header.cleanBy = scanner
    }
    return false
  }

  #replace(): void {
    this.#known = this.#rules.rules
    this.#scanner = new PayloadScanner(withRules(this.#known, this.#counters), this.#counters)
    this.#clean.close()
    this.#clean = new CleanFields()
    this.#replaced = true
  }

  /** Forgets every raw value. */
  close(): void {
    this.#clean.close()
  }

  #inRequest(request: Message, known: KnownCaller | null, bodies: RawBodies): readonly PayloadFinding[] {
    const { head, body } = request
    let text = ''
    if (body !== null && body.length > 0 && !request.gap) {
      // What is compressed hides everything; the rest is looked at as it came.
      if (isEncoded(head)) {
        text = bodies.rawRequest().text
        if (!this.#scanner.suspectsText(text)) text = ''
      } else if (this.#scanner.suspects(body, 0, body.length)) text = bodies.rawRequest().text
    }
    const parsed = head instanceof ParsedHead ? head : null
    const suspect = parsed === null || this.#suspects(parsed, known)
    if (text === '' && !suspect) return NO_FINDINGS
    const findings = this.#scanner.request(head, text)
    if (parsed !== null && !findings.some(isOfField)) this.#learn(parsed, known)
    return findings
  }

  /** Whether something in a head asks for a closer look. What does not is remembered. */
  #suspects(head: ParsedHead, known: KnownCaller | null): boolean {
    const scanner = this.#scanner
    const { bytes } = head
    if (scanner.suspects(bytes, head.targetStart, head.targetEnd)) return true
    const host = head.fieldOf(HOST)
    const encodings = head.fieldOf(ACCEPT_ENCODING)
    const type = head.fieldOf(CONTENT_TYPE)
    const authorization = head.fieldOf(AUTHORIZATION)
    const cookie = head.fieldOf(COOKIE)
    const cleanCaller = known?.clean === true && !this.#replaced
    const { headerCount } = head
    for (let i = 0; i < headerCount; i++) {
      if (i === host || i === encodings || i === type) continue
      const credential = i === authorization || i === cookie
      if (credential ? cleanCaller : this.#clean.isKnown(head, i)) continue
      if (scanner.suspects(bytes, head.valueStart(i), head.valueEnd(i))) return true
      if (!credential) this.#clean.learn(head, i)
    }
    if (known !== null) known.clean = true
    return false
  }

  /** Nothing was found in any field of a head, though it may look as if. */
  #learn(head: ParsedHead, known: KnownCaller | null): void {
    const authorization = head.fieldOf(AUTHORIZATION)
    const cookie = head.fieldOf(COOKIE)
    for (let i = 0; i < head.headerCount; i++) if (i !== authorization && i !== cookie) this.#clean.learn(head, i)
    if (known !== null) known.clean = true
  }

  /** `attacked`: the request had something in it, so its answer is worth more. */
  #inAnswer(response: Message, bodies: RawBodies, attacked: boolean): readonly PayloadFinding[] {
    const { head, body } = response
    if (body === null || body.length === 0 || response.gap) return NO_FINDINGS
    const encoded = isEncoded(head)
    if (encoded && !attacked && head.status < 400) {
      this.#counters.add('payload.answer_compressed')
      return NO_FINDINGS
    }
    const short = !encoded && body.length <= MAX_GOOD_JSON
    const most = short ? MAX_GOOD_JSON : limitOf(head.status, isJson(head), attacked)
    if (!encoded) {
      if (body.length > most) this.#counters.add('payload.answer_cut')
      if (!this.#scanner.suspectsAnswer(body, 0, Math.min(body.length, most))) return NO_FINDINGS
    }
    const { text } = bodies.rawResponse()
    return this.#scanner.response(text.length > most ? text.slice(0, most) : text, head.status < 400 && !attacked)
  }

  #marks(
    asked: readonly PayloadFinding[],
    given: readonly PayloadFinding[],
    target: string,
    answer: Answer | null,
  ): readonly PayloadMark[] {
    // What an attack brought out is worth more than its ninth field.
    const kept = [...asked.slice(0, MAX_FINDINGS - Math.min(given.length, 2)), ...given].slice(0, MAX_FINDINGS)
    return kept.map((finding): PayloadMark => {
      const logOdds = Math.round(finding.logOdds * 100) / 100
      const shown = this.#mask.shows(finding, target)
      return {
        kind: 'payload',
        class: finding.class,
        rule: finding.rule,
        field: ownText(this.#mask.field(finding)),
        score: scoreOf(logOdds),
        logOdds,
        layers: finding.layers,
        excerpt: shown ? ownText(this.#mask.excerpt(finding).slice(0, MAX_EXCERPT)) : '',
        tokens: shown ? ownText(finding.tokens.slice(0, MAX_EXCERPT)) : '',
        reflected: finding.place !== 'response' && isReflected(finding, answer),
        delayMs: finding.place === 'response' ? null : delayNamedBy(finding),
      }
    })
  }
}

/** Without rules the shipped list itself, for which all scanners share one table. */
function withRules(rules: readonly PayloadRule[], counters: Counters): readonly PayloadCheck[] {
  const own = checksOf(rules, counters)
  return own.length === 0 ? PAYLOAD_CHECKS : [...PAYLOAD_CHECKS, ...own]
}

const HOST = knownIndex('host')
const ACCEPT_ENCODING = knownIndex('accept-encoding')
const CONTENT_TYPE = knownIndex('content-type')
const AUTHORIZATION = knownIndex('authorization')
const COOKIE = knownIndex('cookie')

function isOfField({ place }: PayloadFinding): boolean {
  return place === 'header' || place === 'cookie' || place === 'claim'
}

function isEncoded(head: Head): boolean {
  const encoding = head.header('content-encoding')
  return encoding !== null && encoding !== '' && encoding.toLowerCase() !== 'identity'
}

function limitOf(status: number, json: boolean, attacked: boolean): number {
  return status < 400 && !attacked && json ? MAX_GOOD_JSON : MAX_ANSWER
}

/** `json`, as the last four bytes of a value. */
const JSON_AT_END = Buffer.from('json').readInt32LE(0)

function isJson(head: Head): boolean {
  if (head instanceof ParsedHead) {
    const field = head.fieldOf(CONTENT_TYPE)
    if (field < 0) return false
    const end = head.valueEnd(field)
    if (end - head.valueStart(field) >= 4 && head.view.getInt32(end - 4, true) === JSON_AT_END) return true
  }
  return head.header('content-type')?.includes('json') === true
}

/** Whether a page has the value in it with nothing of it escaped. JSON is no page: a browser runs nothing in it. */
function isReflected({ text, excerpt }: PayloadFinding, answer: Answer | null): boolean {
  const echo = text.length <= MAX_ECHO ? text : excerpt
  if (answer === null || echo.length < MIN_ECHO || !ESCAPED_IN_HTML.test(echo)) return false
  const type = answer.contentType?.toLowerCase() ?? ''
  if (type !== '' && !type.includes('html') && !type.startsWith('text/plain')) return false
  return answer.text().includes(echo)
}
