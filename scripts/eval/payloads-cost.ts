import { Random } from '../../demo/random.ts'
import { scan } from '../../test/payload/scan.ts'
import { newScanner } from './payloads-score.ts'

const SECOND = 1e9

export interface HostileCost {
  readonly name: string
  /** Nanoseconds a byte at one, two and four times the size. */
  readonly ns: readonly number[]
}

export interface PayloadCost {
  /** Microseconds for 500 clean bytes of parameters in a head. */
  readonly cleanUs: number
  /** Nanoseconds a byte of a benign body that is read field by field. */
  readonly benignNs: number
  readonly hostile: readonly HostileCost[]
}

/** Bytes of a hostile body; four times as many are all that is looked at. */
const SIZE = 16 * 1024

/** Bodies that would make something superlinear slow: what opens and never closes, what nests, what almost matches. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ['quotes', "'"],
  ['double quotes', '"'],
  ['quote, blank, word', "' or "],
  ['tautologies', "' or 1=1 "],
  ['opening brackets', '('],
  ['braces of JSON', '{"a":'],
  ['brackets of JSON', '['],
  ['percent signs', '%25'],
  ['percent of percent', '%2525'],
  ['comment openers', '/*'],
  ['executed comments', '/*!50000'],
  ['tags', '<a '],
  ['open tags with handlers', '<svg onload'],
  ['entities', '&lt;'],
  ['escapes', '\\u0027'],
  ['templates', '{{7*7'],
  ['lookups', '${${lower:'],
  ['ends of lookups', '${jndi:}'],
  ['steps', '../'],
  ['dots', '....//'],
  ['semicolons and commands', '; cat '],
  ['backticks', '`id'],
  ['line ends', '\nid'],
  ['union', 'union/**/select '],
  ['one long token', 'A'],
  ['base64 of text', 'aGVsbG8g'],
  ['words of a letter', 'a '],
  ['blanks', ' '],
  ['parameters', "a='&"],
  ['names with operators', 'a[$ne]=1&'],
  ['parentheses of a directory', ')(a='],
  ['entities of a document', '<!ENTITY a "&b;">'],
  ['deep XML', '<a>'],
  ['attributes', ' a="'],
  ['serialised objects', 'O:1:"a":1:{'],
  ['addresses', 'http://127.0.0.1@'],
]

export function payloadCost(rounds: number): PayloadCost {
  const scanner = newScanner()
  const clean = Buffer.from(`GET /v1/orders?${cleanParameters(500)} HTTP/1.1\r\n\r\n`)
  const cleanNs = fastest(rounds, 2000, () => scanner.suspects(clean, 0, clean.length))
  const sentence = "I don't think the table isn't set; update me when it's done & dusted. "
  const benign = JSON.stringify({ note: sentence.repeat(SIZE / sentence.length), items: [1, 2, 3] })
  const request = (body: string, type: string) => ({
    method: 'POST' as const,
    target: '/v1/orders',
    headers: [['Content-Type', type]] as const,
    body,
  })
  const form = 'application/x-www-form-urlencoded'
  const read = (body: string, type: string) =>
    fastest(rounds, 1, () => scan(scanner, request(body, type))) / Buffer.byteLength(body)
  const hostile = HOSTILE.map(([name, unit]) => ({
    name,
    ns: [1, 2, 4].map((times) => {
      const body = unit.repeat(Math.floor((times * SIZE) / unit.length))
      return Math.max(read(`a=${body}`, form), read(body, 'application/json'), read(`<a>${body}`, 'application/xml'))
    }),
  }))
  return { cleanUs: cleanNs / 1000, benignNs: read(benign, 'application/json'), hostile }
}

function cleanParameters(length: number): string {
  const random = new Random('clean')
  let text = ''
  while (text.length < length) {
    const word = Array.from({ length: random.between(3, 12) }, () => String.fromCharCode(random.between(97, 122))).join(
      '',
    )
    text += `${word}=${random.between(1, 99_999)}%20${word}+x&`
  }
  return text.slice(0, length)
}

/** Nanoseconds of one run: the fastest of the rounds, since the machine has other work. */
function fastest(rounds: number, runs: number, work: () => unknown): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = process.hrtime.bigint()
    for (let run = 0; run < runs; run++) work()
    best = Math.min(best, Number(process.hrtime.bigint() - start) / runs)
  }
  return Math.min(best, 60 * SECOND)
}
