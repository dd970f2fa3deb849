import { expect, test } from 'vitest'
import { DETECTOR_IDS } from '../analyzers/detector-ids.ts'
import { DAY_US, HOUR_US } from '../daemon/model/time.ts'
import { assault, INTENSITIES } from './attacks/attack.ts'
import { ATTACKS } from './attacks/registry.ts'
import type { Exchange } from './exchange.ts'
import { Lines } from './output/native.ts'
import { DEFAULT_START_US, type RunOptions, World } from './world.ts'

function run(seed: string, options: Partial<RunOptions> = {}): Exchange[] {
  const world = new World({ seed, users: 200 })
  const whole = { startUs: DEFAULT_START_US + DAY_US / 3, days: 1, rate: 20, assaults: [], most: 4000, ...options }
  return [...world.run(whole)]
}

function written(exchanges: readonly Exchange[]): string {
  const lines = new Lines('x')
  return exchanges.map((exchange) => Object.values(lines.of(exchange)).join('\n')).join('\n')
}

test('a seed makes the same bytes each time, and another seed makes others', () => {
  const first = written(run('a'))
  expect(written(run('a')) === first).toBe(true)
  expect(written(run('b')) === first).toBe(false)
})

test('exchanges come in the order in which they end, or start', () => {
  const byEnd = run('order').map(({ endUs }) => endUs)
  expect(byEnd).toEqual([...byEnd].sort((a, b) => a - b))
  const byStart = run('order', { order: 'start' }).map(({ startUs }) => startUs)
  expect(byStart).toEqual([...byStart].sort((a, b) => a - b))
})

test('a connection carries one exchange at a time', () => {
  const freeFrom = new Map<string, number>()
  for (const { peer, peerPort, server, startUs, endUs } of run('connections', { order: 'start' })) {
    const key = `${peer} ${peerPort} ${server}`
    expect(startUs).toBeGreaterThanOrEqual(freeFrom.get(key) ?? 0)
    freeFrom.set(key, endUs)
  }
})

test('the day is busier than the night, and the rate is kept over a week', () => {
  const hours = new Float64Array(24)
  const exchanges = run('week', { startUs: DEFAULT_START_US, days: 7, rate: 0.2, most: 1_000_000 })
  for (const { startUs } of exchanges) hours[Math.floor(startUs / (DAY_US / 24)) % 24]!++
  expect(hours[19]! / hours[3]!).toBeGreaterThan(3)
  expect(exchanges.length / (7 * 86_400 * 0.2)).toBeGreaterThan(0.75)
  expect(exchanges.length / (7 * 86_400 * 0.2)).toBeLessThan(1.3)
})

test('what a request says of its caller, truth says too', () => {
  const bySecret = new Map<string, string>()
  for (const { requestHeaders, truth } of run('truth')) {
    const value = requestHeaders.find(([name]) => name === 'Authorization')?.[1]
    if (value === undefined || !truth.known) continue
    expect(bySecret.get(value) ?? truth.actor).toBe(truth.actor)
    bySecret.set(value, truth.actor)
  }
  expect(bySecret.size).toBeGreaterThan(50)
})

test('every secret holds the mark of the world', () => {
  const world = new World({ seed: 'marks', users: 300 })
  const { mark } = world.secrets
  const options = { startUs: DEFAULT_START_US + DAY_US / 3, days: 1, rate: 20, assaults: [], most: 3000 }
  let passwords = 0
  for (const { requestBody, requestHeaders } of world.run(options)) {
    for (const [, password] of requestBody.matchAll(/password(?:":"|=)([^"&]+)/g)) {
      passwords++
      expect(password).toContain(mark)
    }
    const authorization = requestHeaders.find(([name]) => name === 'Authorization')?.[1] ?? ''
    const credentials = authorization.startsWith('Basic')
      ? Buffer.from(authorization.slice(6), 'base64')
      : authorization
    if (authorization !== '') expect(String(credentials)).toContain(mark)
  }
  expect(passwords).toBeGreaterThan(20)
})

test('there are ids of every kind, and more than a hundred operations are called in ten thousand requests', () => {
  const exchanges = run('breadth', { most: 10_000, rate: 200 })
  const operations = new Set(exchanges.map(({ truth }) => `${truth.service} ${truth.operation}`))
  expect(operations.size).toBeGreaterThan(130)
  const { resources } = new World({ seed: 'breadth', users: 10 }).estate
  expect(new Set([...resources.values()].map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(14)
})

/** Enough of an attack to know it by. */
const MOST = 1500
/** What happens to a service shows only in what others do meanwhile, or do not. */
const OF_SERVICES =
  /^(?:regression\.|property\.exposure|inventory\.drift\.retired|baseline\.model_changed|egress\.schema|twin\.(?:slow_dependency|new_fields))/

test.each(ATTACKS.flatMap(({ name }) => INTENSITIES.map((intensity) => [name, intensity] as const)))(
  '%s at %s happens, is labelled, and ends',
  (name, intensity) => {
    const attack = ATTACKS.find((each) => each.name === name)!
    const atUs = DEFAULT_START_US + DAY_US / 2
    const assaults = [assault(attack, intensity, 1, atUs)]
    const busy = OF_SERVICES.test(name)
    const days = busy ? 0.02 : 3 + attack.leastDays
    const options = { startUs: atUs, days, rate: busy ? 3 : 0.003 / days, assaults, most: MOST }
    const exchanges = run(name, options)
    const labelled = exchanges.filter(({ truth }) => truth.attack !== null || truth.twin !== null)
    const label = `${name}/${intensity}#1`
    if (name === 'regression.silence' || name === 'capture.silent') return expect(labelled).toEqual([])
    expect(labelled.length).toBeGreaterThan(0)
    expect(labelled.every(({ truth }) => (attack.detector === null ? truth.twin : truth.attack) === label)).toBe(true)
    if (exchanges.length < MOST) expect(labelled.at(-1)!.endUs).toBeLessThan(atUs + (days - 0.5) * DAY_US)
  },
)

test('every detector that an attack names is in the registry of ids, and a name stands once', () => {
  const ids = new Set<string>(DETECTOR_IDS)
  expect(ATTACKS.flatMap(({ detector }) => (detector === null || ids.has(detector) ? [] : [detector]))).toEqual([])
  expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length)
})

test('while a service is dark nobody gets an answer from it', () => {
  const attack = ATTACKS.find(({ name }) => name === 'regression.silence')!
  const atUs = DEFAULT_START_US + DAY_US / 2
  const assaults = [assault(attack, 'blatant', 1, atUs)]
  const options = { startUs: atUs - HOUR_US, days: 0.2, rate: 5, assaults, most: 1_000_000 }
  const called = (from: number, until: number, exchanges: readonly Exchange[]) =>
    new Set(exchanges.flatMap(({ startUs, truth }) => (startUs >= from && startUs < until ? [truth.service] : [])))
  const exchanges = run('dark', options)
  const before = called(0, atUs, exchanges)
  const during = called(atUs, atUs + 3 * HOUR_US, exchanges)
  expect([...before].filter((service) => !during.has(service))).toHaveLength(1)
})

test('while a tap is unplugged nothing passes it, not even what no service knows', () => {
  const named = (name: string) => ATTACKS.find((each) => each.name === name)!
  const atUs = DEFAULT_START_US + DAY_US / 2
  const assaults = [
    ...INTENSITIES.map((intensity, i) => assault(named('scan.probing'), intensity, i, atUs - HOUR_US / 20)),
    assault(named('capture.silent'), 'blatant', 1, atUs),
  ]
  const exchanges = run('tap', { startUs: atUs - HOUR_US, days: 0.06, rate: 5, assaults, most: 1_000_000 })
  const seen = (from: number, until: number) =>
    new Set(exchanges.flatMap(({ startUs, mirror }) => (startUs >= from && startUs < until ? [mirror] : [])))
  expect(seen(0, atUs).size).toBe(2)
  expect(seen(atUs, atUs + HOUR_US / 4).size).toBe(1)
})
