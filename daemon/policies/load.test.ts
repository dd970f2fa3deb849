import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fakeSignal } from '../../test/fake-signal.ts'
import type { FoldingRule } from '../incidents/rules.ts'
import { HOUR_US, MINUTE_US } from '../model/time.ts'
import { Counters } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { compilePolicies } from './compile.ts'
import { loadPolicies, type PolicySources, readShipped, shippedPolicies } from './load.ts'
import { policyJson } from './policy-json.ts'
import { readPolicy } from './read.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-policies-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const POLICY = `apiVersion: offpath.dev/v1
kind: Policy
metadata: {id: mine, title: Mine}
when: {detectors: [scan.probing]}
group: {by: [subject]}
`

const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const load = (given: PolicySources = {}) => loadPolicies({ folder, ...given })

/** The message of the one failure. */
function failure(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (!(error instanceof OffpathError)) throw error
    return `${error.code} ${error.at === undefined ? '' : `${error.at} `}${error.message}`
  }
  return 'no failure'
}

describe('a policy file', () => {
  const problems = (text: string) => failure(() => readPolicy(text, 'mine.yaml')).replace('OFFPATH_E_POLICY ', '')

  test('has everything else by default', () => {
    expect(readPolicy(POLICY, 'mine.yaml')).toEqual({
      apiVersion: 'offpath.dev/v1',
      kind: 'Policy',
      metadata: { id: 'mine', title: 'Mine', owner: null },
      when: { detectors: ['scan.probing'] },
      budget: { keysPerWeek: 100_000, falseIncidentsPerWeek: 1, onExceed: 'stage' },
      group: { by: ['subject'], joins: [], reopenWithin: '6h' },
      mode: 'simulate',
      overrides: {},
      respond: [],
      close: { autoAfter: '2h' },
      tests: [],
    })
  })

  test.each([
    ['an unknown key', `${POLICY}mod: stage\n`, 'mine.yaml:6:1 mod: unknown key, did you mean `mode`?'],
    [
      'a key of another place',
      `${POLICY}ttl: 5m\n`,
      /^mine.yaml:6:1 ttl: unknown key here, it belongs at `respond\[\].ttl`$|known here/,
    ],
    [
      'a detector that does not exist',
      POLICY.replace('scan.probing', 'scan.probng'),
      /^mine.yaml:4:20 when.detectors\[0\]: expected one of .*did you mean `scan.probing`\?$/,
    ],
    [
      'a detector of the future',
      POLICY.replace('scan.probing', 'smuggling.desync'),
      /when.detectors\[0\]: expected one of auth.bruteforce, .*scan.probing.*, found "smuggling.desync"/,
    ],
    [
      'a detector that stands twice',
      POLICY.replace('[scan.probing]', '[scan.probing, scan.probing]'),
      /^mine.yaml:4:19 when.detectors: expected each detector once/,
    ],
    ['no grouping', POLICY.replace(/group.*\n/, ''), /group: expected settings \(key: value\), and it is missing/],
    [
      'a time without a unit',
      `${POLICY}close: {autoAfter: 90}\n`,
      /mine.yaml:6:20 close.autoAfter: expected text, found 90/,
    ],
    [
      'a time too long',
      `${POLICY}close: {autoAfter: 400d}\n`,
      /^mine.yaml:6:20 close.autoAfter: expected a time such as 90s, 15m, 6h or 7d, 1s to 90d, found "400d"/,
    ],
    ['a wrong mode', `${POLICY}mode: enfroce\n`, /mode: expected one of .*did you mean `enforce`/],
    [
      'a condition that is wrong',
      `${POLICY.replace('[scan.probing]}', '[scan.probing], condition: \'signal.subjct.kind == "ip"\'}')}`,
      'mine.yaml:4:46 when.condition: No such key: subjct, at character 8 of `signal.subjct.kind == "ip"`',
    ],
    [
      'a case of severity that is wrong',
      `${POLICY}severity:\n  cases:\n    - {when: signal.p, is: high}\n`,
      'mine.yaml:8:14 severity.cases[0].when: gives double, expected true or false, at character 1 of `signal.p`',
    ],
    [
      'a key in severity that is wrong',
      `${POLICY}severity:\n  cases:\n    - {when: 'true', si: high}\n`,
      /severity.cases\[0\].si: unknown key, did you mean `is`\?/,
    ],
    [
      'two steps of one name',
      `${POLICY}respond:\n  - {id: a, action: webhook, target: ip, ttl: 5m}\n  - {id: a, action: webhook, target: ip, ttl: 5m}\n`,
      /respond: two steps have the same id/,
    ],
    [
      'a test of a step that is not there',
      `${POLICY}tests:\n  - {replay: x.jsonl, expect: {incidents: 1, actions: [ban]}}\n`,
      'mine.yaml:7:56 tests[0].expect.actions[0]: no step is called ban',
    ],
    ['a version of the future', POLICY.replace('/v1', '/v2'), /apiVersion: expected offpath.dev\/v1/],
    ['broken YAML', 'a: [', /mine.yaml:1:5 is no valid YAML/],
  ])('%s is refused with its place', (_, text, expected) => {
    const found = problems(text)
    if (typeof expected === 'string') expect(found).toBe(expected)
    else expect(found).toMatch(expected)
  })

  test('every problem is told at once', () => {
    const text = POLICY.replace('[subject]', '[subjct]').replace('title: Mine', 'titel: Mine')
    expect(problems(text).split('\n')).toHaveLength(4)
  })
})

describe('loadPolicies', () => {
  test('puts the own policies beside the shipped ones, by id', () => {
    write('mine.yaml', POLICY)
    write('.hidden.yaml', 'broken: [')
    write('notes.txt', 'not a policy')
    const { policies, rules } = load()
    const shipped = shippedPolicies().policies.map(({ id }) => id)
    expect(shipped).toContain('auth-bruteforce')
    expect(policies.map(({ id }) => id)).toEqual([...shipped, 'mine'].sort())
    expect(rules.map(({ policy }) => policy)).toEqual(policies.map(({ id }) => id))
    const own = policies.find(({ id }) => id === 'mine')
    expect(own).toMatchObject({ origin: join(folder, 'mine.yaml'), mode: 'simulate' })
    expect(policies.find(({ id }) => id === 'auth-bruteforce')!.origin).toBe('shipped auth-bruteforce.yaml')
  })

  test('an own policy replaces the shipped one of its id', () => {
    write('a.yaml', POLICY.replace('id: mine', 'id: scan-probing'))
    expect(load().policies.filter(({ id }) => id === 'scan-probing')).toMatchObject([{ title: 'Mine' }])
  })

  test('two own ones with one id are refused, with both files', () => {
    write('a.yaml', POLICY)
    write('b.yaml', POLICY)
    expect(failure(load)).toBe(
      `OFFPATH_E_POLICY ${join(folder, 'b.yaml')} metadata.id: mine is also the id of ${join(folder, 'a.yaml')}`,
    )
  })

  test('the problems of all files are told at once', () => {
    write('a.yaml', 'kind: Policy\n')
    write('b.yaml', `${POLICY}x: 1\n`)
    expect(failure(load)).toMatch(/a\.yaml[\s\S]*b\.yaml:6:1 x: unknown key/)
  })

  test('a folder that is not there is said so', () => {
    expect(failure(() => loadPolicies({ folder: join(folder, 'no') }))).toMatch(/^OFFPATH_E_POLICY .* does not exist$/)
  })

  test('a file that is a folder, or far too large, is an error and no crash', () => {
    mkdirSync(join(folder, 'x.yaml'))
    write('y.yaml', '#'.repeat(1024 * 1024 + 1))
    expect(failure(load)).toMatch(/x\.yaml cannot be read[\s\S]*y\.yaml is over 1 MiB/)
  })

  test('mode: the configuration goes before the environment, which goes before the file', () => {
    write('mine.yaml', `${POLICY}mode: stage\noverrides: {staging: enforce}\n`)
    const mode = (given: PolicySources) => load(given).policies.find(({ id }) => id === 'mine')!.mode
    expect(mode({})).toBe('stage')
    expect(mode({ environment: 'staging' })).toBe('enforce')
    expect(mode({ environment: 'production' })).toBe('stage')
    expect(mode({ environment: 'staging', modes: { mine: 'observe' } })).toBe('observe')
  })

  test('what the build has read of the shipped policies says the same as they do, also as JSON', () => {
    const read = readShipped()
    expect(Object.keys(read)).toHaveLength(shippedPolicies().documents.length)
    expect(JSON.parse(JSON.stringify(read))).toStrictEqual(read)
  })

  test('a shipped policy that the build has read is not read again, unless it was changed since', () => {
    const shipped = join(folder, 'policies')
    mkdirSync(shipped)
    write('policies/mine.yaml', POLICY)
    const file = readPolicy(POLICY.replace('title: Mine', 'title: As built'), 'mine.yaml')
    write('policies-read.json', JSON.stringify({ 'mine.yaml': { text: POLICY, file } }))
    const titles = () => loadPolicies({ shipped }).policies.map(({ title }) => title)
    expect(titles()).toEqual(['As built'])
    write('policies/mine.yaml', `${POLICY}mode: stage\n`)
    expect(titles()).toEqual(['Mine'])
  })

  test('a mode for a policy that is not there is refused', () => {
    expect(failure(() => load({ modes: { 'scan-prober': 'enforce' } }))).toBe(
      'OFFPATH_E_CONFIG policies.modes.scan-prober there is no policy scan-prober, did you mean scan-probing?',
    )
    expect(failure(() => load({ modes: { constructor: 'enforce' } as never }))).toMatch(/no policy constructor/)
  })
})

describe('compilePolicies', () => {
  const compile = (text: string, given: Parameters<typeof compilePolicies>[1] = {}) => {
    write('mine.yaml', text)
    // As another process gets them.
    const documents = structuredClone(load({ shipped: null }).documents)
    return compilePolicies(documents, given)
  }
  const rule = (text: string, given: Parameters<typeof compilePolicies>[1] = {}) => compile(text, given).rules[0]!
  const withWhen = (more: string) => POLICY.replace('[scan.probing]}', `[scan.probing], ${more}}`)

  test('the shipped rules are the ones that were built in', () => {
    const life = ({ maxLog10P, reopenWithinUs, autoCloseUs, title }: FoldingRule) => ({
      maxLog10P,
      reopenWithinUs,
      autoCloseUs,
      title,
    })
    const builtIn = ['auth-bruteforce', 'capture-blind', 'capture-silent', 'object-enumeration', 'scan-probing']
    const rules = shippedPolicies().rules.filter(({ policy }) => builtIn.includes(policy))
    expect(rules.map(life)).toEqual([
      { maxLog10P: -5, reopenWithinUs: 24 * HOUR_US, autoCloseUs: 6 * HOUR_US, title: 'Password guessing' },
      {
        maxLog10P: -2,
        reopenWithinUs: HOUR_US,
        autoCloseUs: HOUR_US / 4,
        title: 'The sensor misses part of the traffic',
      },
      {
        maxLog10P: -2,
        reopenWithinUs: HOUR_US,
        autoCloseUs: HOUR_US,
        title: 'A source of the sensor delivers nothing',
      },
      {
        maxLog10P: Math.log10(1 / 200_000),
        reopenWithinUs: 6 * HOUR_US,
        autoCloseUs: 2 * HOUR_US,
        title: 'Object enumeration',
      },
      { maxLog10P: -5, reopenWithinUs: 6 * HOUR_US, autoCloseUs: 2 * HOUR_US, title: 'Probing for hidden paths' },
    ])
    const evidence = { source: '203.0.113.9', source_kind: 'ip' }
    const guess = fakeSignal(0, { subject: { kind: 'user', value: 'hmac:ada' }, evidence })
    expect(rules.map((each) => each.keys(guess))).toEqual([
      ['api.shop.test user:hmac:ada', 'api.shop.test ip:203.0.113.9'],
      ['user:hmac:ada'],
      ['user:hmac:ada'],
      ['api.shop.test user:hmac:ada'],
      ['user:hmac:ada'],
    ])
    expect(rules[0]!.keys({ ...guess, evidence: {} })).toEqual(['api.shop.test user:hmac:ada'])
  })

  test('a signal without a source is told apart by its subject', () => {
    const { keys } = rule(POLICY.replace('[subject]', '[service, source], also: [source, detector]'))
    const evidence = { source: '203.0.113.9', source_kind: 'ip' }
    expect(keys(fakeSignal(0, { evidence }))).toEqual(['api.shop.test ip:203.0.113.9', 'ip:203.0.113.9 scan.probing'])
    const user = { kind: 'user', value: 'hmac:ada' }
    expect(keys(fakeSignal(0, { subject: user }))).toEqual(['api.shop.test user:hmac:ada'])
  })

  test('condition and unless', () => {
    const { accepts } = rule(
      withWhen(`condition: 'signal.service == "a"', unless: 'signal.principal.kind == "api_key"'`),
    )
    const key = { kind: 'api_key', id: 'hmac:k', display: '', via: 'header.x-api-key', app: null } as const
    expect(accepts(fakeSignal(0, { service: 'a' }))).toBe(true)
    expect(accepts(fakeSignal(0, { service: 'b' }))).toBe(false)
    expect(accepts(fakeSignal(0, { service: 'a', principal: key }))).toBe(false)
  })

  test('a condition that fails on a signal is not fulfilled, counted, and told once', () => {
    const counters = new Counters()
    const told: string[] = []
    const options = { counters, failed: (message: string) => told.push(message) }
    const wanted = rule(withWhen(`condition: 'signal.evidence.nothing > 1'`), options)
    const unwanted = rule(withWhen(`unless: 'signal.evidence.nothing > 1'`), options)
    for (let i = 0; i < 3; i++) {
      expect(wanted.accepts(fakeSignal(i))).toBe(false)
      expect(unwanted.accepts(fakeSignal(i))).toBe(true)
    }
    expect(counters.get('policies.condition_failed')).toBe(6)
    expect(told).toEqual([
      'policy mine: when.condition failed on a signal of scan.probing and counts as not fulfilled: No such key: nothing',
      'policy mine: when.unless failed on a signal of scan.probing and counts as not fulfilled: No such key: nothing',
    ])
  })

  test('severity: fixed, or the first case that is true', () => {
    expect(rule(`${POLICY}severity: critical\n`).severity(fakeSignal(0))).toBe('critical')
    const { severity } = rule(
      `${POLICY}severity:\n  cases:\n    - {when: signal.outcome.p_success > 0.5, is: critical}\n    - {when: signal.p < 0.0001, is: medium}\n`,
    )
    const success = { ...fakeSignal(0).outcome, pSuccess: 0.9 }
    expect(severity(fakeSignal(0, { outcome: success }))).toBe('critical')
    expect(severity(fakeSignal(0))).toBe('medium')
    expect(severity(fakeSignal(0, { pValue: 0.5, severity: 'low' }))).toBe('low')
  })

  test('steps of the response, in microseconds', () => {
    const text = `${POLICY}respond:\n  - {id: ban, action: edge, target: ip, ttl: 15m, revert: none}\n`
    expect(compile(text).policies[0]!.respond).toEqual([
      {
        id: 'ban',
        action: 'edge',
        target: 'ip',
        risk: 'low',
        ttlUs: 15 * MINUTE_US,
        repeat: { factor: 4, maxUs: 24 * HOUR_US, jitter: 0.1 },
        guard: { maxActive: 50, never: [], minSeverity: 'medium', maxCollateralPrincipals: 5 },
        revertible: false,
        approval: { expiresUs: 15 * MINUTE_US },
      },
    ])
  })

  test('as JSON for the API', () => {
    write('mine.yaml', withWhen(`condition: 'signal.p < 0.1', unless: 'signal.p < 0.01'`))
    expect(policyJson(load({ shipped: null }).documents[0]!)).toEqual({
      id: 'mine',
      title: 'Mine',
      owner: null,
      detectors: ['scan.probing'],
      mode: 'simulate',
      severity: null,
      condition: '(signal.p < 0.1) && !(signal.p < 0.01)',
      respond: [],
      origin: join(folder, 'mine.yaml'),
      max_log10_p: -5,
    })
  })
})
