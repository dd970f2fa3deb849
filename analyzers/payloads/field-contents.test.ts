import { expect, test } from 'vitest'
import { HOUR_US, SECOND_US } from '../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../daemon/model/transaction.ts'
import { START, transaction, user } from '../../test/conformance/traffic.ts'
import { principalKey } from '../baselines/principal-key.ts'
import { PayloadContext } from './payload-context.ts'

const QUOTE: PayloadMark = {
  kind: 'payload',
  class: 'sqli',
  rule: 'sqli.quote',
  field: 'query:id',
  score: 0.1,
  logOdds: 3,
  layers: [],
  excerpt: "1'",
  tokens: 's',
  reflected: false,
  delayMs: null,
}
/** The default of the detectors' option. */
const REPORT = -Math.log(1e-3)

class Service {
  context = new PayloadContext()
  now = START

  request(caller: string, given: Partial<Transaction>): Transaction {
    return transaction({ ...user(caller), endpoint: 'GET /v1/find', ...given, time: this.now })
  }

  /** Each of `count` callers sends a request, and all is let in. */
  fill(count: number, given: (caller: number) => Partial<Transaction>): void {
    for (let i = 0; i < count; i++) {
      this.now += 6 * SECOND_US
      this.context.observe(this.request(`person${i}`, given(i)), this.now)
    }
    this.now += HOUR_US
    this.context.tick(this.now)
  }

  judge(given: Partial<Transaction>, mark = QUOTE) {
    return this.context.judge(this.request('stranger', given), mark)
  }
}

test('a lone quote in a field that all callers fill with numbers is a signal, and in one for names it is not', () => {
  const numbers = new Service()
  numbers.fill(214, (i) => ({ query: `id=${i}` }))
  const judged = numbers.judge({ query: "id=1'" })
  expect(judged.logOdds).toBeGreaterThanOrEqual(REPORT)
  expect(judged).toMatchObject({ unlike: true, content: { kind: 'number', senders: 204, callers: 204, longest: 3 } })
  expect(numbers.judge({ query: 'id=1%2527' }).logOdds).toBe(judged.logOdds)
  const names = new Service()
  names.fill(214, (i) => ({ query: `id=Anna+O'Brien+${i}` }))
  expect(names.judge({ query: "id=1'" })).toMatchObject({ unlike: false, content: { kind: 'text', plain: false } })
  expect(names.judge({ query: "id=1'" }).logOdds).toBeLessThan(REPORT)
})

test('fields of paths, forms and JSON are known by the names that marks have', () => {
  const cases: [field: string, endpoint: string, (value: string) => Partial<Transaction>][] = [
    ['path:2', 'GET /orders/{id}', (value) => ({ path: `/orders/${value}` })],
    ['body:id', 'POST /orders', (value) => ({ requestBody: `a=b&id=${value}`, requestBodyBytes: 9 })],
    [
      'body:/items/[]/id',
      'POST /orders',
      (value) => ({ requestBody: JSON.stringify({ items: [{ id: 1 }, { id: value }] }), requestBodyBytes: 9 }),
    ],
  ]
  for (const [field, endpoint, given] of cases) {
    const service = new Service()
    service.fill(200, (i) => ({ endpoint, ...given(`${i}`) }))
    expect(service.judge({ endpoint, ...given("1'") }, { ...QUOTE, field }).logOdds, field).toBeGreaterThan(REPORT)
  }
})

test('what some callers do send is worth less, and clear findings stay what they are', () => {
  const service = new Service()
  service.fill(400, (i) => ({ query: i % 25 === 0 ? `id=${i}'` : `id=${i}` }))
  expect(service.judge({ query: "id=1'" }).logOdds).toBeLessThan(REPORT)
  expect(service.judge({ query: 'id=1<' }).logOdds).toBeGreaterThan(REPORT)
  expect(service.judge({ query: "id=1'" }, { ...QUOTE, logOdds: 8 }).unlike).toBe(false)
})

test('suspects and repeated requests teach nothing, few callers not enough', () => {
  const few = new Service()
  few.fill(29, (i) => ({ query: `id=${i}` }))
  expect(few.judge({ query: "id=1'" }).content).toBeNull()
  few.fill(29, (i) => ({ query: `id=${i}` }))
  expect(few.judge({ query: "id=1'" }).content).toBeNull()
  const suspects = new Service()
  for (let i = 0; i < 200; i++)
    suspects.context.suspect(principalKey(user(`person${i}`).principal), true, i % 2 === 0, START)
  suspects.fill(200, (i) => ({ query: `id=${i}` }))
  expect(suspects.judge({ query: "id=1'" }).content).toBeNull()
})

test('it is kept over a restart without any value, and fields with made-up names stay within the limit', () => {
  const service = new Service()
  service.fill(200, (i) => ({ query: `id=75310086${i}` }))
  const kept = JSON.stringify([...service.context.snapshot()])
  expect(kept).not.toContain('75310086')
  const restored = new Service()
  for (const line of JSON.parse(kept)) restored.context.restore(line)
  expect(restored.judge({ query: "id=1'" })).toEqual(service.judge({ query: "id=1'" }))
  expect(JSON.stringify([...restored.context.snapshot()])).toBe(kept)
  for (const wrong of [
    ['field', 'a', 1, [1], [1], 1, []],
    ['field', 'a'],
    ['field', 1, 1, [], [], 1, []],
  ])
    expect(() => restored.context.restore(wrong)).toThrow()
  service.fill(300, (i) => ({ query: Array.from({ length: 40 }, (_, j) => `x${i}y${j}=1`).join('&') }))
  const { entries, limit, evicted } = service.context.sizes().fields!
  expect(entries).toBeLessThanOrEqual(limit)
  expect(evicted).toBeGreaterThan(0)
})
