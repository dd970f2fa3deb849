import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { type DetectorDeclaration, defineDetector } from '../../analyzers/detector.ts'
import { DETECTOR_IDS, DETECTOR_TAGS, type DetectorId } from '../../analyzers/detector-ids.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { SEVERITIES, type Signal } from '../../daemon/model/signal.ts'
import { HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Mark, Principal, Transaction } from '../../daemon/model/transaction.ts'
import { PAYLOAD_CLASSES } from '../../daemon/payload/payload.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { address, login, missing, order, START, transaction, user } from './traffic.ts'

const WRITTEN = { method: 'PATCH', requestBodyBytes: 7, requestBody: '{"a":1}' }
/** Of a size that counts, and slow. */
const LARGE = { requestBodyBytes: 9000, responseBodyBytes: 9000, durationUs: 200_000, responseBody: '[{},{}]' }
const make = (declaration: DetectorDeclaration, options: unknown = {}) =>
  declaration.create(declaration.options.parse(options))

/** As talkative as it can be made; a deterministic detector has nothing to set. */
const talkative = (declaration: DetectorDeclaration, report: number) =>
  make(declaration, declaration.options.safeParse({ report }).success ? { report } : {})

const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('/.env', '/v1/orders/7', '', '__proto__', 'constructor'),
)
const loginMark: fc.Arbitrary<Mark> = fc.record({
  kind: fc.constant('login' as const),
  field: text,
  account: fc.option(text, { nil: null }),
  guess: fc.constantFrom('new', 'repeated', 'shared'),
})
const payloadMark: fc.Arbitrary<Mark> = fc.record({
  kind: fc.constant('payload' as const),
  class: fc.oneof(fc.constantFrom(...PAYLOAD_CLASSES), text),
  rule: text,
  field: text,
  score: fc.constantFrom(0, 0.5, 1),
  logOdds: fc.constantFrom(-20, 0, 5, 9, 20),
  layers: fc.array(text, { maxLength: 2 }),
  excerpt: text,
  tokens: text,
  reflected: fc.boolean(),
  delayMs: fc.constantFrom(null, 1, 5000),
})
const mark = fc.oneof(loginMark, payloadMark)
const principal: fc.Arbitrary<Principal> = fc.record({
  kind: fc.constantFrom('user', 'session', 'api_key', 'consumer', 'device', 'ip'),
  id: text,
  display: text,
  via: text,
  app: fc.constant(null),
})
/** Transactions of any shape: no endpoint, no status, no path, no service, odd identities, time that stands still or leaps. */
const weird: fc.Arbitrary<Transaction> = fc
  .record({
    gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 * HOUR_US })),
    principal,
    path: fc.option(text),
    endpoint: fc.option(text),
    service: fc.option(text),
    knownEndpoint: fc.boolean(),
    status: fc.option(fc.constantFrom(100, 200, 204, 302, 304, 400, 401, 403, 404, 429, 500, 0, 999)),
    objectIds: fc.array(fc.oneof(text, fc.constantFrom('1', '2', '1e999', '-0', '9007199254740993')), { maxLength: 3 }),
    marks: fc.array(mark, { maxLength: 2 }),
    method: fc.option(fc.constantFrom('GET', 'POST', 'OPTIONS', 'x')),
    responseBodyBytes: fc.nat(2000),
  })
  .map(({ gap, ...given }) => ({ ...transaction({ time: 0, ...given }), time: gap, endTime: gap }))

/** The same attempt, with a one-time code instead of the password. */
function withCode(tx: Transaction): Transaction {
  return { ...tx, marks: tx.marks.map((each) => (each.kind === 'login' ? { ...each, field: 'body:/otp' } : each)) }
}

/** Those that only look at callers who are signed in. */
const SIGNED_IN = new Set(['function.privilege', 'object.ownership'])

/** Turns gaps into times that never run backwards. */
function inOrder(list: readonly Transaction[]): Transaction[] {
  let now = START
  return list.map((tx) => {
    now += tx.time
    return { ...tx, time: now, endTime: now }
  })
}

describe.each(DETECTORS.map((declaration) => [declaration.id, declaration] as const))('%s', (id, declaration) => {
  test('has an id and tags of the closed list, a rule, a description, and strict options with defaults', () => {
    expect(DETECTOR_IDS).toContain(id)
    expect(declaration.owasp).toEqual(DETECTOR_TAGS[id as DetectorId].owasp)
    expect(declaration.attack).toEqual(DETECTOR_TAGS[id as DetectorId].attack)
    expect(shippedPolicies().rules.some((rule) => rule.detectors.includes(id))).toBe(true)
    for (const [part, sentence] of Object.entries(declaration.describes))
      expect(sentence.length, part).toBeGreaterThan(20)
    expect(() => declaration.options.parse({})).not.toThrow()
    expect(declaration.options.safeParse({ no_such_option: 1 }).success).toBe(false)
  })

  test('takes any transaction, and every signal is whole', () => {
    fc.assert(
      fc.property(fc.array(weird, { maxLength: 120 }), (list) => {
        const detector = talkative(declaration, 0.99)
        for (const tx of inOrder(list)) {
          detector.tick(tx.endTime)
          const signal = detector.observe(tx, tx.endTime)
          if (signal === null) continue
          expect(signal).toMatchObject({ detector: id, transactionId: tx.id, time: tx.endTime, endpoint: tx.endpoint })
          expect(SEVERITIES).toContain(signal.severity)
          for (const share of [signal.pValue, signal.maturity, signal.score, signal.outcome.pSuccess]) {
            expect(share).toBeGreaterThanOrEqual(0)
            expect(share).toBeLessThanOrEqual(1)
          }
          expect(signal.log10P).toBeLessThanOrEqual(0)
          expect(Number.isFinite(signal.log10P)).toBe(true)
          expect(signal.why.length).toBeGreaterThan(10)
          expect(signal.why).not.toMatch(/NaN|undefined|Infinity|null/)
          expect(signal.evidenceBefore.length).toBeLessThanOrEqual(100)
        }
        const maturity = detector.maturity()
        expect(maturity).toBeGreaterThanOrEqual(0)
        expect(maturity).toBeLessThanOrEqual(1)
      }),
      { numRuns: 60 },
    )
  })

  test('the same input gives the same signals', () => {
    fc.assert(
      fc.property(fc.array(weird, { maxLength: 60 }), (list) => {
        const run = (): (Signal | null)[] => {
          const detector = talkative(declaration, 0.9)
          return inOrder(list).map((tx) => {
            detector.tick(tx.endTime)
            return detector.observe(tx, tx.endTime)
          })
        }
        expect(run()).toEqual(run())
      }),
      { numRuns: 30 },
    )
  })

  // The detectors of payloads are one class with one kind of memory: one of them stands for all.
  const limits = test.each(declaration.reads === 'payloads' && id !== 'injection.sqli' ? [] : [id])
  limits('a hundred thousand new callers stay within the limits, and evictions are counted', () => {
    const detector = make(declaration)
    detector.described?.([{ file: 'all.yaml', services: null, hosts: [], operations: [] }])
    for (let i = 0; i < 100_000; i++) {
      const at = START + i * 20_000
      const from = address(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
      const tx =
        id === 'auth.otp'
          ? withCode(login(at, from.id, `a${i}`, false))
          : id === 'auth.bruteforce' || id === 'auth.spray' || id === 'auth.stuffing'
            ? login(at, from.id, `a${i}`, id !== 'auth.bruteforce' && i % 4 > 0)
            : id === 'scan.probing'
              ? missing(at, from, `/x${i}`)
              : id === 'property.mass_assignment'
                ? { ...order(at, '', i), ...WRITTEN, principal: from, service: `h${i}.test` }
                : id === 'auth.token_theft'
                  ? order(at, `u${i}`, i)
                  : id.startsWith('consumption.') || id === 'scrape.exfiltration'
                    ? { ...order(at, '', i), ...LARGE, principal: from, service: `h${i}.test` }
                    : {
                        ...order(at, '', i),
                        principal: SIGNED_IN.has(id) ? user(`n${i}`).principal : from,
                        service: `h${i}.test`,
                      }
      detector.observe(tx, at)
      if (i % 500 === 0) detector.tick(at)
    }
    let evicted = 0
    for (const [name, size] of Object.entries(detector.sizes())) {
      expect(size.entries, name).toBeLessThanOrEqual(size.limit)
      evicted += size.evicted
    }
    // What watches the sensor or other detectors and not callers, or keeps nothing, has nothing to evict.
    const keeps = Object.keys(detector.sizes()).length > 0
    const watchesCallers = detector.sense === undefined && detector.reviewDrifts === undefined
    if (keeps && watchesCallers) expect(evicted).toBeGreaterThan(0)
  })

  test('does not need bodies', () => {
    const detector = make(declaration)
    const tx = { ...order(START, 'ada', 1), requestBody: undefined, responseBody: undefined }
    expect(detector.observe(tx, START)).toBeNull()
  })
})

test('every id of the registry is there once', () => {
  const ids = DETECTORS.map((declaration) => declaration.id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('ATT&CK and OWASP tags have their shape', () => {
  for (const { owasp, attack } of Object.values(DETECTOR_TAGS)) {
    for (const tag of owasp) expect(tag).toMatch(/^API(10|[1-9]):2023$/)
    for (const tag of attack) expect(tag).toMatch(/^T\d{4}(\.\d{3})?$/)
  }
})

test('who is suspected by one detector teaches none, under whatever name the incident tells', () => {
  const suspected: string[] = []
  const listening = DETECTORS.map((declaration) =>
    defineDetector({
      ...declaration,
      create: (options) => {
        const detector = declaration.create(options)
        return {
          observe: (tx, now) => detector.observe(tx, now),
          tick: (now) => detector.tick(now),
          sizes: () => detector.sizes(),
          maturity: () => detector.maturity(),
          suspect: (caller, open) => suspected.push(`${declaration.id} ${caller} ${open}`),
        }
      },
    }),
  )
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const set = new DetectorSet(
    listening.map((declaration) => ({ declaration, options: {} })),
    telemetry,
  )
  for (let i = 0; i < 20; i++) {
    set.observe(order(START + i * 100_000, 'mallory', i, 403), START + i * 100_000)
    set.observe(login(START + i * 100_000, '203.0.113.9', 'ada', false), START + i * 100_000)
  }
  set.suspect('object.enumeration', { kind: 'user', value: 'mallory' }, true, START)
  expect(suspected).toEqual(DETECTORS.map(({ id }) => `${id} hmac:mallory true`))
  suspected.length = 0
  set.suspect('auth.bruteforce', { kind: 'user', value: 'hmac:ada' }, false, START)
  expect(suspected).toEqual(['auth.bruteforce 203.0.113.9 false'])
})

test('a detector that throws is switched off alone, and counted', () => {
  const counters = new Counters()
  const broken = defineDetector({
    ...DETECTORS[0]!,
    id: 'auth.otp',
    create: () => ({
      observe: () => {
        throw new Error('a bug')
      },
      tick: () => {},
      sizes: () => ({}),
      maturity: () => 1,
    }),
  })
  const enabled = [broken, ...DETECTORS].map((declaration) => ({ declaration, options: {} }))
  const failures: string[] = []
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters }
  const set = new DetectorSet(enabled, telemetry, (detector) => failures.push(detector))
  let signals = 0
  for (let i = 0; i < 20; i++) {
    signals += set.observe(login(START + i * 100_000, '203.0.113.9', 'ada', false), START + i * 100_000).length
    set.tick(START + i * MINUTE_US)
  }
  expect(signals).toBeGreaterThan(0)
  expect(failures).toEqual(['auth.otp'])
  expect(counters.get('detector.failed')).toBe(1)
})
