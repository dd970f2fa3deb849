import { describe, expect, test } from 'vitest'
import { fakeSignal } from '../../test/fake-signal.ts'
import type { Signal } from '../model/signal.ts'
import { ExpressionProblem } from '../yaml/cel-limits.ts'
import { compileCondition, SIGNAL_FIELDS } from './cel.ts'

const START = Date.UTC(2026, 10, 20, 8) * 1000

const SIGNAL = fakeSignal(START, {
  severity: 'medium',
  endpoint: 'GET /v1/orders/{id}',
  evidence: { count: 12, note: 'x', seen_from: ['203.0.113.9', '203.0.113.10'], source: null },
  outcome: { answered: 3, refused: 9, objectsExposed: 3, accounts: ['hmac:ada'], pSuccess: 0.5 },
})

const holds = (text: string, given: Partial<Signal> = {}) => compileCondition(text)({ ...SIGNAL, ...given })

function problem(text: string): { message: string; offset: number } {
  try {
    compileCondition(text)
  } catch (error) {
    if (!(error instanceof ExpressionProblem)) throw error
    return { message: error.message, offset: error.offset }
  }
  return { message: 'none', offset: -1 }
}

describe('a condition sees the signal', () => {
  test.each([
    ['signal.p < 0.001'],
    ['signal.p < 1'],
    ['signal.log10_p == -8.0'],
    ['signal.detector == "scan.probing" && signal.service.endsWith(".shop.test")'],
    ['signal.severity.atLeast("medium") && !signal.severity.atLeast("high")'],
    ['signal.severity in ["medium", "high"]'],
    ['signal.subject.kind == "ip" && signal.principal.via == "peer"'],
    ['signal.observed == 7 && signal.expected == null'],
    ['signal.evidence.count > 10'],
    ['has(signal.evidence.count) && !has(signal.evidence.nothing)'],
    ['signal.evidence.source == null'],
    ['signal.evidence.seen_from.exists(from, from == "203.0.113.10")'],
    ['"hmac:ada" in signal.outcome.accounts'],
    ['signal.outcome.p_success >= 0.5 && signal.outcome.refused > 8'],
    ['signal.time > timestamp("2026-01-01T00:00:00Z") && signal.time.getHours() == 8'],
    ['rx(signal.endpoint, "^GET /v1/(orders|invoices)/")'],
    ['signal.principal.app == ""'],
    ['signal.whole && signal.status == 404'],
    ['signal.attack.exists(tag, tag.startsWith("T1595"))'],
  ])('%s', (text) => expect(holds(text)).toBe(true))

  test('what is not known is empty text, not an error', () => {
    expect(holds('signal.endpoint == "" && signal.service == ""', { endpoint: null, service: null })).toBe(true)
  })

  test('every documented field is there', () => {
    for (const [path] of SIGNAL_FIELDS) expect(holds(`${path} == ${path}`), path).toBe(true)
  })

  test('two signals in a row are not mixed up', () => {
    const condition = compileCondition('signal.service == "a"')
    expect([condition({ ...SIGNAL, service: 'a' }), condition({ ...SIGNAL, service: 'b' })]).toEqual([true, false])
  })
})

describe('a wrong condition says where', () => {
  test.each([
    ['signal.subjct.kind == "ip"', /No such key: subjct/, 7],
    ['signal.p < "x"', /no such overload/, 0],
    ['traffic.p < 1.0', /Unknown variable: traffic/, 0],
    ['signal.p <', /Unexpected token/, 10],
    ['signal.p', /gives double, expected true or false/, 0],
    ['signal.detector.matches("(a+)+$")', /matches\(\) is not there, use rx/, 0],
    ['matches(signal.detector, "a")', /matches/, 0],
    ['signal.owasp.exists(a, a.matches("x"))', /matches\(\) is not there/, 23],
    ['dyn(signal.detector).matches("a")', /matches\(\) is not there/, 0],
    ['rx(signal.detector, "a(")', /the pattern cannot be used/, 20],
    ['rx(signal.detector, signal.service)', /has to be written out/, 0],
    ['rx(signal.detector, "a" + "b")', /has to be written out/, 0],
    [`rx(signal.detector, "${'a'.repeat(600)}")`, /over 512 characters/, 20],
    ['signal.owasp.exists(a, signal.owasp.exists(b, signal.owasp.exists(c, a == b)))', /nested over 2 deep/, 46],
    ['signal.owasp.exists(a, signal.owasp.exists(b, rx(a + b, "x")))', /loop within a loop/, 46],
    [`signal.service in [${'"a", '.repeat(300)}"b"]`, /maxListElements/, 1500],
    [`${'true && '.repeat(600)}true`, /maxAstNodes|maxDepth/, 0],
  ])('%s', (text, message, offset) => {
    const found = problem(text)
    expect(found.message).toMatch(message)
    if (offset < 1000 && offset > 0) expect(found.offset).toBe(offset)
  })
})

test('what fails on a signal throws, for the caller to count', () => {
  expect(() => holds('signal.evidence.nothing > 1')).toThrow(/No such key/)
  expect(() => holds('signal.evidence.note > 1')).toThrow()
  expect(() => holds('signal.severity.atLeast("grave")')).toThrow(/no severity/)
})

test('a hostile text costs a bounded time in every function', () => {
  const text = 'a'.repeat(200_000)
  const evil = { endpoint: `${text}!`, evidence: { note: text, list: Array.from({ length: 5000 }, () => text) } }
  const conditions = [
    'rx(signal.endpoint, "^(a+)+$")',
    'rx(signal.endpoint, "(a*)*b|(a|aa)+c")',
    'signal.evidence.list.exists(x, signal.evidence.list.exists(y, x + y == "b"))',
    'signal.evidence.list.all(x, rx(x, "^(a|a?)+$"))',
  ].map(compileCondition)
  const began = performance.now()
  for (const condition of conditions) condition({ ...SIGNAL, ...evil })
  expect(performance.now() - began).toBeLessThan(2000)
})

test('a flood of signals stays cheap', () => {
  const condition = compileCondition(
    'signal.p < 0.001 && !(signal.subject.kind == "ip" && rx(signal.service, "^internal")) && signal.outcome.refused > 5',
  )
  const began = performance.now()
  const count = 20_000
  for (let i = 0; i < count; i++) condition({ ...SIGNAL, time: START + i })
  // The bound only tells linear from not; docs/policies.md has what was measured.
  expect(((performance.now() - began) / count) * 1000).toBeLessThan(200)
})
