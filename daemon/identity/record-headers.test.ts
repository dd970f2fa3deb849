import { expect, test } from 'vitest'
import type { Header } from '../model/transaction.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { RecordHeaders } from './record-headers.ts'
import { HeaderRedactor } from './redact-headers.ts'

const redactor = new HeaderRedactor(new Pseudonyms(TEST_KEY))
const list = (n: number): Header[] => [
  ['Host', 'api.test'],
  ['User-Agent', `app/${n % 3}`],
  ['Authorization', `Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1JHtuICUgN30ifQ.${'s'.repeat(30)}${n % 7}`],
  ['cookie', `sid=${String(n % 5).repeat(20)}; theme=dark`],
  ['X-Request-Id', `req-${n}-${(n * 2654435761) % 4294967296}`],
  ['x-empty', ''],
]

test('what is remembered of headers is what would be made of them anew, whatever came before', () => {
  const headers = new RecordHeaders(redactor)
  for (let n = 0; n < 200; n++) expect(headers.redact(list(n))).toEqual(redactor.redact(list(n)))
  expect(headers.known.map((each) => each?.name ?? null)).toEqual([
    'Host',
    'User-Agent',
    'Authorization',
    'cookie',
    null,
    null,
  ])
})

test('a value of another name is another header, and nothing raw is left once it is closed', () => {
  const headers = new RecordHeaders(redactor)
  const secret = 'a-value-that-stands-under-two-names'
  for (let i = 0; i < 3; i++) headers.redact([['x-api-key', secret]])
  expect(headers.redact([['x-trace-k', secret]])).toEqual([['x-trace-k', secret]])
  expect(headers.redact([['x-api-key', secret]])[0]![1]).toMatch(/^hmac:/)
  headers.close()
  headers.redact([['x-api-key', secret]])
  expect(headers.known).toEqual([null])
})
