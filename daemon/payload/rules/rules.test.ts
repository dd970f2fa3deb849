import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Counters } from '../../telemetry/counters.ts'
import { OffpathError } from '../../telemetry/errors.ts'
import { PayloadScanner } from '../scanner.ts'
import { MAX_TEXT } from '../unwrap.ts'
import { compileRules } from './compile.ts'
import { holdsRules, readRules, rulesOf } from './read.ts'
import { testRules } from './rule-test.ts'

const EXAMPLE = join(import.meta.dirname, '../../../examples/payload-rules/shop.yaml')

/** A file of one rule; `lines` stand in it. */
function fileOf(lines: readonly string[]): string {
  return [
    'apiVersion: offpath.dev/v1',
    'kind: PayloadRules',
    'metadata: { id: own }',
    'budget: 3',
    'rules:',
    '  - id: one',
    '    class: command',
    ...lines.map((line) => `    ${line}`),
  ].join('\n')
}

function problemOf(lines: readonly string[]): string {
  try {
    readRules(fileOf(lines), 'own.yaml')
  } catch (error) {
    if (error instanceof OffpathError) return error.message + (error.at ?? '')
    throw error
  }
  return ''
}

const TESTS = 'tests: [{ value: abc, finds: true }]'

test('the example that ships passes its own tests', () => {
  const text = readFileSync(EXAMPLE, 'utf8')
  expect(holdsRules(text)).toBe(true)
  const results = testRules(readRules(text, EXAMPLE))
  expect(results.length).toBeGreaterThanOrEqual(8)
  expect(results.filter(({ finds, found }) => finds !== found)).toEqual([])
  expect(new Set(results.map(({ finds }) => finds))).toEqual(new Set([true, false]))
})

test.each([
  [
    'an unknown key',
    ['containz: [abc]', TESTS],
    /own\.yaml:8:5 rules\[0\]\.containz: unknown key, did you mean `contains`/,
  ],
  ['a class that is none', ['class: magic', 'contains: [abc]', TESTS], /own\.yaml:8:5/],
  ['a word too short to look for', ['contains: [ab]', TESTS], /own\.yaml:8:16 rules\[0\]\.contains\[0\]/],
  [
    'a lookbehind',
    ['contains: [abc]', "pattern: '(?<=a)b'", TESTS],
    /own\.yaml:9:14 rules\[0\]\.pattern: cannot be used/,
  ],
  ['a backreference', ['contains: [abc]', "pattern: '(a)\\1'", TESTS], /own\.yaml:9:14 rules\[0\]\.pattern/],
  [
    'a name that is not there',
    ['contains: [abc]', 'condition: texts == "a"', TESTS],
    /own\.yaml:9:16 rules\[0\]\.condition/,
  ],
  ['a condition that gives a number', ['contains: [abc]', 'condition: size(text)', TESTS], /expected true or false/],
  ['a slow function', ['contains: [abc]', 'condition: text.matches("(a+)+b")', TESTS], /matches\(\) is not there/],
  [
    'no value that it finds',
    ['contains: [abc]', 'tests: [{ value: x, finds: false }]'],
    /own\.yaml:9:12 rules\[0\]\.tests/,
  ],
] as const)('%s is refused, with its place', (_, lines, message) => {
  expect(problemOf(lines)).toMatch(message)
})

test('a rule looks where it is told to, after what is taken off, and with all that it asks for', () => {
  const text = fileOf([
    'in: ["body:/a/*"]',
    'contains: ["run  it"]',
    "pattern: 'run\\s+it[0-9]'",
    'condition: layers.size() == 1',
    TESTS,
  ])
  const scanner = new PayloadScanner(compileRules(rulesOf(readRules(text, 'own.yaml')), new Counters()), new Counters())
  const found = (name: string, value: string) =>
    scanner.field({ place: 'json', name, key: '', value }).map(({ rule, class: of }) => `${of} ${rule}`)
  expect(found('body:/a/b', 'RUN%20it7')).toEqual([])
  expect(found('body:/a/b', 'run%20it7')).toEqual(['command own.one'])
  expect(found('body:/a/b', 'run it7')).toEqual([])
  expect(found('body:/b', 'run%20it7')).toEqual([])
  expect(found('body:/a/b', 'run%20itx')).toEqual([])
})

test('the rules of a file ask no more in one message than its budget, and what is left out is counted', () => {
  const counters = new Counters()
  const rules = rulesOf(readRules(fileOf(['contains: [abc]', 'pattern: x', TESTS]), 'own.yaml'))
  const scanner = new PayloadScanner(compileRules(rules, counters), counters)
  const head = {
    method: 'GET',
    target: `/?${Array.from({ length: 10 }, (_, i) => `a${i}=abc${i === 9 ? 'x' : ''}`).join('&')}`,
  }
  const asked = {
    ...head,
    status: 0,
    version: '1.1',
    latin1: false,
    headerCount: 0,
    header: () => null,
    headerAll: () => [],
    headers: () => [],
  }
  expect(scanner.request(asked, '')).toEqual([])
  expect(Object.fromEntries(counters.entries())['payload.rules_over_budget']).toBe(7)
  // The next message has a budget of its own.
  expect(scanner.request({ ...asked, target: '/?a=abcx' }, '')).toHaveLength(1)
})

test('a hostile value costs no more than its length', () => {
  const rules = rulesOf(readRules(fileOf(['contains: [aaa]', "pattern: '(a+)+b'", TESTS]), 'own.yaml'))
  const scanner = new PayloadScanner(compileRules(rules, new Counters()), new Counters())
  const started = performance.now()
  scanner.field({ place: 'query', name: 'query:q', key: 'q', value: 'a'.repeat(MAX_TEXT) })
  expect(performance.now() - started).toBeLessThan(1000)
})
