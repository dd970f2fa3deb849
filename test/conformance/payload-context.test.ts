import { expect, test } from 'vitest'
import { DetectorSet } from '../../analyzers/analysis.ts'
import { injectionDetectors } from '../../analyzers/detectors/injection.ts'
import { leakDetectors } from '../../analyzers/detectors/leak.ts'
import { IncidentBook } from '../../daemon/incidents/incident-book.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { MINUTE_US } from '../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../daemon/model/transaction.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { fakeTelemetry } from '../fake-exchange.ts'
import { START, transaction, user } from './traffic.ts'

const CHAINED: PayloadMark = {
  kind: 'payload',
  class: 'command',
  rule: 'command.chained',
  field: 'body:/code',
  score: 0.99,
  logOdds: 11,
  layers: [],
  excerpt: '; rm -rf build',
  tokens: '; rm',
  reflected: false,
  delayMs: null,
}
const SQL: PayloadMark = { ...CHAINED, class: 'sqli', rule: 'sqli.union', field: 'query:q' }
const ERROR: PayloadMark = { ...CHAINED, class: 'leak_sql_error', rule: 'leak_sql_error.mysql', field: 'response' }

/** The payload detectors and the incidents of the shipped policies; an open incident suspends learning from its caller. */
class Watch {
  readonly #telemetry = fakeTelemetry()
  readonly book = new IncidentBook({ telemetry: this.#telemetry, rules: shippedPolicies().rules })
  readonly #set = new DetectorSet(
    [...injectionDetectors, ...leakDetectors].map((declaration) => ({ declaration, options: {} })),
    this.#telemetry,
  )
  now = START

  see(given: Partial<Transaction>): readonly Signal[] {
    this.now += 10_000_000
    this.tick(this.now)
    const tx = transaction({ endpoint: 'POST /v1/snippets', ...given, time: this.now })
    const signals = [...this.#set.observe(tx, this.now)]
    for (const signal of signals) this.#tell(this.book.push(signal))
    return signals
  }

  tick(now: number): void {
    this.now = now
    this.#set.tick(now)
    this.#tell(this.book.tick(now))
  }

  #tell(changes: ReturnType<IncidentBook['push']>): void {
    for (const { kind, incident } of changes) {
      if (kind === 'updated') continue
      for (const detector of incident.detectors)
        this.#set.suspect(detector, incident.subject, kind === 'opened', this.now)
    }
  }
}

const person = (i: number) => ({ ...user(`p${i}`), clientIp: `198.51.${i % 40}.7` })
const range = (count: number) => Array.from({ length: count }, (_, i) => i)

test('a clear attack on a field nobody knows is a signal and an incident at once', () => {
  const watch = new Watch()
  const [signal] = watch.see({ ...person(1), marks: [SQL], status: 403 })
  expect(signal).toMatchObject({ detector: 'injection.sqli', severity: 'low', outcome: { refused: 1 } })
  expect(watch.book.open()).toMatchObject([{ policy: 'attack-payloads', severity: 'low' }])
})

test('a code editor is learnt, though each of its users was a suspect at first; an attack elsewhere still stands out', () => {
  const watch = new Watch()
  for (const i of range(40)) watch.see(person(i))
  watch.tick(watch.now + 60 * MINUTE_US)
  let first = 0
  for (const i of range(40)) first += watch.see({ ...person(i), marks: [CHAINED] }).length
  expect(first).toBeGreaterThan(0)
  watch.tick(watch.now + 60 * MINUTE_US)
  expect(range(40).flatMap((i) => watch.see({ ...person(i), marks: [CHAINED] }))).toEqual([])
  expect(watch.see({ ...person(7), marks: [SQL] })).toHaveLength(1)
})

test('one attacker cannot teach it, however often he tries', () => {
  const watch = new Watch()
  for (const i of range(40)) watch.see(person(i))
  watch.tick(watch.now + 60 * MINUTE_US)
  for (const _ of range(1000)) watch.see({ ...person(1), marks: [CHAINED] })
  watch.tick(watch.now + 24 * 60 * MINUTE_US)
  expect(watch.see({ ...person(2), marks: [CHAINED] })).toHaveLength(1)
})

test('a scanner over classes, endpoints and services is one incident, which grows graver when something works', () => {
  const watch = new Watch()
  for (const [i, mark] of [SQL, CHAINED, { ...SQL, class: 'xss', rule: 'xss.script' }].entries()) {
    watch.see({ ...person(1), marks: [mark], status: 400, endpoint: `GET /v1/e${i}`, service: `s${i}.test` })
  }
  expect(watch.book.open()).toMatchObject([{ severity: 'low', detectors: { length: 3 }, endpoints: { length: 3 } }])
  watch.see({ ...person(1), marks: [SQL, ERROR], status: 500 })
  const [incident, ...others] = watch.book.open()
  expect(others).toEqual([])
  expect(incident).toMatchObject({ severity: 'high', outcome: { pSuccess: 0.8 } })
  expect(incident!.why).toMatch(/database error/)
})

test.each([
  ['the delay it asks for', { marks: [{ ...SQL, delayMs: 5000 }], durationUs: 5_020_000 }, 'high'],
  ['a shorter time', { marks: [{ ...SQL, delayMs: 5000 }], durationUs: 1_000_000 }, 'medium'],
  [
    'a file in the answer',
    { marks: [CHAINED, { ...ERROR, class: 'leak_source', rule: 'leak_source.passwd' }] },
    'critical',
  ],
  ['output of a program', { marks: [CHAINED, { ...ERROR, class: 'leak_source', rule: 'leak_source.id' }] }, 'critical'],
  ['an unescaped echo', { marks: [{ ...SQL, class: 'xss', rule: 'xss.script', reflected: true }] }, 'high'],
] as const)('what came of it decides how grave it is: %s', (_, given, severity) => {
  expect(new Watch().see({ ...person(1), ...given }).map((signal) => signal.severity)).toEqual([severity])
})

test('where everything is answered alike, an answer says little; one of a size that none had says more', () => {
  const watch = new Watch()
  const asked = (i: number, responseBodyBytes: number, marks: Transaction['marks'] = []) =>
    watch.see({ ...person(i), marks, responseBodyBytes })
  expect(asked(1, 2000, [SQL])[0]).toMatchObject({ severity: 'medium', outcome: { pSuccess: 0.15 } })
  for (const i of range(5)) asked(i + 10, 2000 + 40 * i)
  expect(asked(2, 2090, [SQL])[0]).toMatchObject({ severity: 'low', outcome: { pSuccess: 0.05 } })
  const [odd] = asked(3, 90_000, [SQL])
  expect(odd).toMatchObject({ severity: 'medium', outcome: { pSuccess: 0.3 } })
  expect(odd!.why).toMatch(/answered 200 \(an answer of 90000 bytes, a size that no other has here\)/)
})

test('who was answered oddly, sends more of the same and gets an answer of another size seems to have got in', () => {
  const watch = new Watch()
  const asked = (i: number, query: string, given: Partial<Transaction> = {}) =>
    watch.see({ ...person(i), query, responseBodyBytes: 2000, ...given })
  for (const i of range(5)) asked(i + 10, 'q=shoes')
  const more = { marks: [SQL], responseBodyBytes: 90_000 }
  const probe = { marks: [{ ...SQL, rule: 'sqli.quote', logOdds: 3 }], status: 500 }
  asked(1, "q='", probe)
  const [found] = asked(1, "q=' union select name from users", more)
  expect(found).toMatchObject({ severity: 'high', outcome: { pSuccess: 0.65 } })
  expect(found!.why).toMatch(/seems to have worked \(.*after less of the same that was answered oddly\)/)
  // Of somebody else, of another class, no longer than before, or after an answer like all others, it says no more than by itself.
  for (const [caller, first] of [
    [2, null],
    [3, { ...probe, marks: [{ ...SQL, class: 'xss', rule: 'xss.script', logOdds: 3 }] }],
    [4, { ...probe, requestBodyBytes: 9000 }],
    [5, { ...probe, status: 200 }],
  ] as const) {
    if (first !== null) asked(caller, "q='", first)
    expect(
      asked(caller, "q=' union select name from users", { ...more, responseBodyBytes: 500_000 * caller })[0],
    ).toMatchObject({ severity: 'medium' })
  }
})

test('a lone quote where everybody sends numbers is told with what the field carries', () => {
  const watch = new Watch()
  for (const i of range(214)) watch.see({ ...person(i), query: `id=${i}` })
  watch.tick(watch.now + 60 * MINUTE_US)
  const quote = { ...SQL, rule: 'sqli.quote', field: 'query:id', logOdds: 3 }
  const [signal] = watch.see({ ...person(1000), query: "id=1'", marks: [quote] })
  expect(signal!.why).toMatch(/; query:id carries numbers, of all 20\d callers looked at$/)
  expect(signal!.evidence.field_normally).toMatch(
    /^0 of \d+ callers send the like; carries numbers, of all 20\d callers looked at, up to 3 characters$/,
  )
})

test('who tries field by field, faintly and slowly, is found by all of it together; one odd habit of his is not', () => {
  const probe = (field: string) => ({ ...SQL, rule: 'sqli.quote', logOdds: 5, field })
  const watch = new Watch()
  const slow = (field: string) => {
    watch.tick(watch.now + 60 * MINUTE_US)
    return watch.see({ ...person(1), marks: [probe(field)] })
  }
  expect(range(20).flatMap(() => slow('query:name'))).toEqual([])
  const found = range(6).map((i) => slow(`query:f${i}`))
  expect(found.map((signals) => signals.length)).toEqual([0, 0, 0, 0, 1, 0])
  expect(found[4]![0]).toMatchObject({ detector: 'injection.sqli', evidence: { fields_tried: 6 } })
  expect(found[4]![0]!.why).toMatch(/after the like of it in 5 other fields/)
  // Who writes about code trips one rule after the other, in the fields for texts.
  const writer = new Watch()
  for (const i of range(40)) {
    const mark = { ...probe(i % 2 === 0 ? 'query:q' : 'body:/subject'), rule: `sqli.rule${i}` }
    expect(writer.see({ ...person(1), marks: [mark] })).toEqual([])
  }
  // Weeks apart it is chance.
  const rare = new Watch()
  for (const i of range(20)) {
    rare.tick(rare.now + 10 * 24 * 60 * MINUTE_US)
    expect(rare.see({ ...person(1), marks: [probe(`query:f${i}`)] })).toEqual([])
  }
})

test('an answer that gives something away without an attack is an incident of its endpoint, and no reason to suspect who got it', () => {
  const watch = new Watch()
  for (const i of range(3)) watch.see({ ...person(i), marks: [ERROR], status: 500 })
  expect(watch.book.open()).toMatchObject([
    { policy: 'leaking-answers', severity: 'medium', subject: { kind: 'endpoint' }, signalCount: 3 },
  ])
})

test('each kind of leak of an endpoint is an incident of its own, and a trace around a database error is told as that', () => {
  const watch = new Watch()
  const trace = { ...ERROR, class: 'leak_stack', rule: 'leak_stack.java' }
  const secret = { ...ERROR, class: 'leak_secret', rule: 'leak_secret.aws' }
  for (const i of range(3)) watch.see({ ...person(i), marks: [trace, ERROR], status: 500 })
  expect(watch.book.open().map(({ detectors }) => detectors)).toEqual([['leak.sql_error']])
  watch.see({ ...person(4), marks: [trace], status: 500 })
  watch.see({ ...person(5), marks: [secret] })
  expect(watch.book.open().map(({ detectors, severity }) => [...detectors, severity])).toEqual([
    ['leak.sql_error', 'medium'],
    ['leak.stack', 'medium'],
    ['leak.secret', 'high'],
  ])
})
