import { expect, test } from 'vitest'
import { Counters } from '../telemetry/counters.ts'
import type { CompiledPair } from './compile.ts'
import { Draft } from './draft.ts'
import { Join } from './join.ts'
import { compilePath } from './path.ts'

const SECOND = 1_000_000
const HALVES: CompiledPair = {
  key: (record) => String(compilePath('id')(record)),
  side: compilePath('side'),
  request: 'q',
  response: 's',
  begins: [],
  waitUs: 30 * SECOND,
}

function half(ts: number, fill: Partial<Draft>): Draft {
  return Object.assign(new Draft(), { ts, ...fill })
}

function joining(pair: CompiledPair = HALVES) {
  const counters = new Counters()
  const out: Draft[] = []
  const join = new Join(pair, counters, 1024)
  const push = (record: unknown, draft: Draft) => join.push(record, draft, (done) => void out.push(done))
  return { join, counters, out, push }
}

test.each(['request first', 'response first'])('%s: halves of one key make one transaction', (order) => {
  const { out, push } = joining()
  const parts: [unknown, Draft][] = [
    [{ id: 1, side: 'q' }, half(SECOND, { method: 'GET', path: '/' })],
    [{ id: 1, side: 's' }, half(SECOND + 500, { status: 200, responseBody: 'ok' })],
  ]
  for (const [record, draft] of order === 'request first' ? parts : parts.reverse()) push(record, draft)
  expect(out).toHaveLength(1)
  expect(out[0]).toMatchObject({ ts: SECOND, endTs: SECOND + 500, method: 'GET', status: 200, responseBody: 'ok' })
})

test('a half whose other half does not come goes out alone, on the time of the records', () => {
  const { out, push, counters, join } = joining()
  push({ id: 1, side: 'q' }, half(SECOND, { method: 'GET' }))
  push({ id: 2, side: 'q' }, half(31 * SECOND, { method: 'PUT' }))
  expect(out).toHaveLength(0)
  push({ id: 3, side: 'q' }, half(32 * SECOND, { method: 'POST' }))
  expect(out.map(({ method }) => method)).toEqual(['GET'])
  expect(counters.get('tap.pair.timeout')).toBe(1)
  join.flush((done) => void out.push(done))
  expect(out).toHaveLength(3)
  expect(join.size).toBe(0)
})

test('one record from the far future ends no wait by itself', () => {
  const { out, push } = joining()
  push({ id: 1, side: 'q' }, half(SECOND, { method: 'GET' }))
  push({ id: 2, side: 'q' }, half(SECOND * 1e9, { method: 'PUT' }))
  push({ id: 1, side: 's' }, half(2 * SECOND, { status: 200 }))
  expect(out).toHaveLength(1)
  expect(out[0]).toMatchObject({ method: 'GET', status: 200 })
})

test('what waits is bounded: the longest waiting goes first', () => {
  const { join, push, out, counters } = joining()
  for (let id = 0; id < 20_005; id++) push({ id, side: 'q' }, half(SECOND, { method: `M${id}` }))
  expect(join.size).toBe(20_000)
  expect(out.map(({ method }) => method)).toEqual(['M0', 'M1', 'M2', 'M3', 'M4'])
  expect(counters.get('tap.pair.evicted')).toBe(5)
})

test('pieces are put together until the key begins anew, and their bodies are bounded', () => {
  const { push, out, join } = joining({ ...HALVES, side: null, begins: [compilePath('head')] })
  push({ id: 7, head: 1 }, half(SECOND, { method: 'POST' }))
  for (let i = 0; i < 1000; i++) push({ id: 7 }, half(SECOND, { ts: null, requestBody: 'x'.repeat(100) }))
  push({ id: 7, head: 1 }, half(2 * SECOND, { method: 'PUT' }))
  expect(out).toHaveLength(1)
  expect(out[0]!.requestBody!.length).toBeLessThan(1200)
  expect(join.size).toBe(1)
})
