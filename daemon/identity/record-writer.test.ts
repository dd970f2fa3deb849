import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { writeTransaction } from '../../sinks/native-json.ts'
import { type FakeRequest, fakeExchange, fakeFlow, fakeTelemetry, fakeToken } from '../../test/fake-exchange.ts'
import { JsonText } from '../model/json-text.ts'
import { TEST_KEY } from './privacy-key.ts'
import { TransactionRecord } from './record.ts'
import { RecordBuffer } from './record-buffer.ts'
import { RecordBytes, RecordReader } from './record-reader.ts'
import { RecordWriter } from './record-writer.ts'
import { IDENTITY_DEFAULTS, Recorder } from './recorder.ts'

const HASH_KEY = Buffer.alloc(32, 7)

/** Twice the same, since reading a record changes it: it remembers what it made. */
function recorded(fakes: readonly FakeRequest[], bodies = true): [TransactionRecord[], TransactionRecord[]] {
  const flows = new Map<string | undefined, ReturnType<typeof fakeFlow>>()
  const flowOf = ({ client }: FakeRequest) => {
    const known = flows.get(client) ?? fakeFlow(client, `flow of ${client}`)
    flows.set(client, known)
    return known
  }
  const record = () => {
    const records: TransactionRecord[] = []
    const recorder = new Recorder({
      key: TEST_KEY,
      hashKey: HASH_KEY,
      options: IDENTITY_DEFAULTS,
      bodies,
      telemetry: fakeTelemetry(),
      emit: (tx) => {
        if (tx instanceof TransactionRecord) records.push(tx)
      },
    })
    for (const fake of fakes) recorder.exchange(fakeExchange({ flow: flowOf(fake), ...fake }))
    return records
  }
  return [record(), record()]
}

function carried(records: readonly TransactionRecord[], contents = true): TransactionRecord[] {
  const out = new RecordBuffer()
  const writer = new RecordWriter(contents)
  for (const [index, record] of records.entries()) writer.write(record, index * 3, out)
  const { length } = out
  const bytes = new RecordBytes(out.take())
  const reader = new RecordReader(TEST_KEY.id)
  const read: TransactionRecord[] = []
  let index = 0
  for (let at = 0; at < length; at = bytes.after(at)) {
    expect(bytes.keyAt(at)).toBe(3 * index++)
    read.push(reader.read(bytes, at))
  }
  expect(read.length).toBe(records.length)
  return read
}

function line(record: TransactionRecord): string {
  const text = new JsonText()
  writeTransaction(record, text)
  return text.take()
}

/** Everything a later stage can read, lists and texts made. */
function everything(record: TransactionRecord): Record<string, unknown> {
  const { id, requestHeaders, responseHeaders, requestBody, responseBody, weirds, truncated } = record
  return { ...record, id, requestHeaders, responseHeaders, requestBody, responseBody, weirds, truncated }
}

const bearer = (sub: string) => `Bearer ${fakeToken({ iss: 'https://login.test', sub, scope: 'a b', exp: 1 })}`
const form = { headers: [['Content-Type', 'application/x-www-form-urlencoded']] as const, method: 'POST' }
const json = [['Content-Type', 'application/json']] as const
const FAKES: readonly FakeRequest[] = [
  {},
  { target: '/a/b?c=d&token=geheim-geheim', headers: [['Host', 'api.test']] },
  { target: '/a/b', headers: [['Host', 'api.test']], status: 404 },
  { method: 'PURGE', target: '/', client: '198.51.100.9' },
  { only: 'request', state: 'request_only', pairing: 'ambiguous' },
  { only: 'response', state: 'response_only', responseHeaders: [['Set-Cookie', 'sid=abcdefgh12345; Path=/']] },
  { headers: [['Authorization', bearer('u_1')]], client: '198.51.100.10' },
  { headers: [['Authorization', bearer('u_2')]], client: '198.51.100.10' },
  { headers: [['Authorization', bearer('u_1')]], client: '198.51.100.11' },
  { headers: [['Cookie', 'sid=abcdefgh12345; theme=dark; session=zweite-sitzung']] },
  { headers: [['Cookie', 'sid=abcdefgh12345; theme=dark; session=zweite-sitzung']], client: '198.51.100.12' },
  { headers: [['X-Api-Key', 'sk-live-0123456789abcdef']] },
  { headers: [['Authorization', 'Basic dTpwYXNz']], status: 401 },
  { ...form, body: 'user=ann&password=geheim', status: 302, responseHeaders: [['Location', '/login?failed']] },
  { ...form, body: 'user=ann&password=geheim', responseHeaders: json, responseBody: '{"access_token":"abcdefgh1234"}' },
  {
    ...form,
    body: 'grant_type=refresh_token&refresh_token=geheim-geheim-1',
    responseHeaders: json,
    responseBody: '{"access_token":"geheim-geheim-2"}',
  },
  {
    client: '10.0.0.1',
    headers: [
      ['X-Forwarded-For', '203.0.113.9, 10.0.0.7'],
      ['traceparent', `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`],
    ],
  },
  {
    headers: [
      ['X-Name', 'Zoë'],
      ['Host', 'bücher.test'],
    ],
    latin1: true,
  },
  {
    target: '/€/\u{1f600}',
    headers: [
      ['Host', '\u{1f600}.test'],
      ['X-Odd', '"\\\u0007'],
    ],
  },
  {
    responseHeaders: [...json, ['Content-Encoding', 'gzip']],
    responseBody: gzipSync('{"a":"é €","password":"geheim"}'),
  },
  { responseHeaders: [...json, ['Content-Encoding', 'gzip']], responseBody: Buffer.from('no gzip at all') },
  { body: Buffer.from([0, 1, 2, 250]), method: 'PUT', bodyCut: true },
  {
    body: 'x'.repeat(100_000),
    method: 'PUT',
    responseBody: 'ü'.repeat(70_000),
    responseHeaders: [['Content-Type', 'text/plain']],
  },
  { bogusTime: true, gap: true, body: 'lost', state: 'gap' },
  { target: `/${'p'.repeat(5000)}?${'q'.repeat(5000)}`, client: '2001:db8::9' },
]

describe.each([true, false])('with bodies: %s', (bodies) => {
  test('a record that was carried is the record that was made, and prints the same', () => {
    const [made, printed] = recorded(FAKES, bodies)
    expect(carried(made).map(line)).toEqual(printed.map(line))
    const [one, other] = recorded(FAKES, bodies)
    expect(carried(one).map(everything)).toEqual(other.map(everything))
  })
})

test('what repeats is defined again when its slot was taken by another', () => {
  const many = Array.from({ length: 4500 }, (_, i): FakeRequest => {
    const n = i % 2 === 0 ? i >> 1 : i
    return {
      client: `198.51.${n >> 8}.${n & 255}`,
      headers: [
        ['Host', `h${n % 2500}.test`],
        ['X-Api-Key', `key-of-caller-${n}`],
      ],
    }
  })
  const [made, printed] = recorded(many, false)
  expect(carried(made).map(line)).toEqual(printed.map(line))
})

test('credentials of one caller are carried once', () => {
  const [made] = recorded([FAKES[6]!, FAKES[6]!, FAKES[8]!])
  const [first, second, third] = carried(made)
  expect(second!.presented).toBe(first!.presented)
  expect(third!.presented).toBe(first!.presented)
  expect(second!.source).toBe(first!.source)
})

test('without contents nothing of headers and bodies is carried, and reading them says so', () => {
  const [made] = recorded([{ headers: [['X-Seen', 'not-here']], body: 'nor-this', method: 'PUT' }])
  const out = new RecordBuffer()
  new RecordWriter(false).write(made[0]!, 0, out)
  expect(out.bytes.toString('latin1', 0, out.length)).not.toMatch(/not-here|nor-this/)
  const [record] = carried(recorded([{}])[0], false)
  expect(record!.method).toBe('GET')
  expect(() => record!.requestHeaders).toThrow(/not asked for/)
  expect(() => record!.responseBody).toThrow(/not asked for/)
})

test('no raw secret is in the bytes', () => {
  const [made] = recorded(FAKES)
  const out = new RecordBuffer()
  const writer = new RecordWriter(true)
  for (const record of made) writer.write(record, 0, out)
  const text = out.bytes.toString('latin1', 0, out.length)
  expect(text).not.toMatch(/geheim|abcdefgh1|zweite-sitzung|sk-live|dTpwYXNz/)
})
