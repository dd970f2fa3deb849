import { isAscii } from 'node:buffer'
import type { Head } from '../http/exchange.ts'
import type { Counters } from '../telemetry/counters.ts'
import { Base64Text } from './base64-text.ts'
import { type Literal, LiteralSet } from './literal-set.ts'
import type { Evidence, Field, Layer, PayloadCheck, PayloadClass, Place, Unwrapped } from './payload.ts'
import { type Reading, readingOf } from './reading.ts'
import { requestFields } from './request-fields.ts'
import { MAX_TEXT, unwrap } from './unwrap.ts'

/** Findings kept of one message, strongest first. */
export const MAX_FINDINGS = 8
/** Pieces of a long value that are looked at, each around something found in it. */
const MAX_PIECES = 4
const BEFORE = 1024
/** Values of one message that are read by checks: what has more that looks suspicious is suspicious enough. */
const MAX_JUDGED = 512
/** Bytes of a body that are looked at. */
export const MAX_BODY = 64 * 1024

/** Set by whatever may hide a literal: another layer of encoding. All fields are unwrapped then. */
const NESTED = 1 << 30
/** Ways to hide a literal from a scan that takes off one layer of percent-encoding. */
const HIDING = [
  '\\u0',
  '\\x',
  '&#',
  '&lt',
  '&gt',
  '&quot',
  '&apos',
  '&colon',
  '&lpar',
  '&sol',
  '%u00',
  '\0',
  '\xc0',
  '\xc1',
]

export interface PayloadFinding {
  readonly class: PayloadClass
  readonly rule: string
  /** `query:q`; see Field.name. */
  readonly field: string
  /** Natural log of how much likelier this is in an attack. */
  readonly logOdds: number
  readonly layers: readonly Layer[]
  /** As in the unwrapped value: not shortened, not masked. It must not leave the parser as it is. */
  readonly excerpt: string
  readonly tokens: string
  /** Where it was found. */
  readonly place: Place
  /** What was looked at, as it was sent, and unwrapped. As little fit to leave the parser. */
  readonly value: string
  readonly text: string
}

/** From here on it matters whether the text is a sentence or a program. */
const WORTH_READING = 5
/** What a text that people wrote, or a whole program, takes off the evidence for what would be damning as a value. */
const TEXT_DISCOUNT = 5
/** The same where an interpreter would run it there: it may be quoted all the same. */
const WORKING_DISCOUNT = 1
/** In a text, what is written about is no signal by itself: what the field normally carries decides. */
const MOST_IN_TEXT = 6
/** Classes whose payloads people write about, and paste. Markup in a sentence runs all the same, and so do lookups in a log. */
const TALKED_ABOUT: ReadonlySet<PayloadClass> = new Set([
  'sqli',
  'nosqli',
  'command',
  'code',
  'traversal',
  'lfi',
  'ldap',
  'prototype',
  'deserialization',
])

/** Classes that programs hold as a matter of course. */
const PASTED: ReadonlySet<PayloadClass> = new Set(['xss', 'ssti', 'xxe'])

/** Errors that issue trackers, viewers of logs and manuals show; what they never show, the endpoint's callers tell. */
const SHOWN: ReadonlySet<PayloadClass> = new Set(['leak_stack', 'leak_sql_error'])
const SHOWN_DISCOUNT = 3

const NOTHING: readonly PayloadFinding[] = []

/**
 * Looks through messages for payloads. What has none of the checks' literals, in plain or under one layer of encoding, costs one pass over its bytes; no
 * string is made of it.
 */
export class PayloadScanner {
  readonly #requests: Side
  readonly #responses: Side
  readonly #counters: Counters
  #judged = 0
  readonly #base64 = new Base64Text()
  readonly #bytes = Buffer.allocUnsafe(MAX_BODY)
  readonly #holdsLiteral = (decoded: Uint8Array, length: number) => {
    const text = Buffer.from(decoded.buffer, 0, length).toString('latin1')
    return this.#holds(text)
  }

  constructor(checks: readonly PayloadCheck[], counters: Counters) {
    this.#counters = counters
    const { requests, responses } = sidesOf(checks)
    this.#requests = requests
    this.#responses = responses
  }

  /** Whether a request with these bytes in its head, or body, needs `request` at all. */
  suspects(bytes: Uint8Array, start: number, end: number): boolean {
    const stop = Math.min(end, start + MAX_BODY)
    const { literals } = this.#requests
    if (literals.isClean(bytes, start, stop)) {
      if (!this.#base64.mayHold(bytes, start, stop)) return false
    } else if (literals.scan(bytes, start, stop) !== 0) return true
    return this.#base64.some(bytes, start, stop, this.#holdsLiteral)
  }

  suspectsText(text: string): boolean {
    const { literals } = this.#requests
    if (this.#isPlain(text, literals) && literals.isClean(this.#bytes, 0, text.length)) {
      const { length } = text
      return (
        this.#base64.mayHold(this.#bytes, 0, length) && this.#base64.some(this.#bytes, 0, length, this.#holdsLiteral)
      )
    }
    if (this.#holds(text)) return true
    // Text of a body may be percent-encoded like a head.
    if (text.includes('%')) return true
    const length = Math.min(text.length, MAX_BODY)
    const written = this.#bytes.write(length < text.length ? text.slice(0, length) : text, 0, 'latin1')
    return this.#base64.some(this.#bytes, 0, written, this.#holdsLiteral)
  }

  /** Writes a text into `#bytes`; whether these are read as the text itself would be: ASCII, whose line ends and escapes have no meaning. */
  #isPlain(text: string, literals: LiteralSet): boolean {
    const { length } = text
    // Cut off, what is no ASCII may be as long as the text.
    if (length > MAX_BODY - 4 || this.#bytes.write(text, 0, 'utf8') !== length) return false
    const first = text.charCodeAt(0)
    if (first === 0x7b || first === 0x5b) return !text.includes('\\')
    return !literals.seesLines || !(text.includes('\n') || text.includes('\r'))
  }

  #holds(text: string): boolean {
    const { literals } = this.#requests
    const first = text.charCodeAt(0)
    return (first === 0x7b || first === 0x5b ? literals.scanJson(text) : literals.scanText(text)) !== 0
  }

  /** The same of an answer, which is read as it is: what is encoded in it was not meant to be read. */
  suspectsAnswer(bytes: Uint8Array, start: number, end: number): boolean {
    const { literals } = this.#responses
    const stop = Math.min(end, start + MAX_BODY)
    return !literals.isClean(bytes, start, stop) && (literals.scan(bytes, start, stop) & ~NESTED) !== 0
  }

  /** The same of the first `most` characters of a text. */
  suspectsAnswerText(text: string, most: number): boolean {
    const { literals } = this.#responses
    const length = Math.min(text.length, most)
    if (length === 0) return false
    const written = this.#bytes.write(text, 0, length, 'utf8')
    if (written < length || literals.seesLines || !isAscii(this.#bytes.subarray(0, length))) return true
    return !literals.isClean(this.#bytes, 0, length)
  }

  /** `body`: decoded text, empty if there is none. */
  request(head: Head, body: string): readonly PayloadFinding[] {
    const findings: PayloadFinding[] = []
    this.#begin(this.#requests)
    const whole = requestFields(head, body.length > MAX_BODY ? body.slice(0, MAX_BODY) : body, (field) =>
      this.#look(this.#requests, field, findings),
    )
    if (!whole) this.#counters.add('payload.fields_cut')
    return strongest(findings)
  }

  /** `shown`: the answer says that all went well, so what looks like an error may be what it is about. */
  response(body: string, shown = false): readonly PayloadFinding[] {
    if (body === '' || this.#responses.literals.scanText(body) === 0) return NOTHING
    const findings: PayloadFinding[] = []
    this.#begin(this.#responses)
    const value = body.length > MAX_BODY ? body.slice(0, MAX_BODY) : body
    this.#look(this.#responses, { place: 'response', name: 'response', key: '', value }, findings)
    if (!shown) return strongest(findings)
    return strongest(
      findings.map((finding) =>
        SHOWN.has(finding.class) ? { ...finding, logOdds: finding.logOdds - SHOWN_DISCOUNT } : finding,
      ),
    )
  }

  /** One field by itself, as `request` and `response` look at it. */
  field(field: Field): readonly PayloadFinding[] {
    const findings: PayloadFinding[] = []
    const side = field.place === 'response' ? this.#responses : this.#requests
    this.#begin(side)
    this.#look(side, field, findings)
    return strongest(findings)
  }

  #begin({ checks }: Side): void {
    this.#judged = 0
    for (let i = 0; i < checks.length; i++) checks[i]!.check.begin?.()
  }

  #look(side: Side, field: Field, findings: PayloadFinding[]): void {
    const plus = field.place === 'query' || field.place === 'form'
    this.#judge(side, field, field.value, plus, findings)
    const { value } = field
    if (value.length <= MAX_TEXT) return
    let from = MAX_TEXT
    for (let piece = 0; piece < MAX_PIECES; piece++) {
      const hit = side.literals.find(value, from)
      if (hit < 0) return
      const start = Math.max(from, hit - BEFORE)
      this.#judge(side, field, value.slice(start, start + MAX_TEXT), plus, findings)
      from = start + MAX_TEXT
    }
    if (side.literals.find(value, from) >= 0) this.#counters.add('payload.value_cut')
  }

  #judge(side: Side, field: Field, value: string, plus: boolean, findings: PayloadFinding[]): void {
    const unwrapped = unwrap(value, plus)
    const mask = side.literals.scanText(unwrapped.text) | side.literals.scanText(field.key)
    if ((mask & ~NESTED) === 0) return
    if (++this.#judged > MAX_JUDGED) {
      if (this.#judged === MAX_JUDGED + 1) this.#counters.add('payload.fields_cut')
      return
    }
    let reading: Reading | null = null
    for (const { bit, check } of side.checks) {
      if ((mask & bit) === 0 || (field.document === true && check.documents !== true)) continue
      for (const evidence of check.check(unwrapped, field)) {
        let { logOdds } = evidence
        if (logOdds >= WORTH_READING && evidence.class === undefined) {
          reading ??= readingOf(unwrapped.text, field.place)
          const pieces = TALKED_ABOUT.has(check.class)
            ? reading !== 'value'
            : PASTED.has(check.class) && reading === 'program'
          if (pieces && reading === 'prose' && evidence.works === true) logOdds -= WORKING_DISCOUNT
          else if (pieces) logOdds = Math.max(2, Math.min(MOST_IN_TEXT, logOdds - TEXT_DISCOUNT))
        }
        findings.push(findingOf(evidence.class ?? check.class, field, value, unwrapped, { ...evidence, logOdds }))
      }
    }
  }
}

interface Side {
  readonly literals: LiteralSet
  readonly checks: readonly { readonly bit: number; readonly check: PayloadCheck }[]
}

interface Sides {
  readonly requests: Side
  readonly responses: Side
}

/** Of each list of checks: its tables take milliseconds and megabytes, and hold nothing of what is read. */
const known = new WeakMap<readonly PayloadCheck[], Sides>()

function sidesOf(checks: readonly PayloadCheck[]): Sides {
  let sides = known.get(checks)
  if (sides === undefined) {
    sides = {
      requests: sideOf(checks.filter(({ side }) => side === 'request')),
      responses: sideOf(checks.filter(({ side }) => side === 'response')),
    }
    known.set(checks, sides)
  }
  return sides
}

function sideOf(checks: readonly PayloadCheck[]): Side {
  if (checks.length > 30) throw new RangeError('more checks than bits')
  const bits = checks.map((check, index) => ({ bit: 1 << index, check }))
  const literals: Literal[] = HIDING.map((text) => ({ text, mask: NESTED }))
  let line = 0
  for (const { bit, check } of bits) {
    for (const text of check.literals) {
      if (text === '\n') {
        line |= bit
        continue
      }
      literals.push({ text, mask: bit })
    }
  }
  return { literals: new LiteralSet(literals, NESTED, line), checks: bits }
}

function findingOf(
  name: PayloadClass,
  { name: field, place }: Field,
  value: string,
  { layers, text }: Unwrapped,
  { rule, logOdds, excerpt, tokens }: Evidence,
): PayloadFinding {
  return { class: name, rule, field, logOdds, layers, excerpt, tokens, place, value, text }
}

/** The strongest of each class and field, and of these the strongest. */
function strongest(findings: PayloadFinding[]): readonly PayloadFinding[] {
  if (findings.length === 0) return NOTHING
  findings.sort((a, b) => b.logOdds - a.logOdds)
  const seen = new Set<string>()
  const kept: PayloadFinding[] = []
  for (const finding of findings) {
    const name = `${finding.class} ${finding.field}`
    if (seen.has(name)) continue
    seen.add(name)
    kept.push(finding)
    if (kept.length === MAX_FINDINGS) break
  }
  return kept
}
