import { describe, expect, test } from 'vitest'
import { HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { PayloadMark, Principal, Transaction } from '../../daemon/model/transaction.ts'
import { address, START, transaction, user } from '../../test/conformance/traffic.ts'
import { PayloadContext } from './payload-context.ts'

const MARK: PayloadMark = {
  kind: 'payload',
  class: 'command',
  rule: 'command.chained',
  field: 'body:/code',
  score: 0.99,
  logOdds: 10,
  layers: [],
  excerpt: '; cat notes.txt',
  tokens: '; cat',
  reflected: false,
  delayMs: null,
}

/** A service whose context is told about requests one by one. */
class Service {
  context = new PayloadContext()
  now = START

  send(principal: Principal, marks: readonly PayloadMark[] = [], given: Partial<Transaction> = {}): void {
    this.now += SECOND_US
    this.context.tick(this.now)
    this.context.observe(this.request(principal, marks, given), this.now)
  }

  request(principal: Principal, marks: readonly PayloadMark[], given: Partial<Transaction> = {}): Transaction {
    return transaction({
      time: this.now,
      principal,
      marks,
      endpoint: 'POST /v1/snippets',
      clientIp: from(principal),
      ...given,
    })
  }

  wait(us: number): void {
    this.now += us
    this.context.tick(this.now)
  }

  odds(mark: PayloadMark = MARK): number {
    return this.context.judge(this.request(person(999), [mark]), mark).logOdds
  }
}

const person = (i: number): Principal => user(`person${i}`).principal
const from = ({ id }: Principal): string => `198.51.${Number(/\d+/.exec(id)?.[0] ?? 0) % 50}.7`
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Everybody is known by now. */
function withPeople(count: number): Service {
  const service = new Service()
  for (const i of range(count)) service.send(person(i))
  service.wait(HOUR_US)
  return service
}

function trip(service: Service, count: number, given: Partial<Transaction> = {}, mark = MARK): void {
  for (const i of range(count)) service.send(person(i), [mark], given)
  service.wait(HOUR_US)
}

test('without anything known the shipped odds count, from the first request', () => {
  expect(new Service().odds()).toBe(10)
})

test('what many callers send stops mattering, and only in that field and for that rule', () => {
  const service = withPeople(20)
  trip(service, 20)
  expect(service.odds()).toBeLessThan(2)
  expect(service.odds({ ...MARK, field: 'query:q' })).toBeGreaterThanOrEqual(10)
  expect(service.odds({ ...MARK, rule: 'command.substitution' })).toBeGreaterThanOrEqual(10)
})

test('a field that learns faint findings of a rule does not learn clear ones; clear ones teach it both', () => {
  const faint = { ...MARK, logOdds: 6 }
  const clear = { ...MARK, logOdds: 8 }
  const service = withPeople(20)
  trip(service, 20, {}, faint)
  expect(service.odds(faint)).toBeLessThan(2)
  expect(service.odds(clear)).toBeGreaterThanOrEqual(8)
  expect(service.odds()).toBeGreaterThanOrEqual(10)
  trip(service, 20, {}, clear)
  expect(service.odds(clear)).toBeLessThan(2)
  expect(service.odds()).toBeGreaterThanOrEqual(10)
})

test('in a field for texts, where other rules fire for many, a rule that never did is no more than it was', () => {
  const service = withPeople(1000)
  const other = { ...MARK, rule: 'sqli.comment', class: 'sqli', logOdds: 6 }
  expect(service.odds(other)).toBeGreaterThan(7)
  trip(service, 20, {}, { ...MARK, logOdds: 5 })
  expect(service.odds(other)).toBe(6)
  expect(service.odds({ ...other, field: 'query:q' })).toBeGreaterThan(7)
})

test('what nobody of many sends matters more, within limits', () => {
  const odds = withPeople(1000).odds()
  expect(odds).toBeGreaterThan(11)
  expect(odds).toBeLessThanOrEqual(13)
})

describe('nobody teaches it by himself', () => {
  test('a thousand requests of one caller are one vote', () => {
    const service = withPeople(20)
    for (const _ of range(1000)) service.send(person(3), [MARK])
    service.wait(HOUR_US)
    expect(service.odds()).toBe(10)
  })

  test('addresses of one network are one vote', () => {
    const service = withPeople(20)
    for (const i of range(200)) service.send(address(`203.0.113.${i}`))
    service.wait(HOUR_US)
    for (const i of range(200)) service.send(address(`203.0.113.${i}`), [MARK])
    service.wait(HOUR_US)
    expect(service.odds()).toBe(10)
  })

  test.each([
    ['refused', { status: 403 }],
    ['failed', { status: 500 }],
  ])('requests that were %s teach nothing', (_, given) => {
    const service = withPeople(20)
    const before = service.odds()
    trip(service, 20, given)
    expect(service.odds()).toBe(before)
  })

  test('a payload that brought something out, or took its delay, teaches nothing', () => {
    const service = withPeople(20)
    const before = service.odds()
    const leak = { ...MARK, class: 'leak_source', rule: 'leak_source.passwd', field: 'response' }
    for (const i of range(20)) service.send(person(i), [MARK, leak])
    for (const i of range(20)) service.send(person(i), [{ ...MARK, delayMs: 5000 }], { durationUs: 5_100_000 })
    service.wait(HOUR_US)
    expect(service.odds()).toBe(before)
  })

  test('newcomers teach nothing before the service has known them for a quarantine', () => {
    const service = withPeople(20)
    const before = service.odds()
    for (const i of range(20)) service.send(person(100 + i), [MARK])
    service.wait(HOUR_US)
    expect(service.odds()).toBeGreaterThanOrEqual(before)
  })
})

describe('suspicion', () => {
  test('who is suspected teaches nothing, before or after', () => {
    const service = withPeople(9)
    for (const i of range(9)) service.send(person(i), [MARK])
    for (const i of range(9)) service.context.suspect(`hmac:person${i}`, true, false, service.now)
    trip(service, 9)
    expect(service.odds()).toBeGreaterThanOrEqual(10)
  })

  test('a few who are suspected for payloads teach nothing; a crowd from several networks does', () => {
    const few = withPeople(9)
    for (const i of range(9)) few.context.suspect(`hmac:person${i}`, true, true, few.now)
    trip(few, 9)
    expect(few.odds()).toBeGreaterThanOrEqual(10)
    const crowd = withPeople(30)
    for (const i of range(30)) crowd.context.suspect(`hmac:person${i}`, true, true, crowd.now)
    trip(crowd, 30)
    expect(crowd.odds()).toBeLessThan(2)
  })
})

test('while the sensor is blind nothing is learnt', () => {
  const service = withPeople(20)
  service.context.freeze(true, service.now)
  trip(service, 20)
  service.context.freeze(false, service.now)
  service.wait(HOUR_US)
  expect(service.odds()).toBeGreaterThanOrEqual(10)
})

test('what it has learnt goes on after a restart as if nothing had happened', () => {
  const service = withPeople(20)
  trip(service, 20)
  const faint = { ...MARK, logOdds: 5 }
  service.context.accumulate(service.request(person(1), [faint]), faint, { logOdds: 5 }, service.now)
  const restored = new Service()
  for (const line of service.context.snapshot()) restored.context.restore(JSON.parse(JSON.stringify(line)))
  restored.now = service.now
  expect(restored.odds()).toBe(service.odds())
  expect([...service.context.snapshot()].some((line) => (line as unknown[])[0] === 'faint')).toBe(true)
  expect([...restored.context.snapshot()]).toEqual([...service.context.snapshot()])
  for (const wrong of [null, {}, ['habit', 1], ['faint', 1], ['endpoint', 'a b', [], []], ['else']])
    expect(() => restored.context.restore(wrong)).toThrow()
  for (const each of [service, restored]) {
    for (const i of range(5)) each.send(person(i), [{ ...MARK, field: 'query:q' }])
    each.wait(30 * MINUTE_US)
  }
  expect(restored.odds({ ...MARK, field: 'query:q' })).toBe(service.odds({ ...MARK, field: 'query:q' }))
})

test('what waits in quarantine, and who is suspected, waits and is after a restart', () => {
  const taught = (restarts: boolean) => {
    let service = withPeople(20)
    for (const i of range(9)) service.send(person(i), [MARK])
    service.context.suspect('hmac:person0', true, true, service.now)
    if (restarts) {
      const next = new Service()
      for (const line of service.context.snapshot()) next.context.restore(JSON.parse(JSON.stringify(line)))
      next.now = service.now
      service = next
    }
    service.wait(HOUR_US)
    return service.odds()
  }
  expect(taught(true)).toBe(taught(false))
  expect(taught(true)).not.toBe(withPeople(20).odds())
})

test('fields with made-up names stay within the limit, and are counted', () => {
  const service = withPeople(1)
  for (const i of range(20_000)) service.send(person(0), [{ ...MARK, field: `query:x${i}` }])
  const { entries, limit, evicted } = service.context.sizes().habits!
  expect(entries).toBeLessThanOrEqual(limit)
  expect(evicted).toBeGreaterThan(0)
})

test('a question about the schema is judged by the callers of all operations of the place', () => {
  const service = new Service()
  const question: PayloadMark = {
    ...MARK,
    class: 'graphql',
    rule: 'graphql.introspection',
    field: 'body:/query',
    logOdds: 5.5,
  }
  for (const i of range(400)) service.send(person(i), [], { endpoint: `POST /graphql#Operation${i % 5}` })
  service.wait(2 * HOUR_US)
  const asked = service.request(person(999), [question], { endpoint: 'POST /graphql#IntrospectionQuery' })
  expect(service.context.judge(asked, question).callers).toBeGreaterThan(300)
  expect(service.context.judge(asked, question).logOdds).toBeGreaterThan(Math.log(2500))
  const elsewhere = service.request(person(999), [question], { endpoint: 'POST /other#IntrospectionQuery' })
  expect(service.context.judge(elsewhere, question).logOdds).toBe(5.5)
})

describe('somebody asked about the schema before', () => {
  const QUESTION: PayloadMark = {
    ...MARK,
    class: 'graphql',
    rule: 'graphql.introspection',
    field: 'body:/query',
    logOdds: 5.5,
  }
  const asked = (service: Service): number =>
    service.context.judge(service.request(person(999), [QUESTION], {}), QUESTION).logOdds
  const REPORT = -Math.log(1e-3)

  test('and was told for it: the next one is told as well', () => {
    const service = withPeople(1000)
    expect(asked(service)).toBeGreaterThan(REPORT)
    service.context.suspect('hmac:person1', true, true, service.now)
    for (const i of range(3)) service.context.suspect(`hmac:person${i}`, true, true, service.now)
    trip(service, 3, {}, QUESTION)
    expect(asked(service)).toBeGreaterThan(REPORT)
  })

  test('before anything was known: one among many takes a part away, one among few all that was gained', () => {
    for (const [people, from, to] of [
      [4000, 5.55, 7],
      [60, 5.5, 5.5],
    ] as const) {
      const service = withPeople(people)
      trip(service, 1, {}, QUESTION)
      expect(asked(service)).toBeGreaterThanOrEqual(from)
      expect(asked(service)).toBeLessThanOrEqual(to)
    }
  })

  test('other payloads in the document make it no field for texts', () => {
    const service = withPeople(1000)
    trip(service, 20, {}, { ...MARK, field: 'body:/query' })
    expect(asked(service)).toBeGreaterThan(REPORT)
  })
})
