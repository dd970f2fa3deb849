import { describe, expect, test } from 'vitest'
import { type FakeRequest, fakeExchange, fakeTelemetry } from '../../test/fake-exchange.ts'
import type { PayloadMark } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from './recorder.ts'

const telemetry = fakeTelemetry()

function marksOf(request: FakeRequest, payloads = true): readonly PayloadMark[] {
  let marks: readonly PayloadMark[] = []
  const recorder = new Recorder({
    key: TEST_KEY,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    payloads,
    telemetry,
    emit: (tx) => {
      marks = tx.marks.filter((mark) => mark.kind === 'payload')
    },
  })
  recorder.exchange(fakeExchange(request))
  recorder.close()
  return marks
}

const search = (value: string, rest: FakeRequest = {}) =>
  marksOf({ target: `/search?q=${encodeURIComponent(value)}`, ...rest })
const HTML = [['Content-Type', 'text/html']] as const
const JSON_TYPE = [['Content-Type', 'application/json']] as const
const MARKUP = '<script>alert(1)</script>'

test('a payload is marked with its field, what was taken off, and the piece that showed it', () => {
  const [mark] = search('%27 OR 1=1 -- ')
  expect(mark).toMatchObject({ class: 'sqli', field: 'query:q', layers: ['percent', 'percent'], reflected: false })
  expect(mark!.excerpt).toContain('1')
  expect(mark!.score).toBeGreaterThan(0.9)
  expect(mark!.logOdds).toBeGreaterThan(6)
})

test('nothing is looked for unless it is asked for, and nothing found in ordinary requests', () => {
  expect(marksOf({ target: `/search?q=${MARKUP}` }, false)).toEqual([])
  const agent = [
    'User-Agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0',
  ] as const
  expect(search("O'Brien & sons", { headers: [agent, ['Cookie', 'sid=abc; theme=dark']] })).toEqual([])
})

test('an echo counts where a page has it, and not where it is escaped or in JSON', () => {
  const reflected = (rest: FakeRequest) => search(MARKUP, rest).some((mark) => mark.class === 'xss' && mark.reflected)
  expect(reflected({ responseHeaders: HTML, responseBody: `<p>You looked for ${MARKUP}</p>` })).toBe(true)
  expect(reflected({ responseHeaders: HTML, responseBody: '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>' })).toBe(false)
  expect(reflected({ responseHeaders: JSON_TYPE, responseBody: JSON.stringify({ q: MARKUP }) })).toBe(false)
})

test.each([
  ["1'; WAITFOR DELAY '0:1:05'--", 65_000],
  ["1' AND SLEEP(5)-- ", 5000],
  ["1'; SELECT pg_sleep(2.5)-- ", 2500],
  ['; sleep 7 #', 7000],
  ['; ping -c 11 127.0.0.1', 10_000],
  ["1' OR '1'='1", null],
])('the delay that %s asks for is %s ms', (value, delayMs) => {
  const marks = search(value)
  expect(marks.length).toBeGreaterThan(0)
  expect(marks[0]!.delayMs).toBe(delayMs)
})

test('what an answer gives away is marked; compressed answers that went well are counted, not read', () => {
  const error = 'You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version'
  expect(marksOf({ status: 500, responseHeaders: HTML, responseBody: error })).toMatchObject([
    { class: 'leak_sql_error', field: 'response', reflected: false },
  ])
  expect(marksOf({ responseHeaders: JSON_TYPE, responseBody: JSON.stringify({ error }) })).toHaveLength(1)
  expect(marksOf({ responseHeaders: JSON_TYPE, responseBody: JSON.stringify([' '.repeat(2000), error]) })).toEqual([])
  marksOf({ responseHeaders: [...HTML, ['Content-Encoding', 'gzip']], responseBody: 'x' })
  expect(telemetry.counters.get('payload.answer_compressed')).toBe(1)
  expect(telemetry.counters.get('payload.answer_cut')).toBe(1)
})

describe('an excerpt shows nothing of a secret', () => {
  const SECRET = 'hunter22-Tr0ub4dor'
  const TOKEN = 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'
  const attack = `${SECRET}' OR '1'='1' -- `
  const form = [['Content-Type', 'application/x-www-form-urlencoded']] as const
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
  const hidden: Readonly<Record<string, FakeRequest>> = {
    'in a field whose name says so': { target: `/?password=${encodeURIComponent(attack)}` },
    'in a form': { method: 'POST', headers: form, body: `user=jo&passwd=${encodeURIComponent(attack)}` },
    'in JSON': { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ login: { password: attack } }) },
    'in a cookie': { headers: [['Cookie', `sid=${attack.replaceAll(' ', '%20')}`]] },
    'in an API key': { headers: [['X-Api-Key', attack]] },
    'in a path behind reset': { target: `/reset/${encodeURIComponent(attack)}` },
    'under base64': { target: `/?q=${encodeURIComponent(base64({ password: SECRET, q: MARKUP }))}` },
    'beside a payload': { target: `/?q=${encodeURIComponent(`password=${SECRET}&a=${MARKUP}`)}` },
    'in a link': { headers: [['Referer', `https://a.test/?password=${SECRET}&q=${MARKUP}`]] },
    'a token in the same value': { target: `/?q=${encodeURIComponent(`${TOKEN} ${MARKUP}`)}` },
    'a key that an answer holds': { responseHeaders: HTML, responseBody: `token: ${TOKEN}` },
    'a configuration that an answer holds': {
      responseHeaders: [['Content-Type', 'text/plain']],
      responseBody: `APP=1\nDB_PASSWORD=${SECRET}\n`,
    },
  }
  test.each(Object.entries(hidden))('%s', (_, request) => {
    const marks = marksOf(request)
    expect(marks.length).toBeGreaterThan(0)
    expect(JSON.stringify(marks)).not.toMatch(/hunter22|Tr0ub4dor|ghp_abc/)
  })

  test('and shows the rest', () => {
    expect(search(`cards ${MARKUP}`)[0]!.excerpt).toContain('<script>')
  })
})

test('at most eight marks, whatever is sent, and short ones', () => {
  const body = Array.from(
    { length: 300 },
    (_, i) => `f${i}=${encodeURIComponent(`${MARKUP}' OR 1=1 -- ${'x'.repeat(500)}`)}`,
  ).join('&')
  const marks = marksOf({ method: 'POST', headers: [['Content-Type', 'application/x-www-form-urlencoded']], body })
  expect(marks).toHaveLength(8)
  for (const { excerpt, tokens } of marks) expect(excerpt.length + tokens.length).toBeLessThanOrEqual(240)
})
