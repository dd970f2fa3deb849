import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { detectorOptions } from '../../daemon/config/schema.ts'
import { type Attack, plantAttacks } from '../../demo/attacks.ts'
import type { Script } from '../../demo/behaviour.ts'
import { demoConfig, SHIPPED_SEED } from '../../demo/demo.ts'
import { playScene, type SceneReport } from '../../demo/live.ts'
import { readRecordedScene } from '../../demo/recorded-scene.ts'
import { RouteTable } from '../../demo/routes.ts'
import { SampleApi, serveSampleApi } from '../../demo/sample-api.ts'
import { Devices, visitsOfScene } from '../../demo/visits.ts'
import { createWorld, withRole } from '../../demo/world.ts'

const demoFolder = join(import.meta.dirname, '../../demo')
const never = new AbortController().signal

describe('the sample API over HTTP', () => {
  const world = createWorld('1')
  const [customer, other] = withRole(world, 'customer') as [
    (typeof world.callers)[number],
    (typeof world.callers)[number],
  ]
  let base = ''
  let stop: () => Promise<void> = async () => undefined
  let token = ''

  const post = (path: string, body: object) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  const get = (path: string, bearer = token) =>
    fetch(`${base}${path}`, { headers: { authorization: `Bearer ${bearer}` } })

  beforeAll(async () => {
    const api = await serveSampleApi(new SampleApi(world))
    base = `http://127.0.0.1:${api.port}`
    stop = api.close
    const answer = await post('/v1/login', { email: customer.email, password: customer.password })
    token = ((await answer.json()) as { access_token: string }).access_token
  })
  afterAll(() => stop())

  test('refuses a wrong password and a made-up token', async () => {
    expect((await post('/v1/login', { email: customer.email, password: 'wrong' })).status).toBe(401)
    expect((await get('/v1/me', 'eyJhbGciOiJub25lIn0.e30.')).status).toBe(401)
    const [head, , mac] = token.split('.')
    const forged = Buffer.from(JSON.stringify({ sub: other.sub, exp: 9e9 })).toString('base64url')
    expect((await get('/v1/me', `${head}.${forged}.${mac}`)).status).toBe(401)
  })

  test('hands out orders of others, its deliberate fault, but not their invoices', async () => {
    const foreign = [...world.orders].find(([, owner]) => owner === other.sub)![0]
    expect((await get(`/v1/orders/${foreign}`)).status).toBe(200)
    expect((await get(`/v1/orders/${foreign}/invoice`)).status).toBe(403)
    expect((await get('/v1/orders/1')).status).toBe(404)
    expect((await get(`/v1/support/customers/${other.sub.slice(2)}`)).status).toBe(403)
  })

  test('knows no route it does not have, and survives what is no request of its own', async () => {
    expect((await get('/v1/recommendations')).status).toBe(404)
    expect((await get('/.env')).status).toBe(404)
    expect((await fetch(`${base}/v1/login`, { method: 'POST', body: '{"email":' })).status).toBe(422)
    expect((await fetch(`${base}/v1/login`, { method: 'POST', body: 'null' })).status).toBe(422)
    expect((await get('/v1/orders?page=-7')).status).toBe(200)
  })
})

describe('two seconds of the scene over sockets', () => {
  let report: SceneReport | null = null
  const lengthMs = 2_000

  beforeAll(async () => {
    const world = createWorld('9', { v1: 'api' })
    const api = await serveSampleApi(new SampleApi(world))
    const attacks = plantAttacks(world).map((attack) => ({ ...attack, startMs: 100 }))
    report = await playScene({ world, port: api.port, attacks, lengthMs, stop: never })
    await api.close()
  })

  test('ends on time with every request answered', () => {
    expect(report!.endedMs - report!.startedMs).toBeLessThan(lengthMs + 3_000)
    expect(report!.failed).toBe(0)
    expect(report!.requests).toBeGreaterThan(50)
  })

  test('says when each attack ran', () => {
    for (const run of report!.attacks) {
      expect(run.requests).toBeGreaterThan(0)
      expect(run.firstMs).toBeGreaterThanOrEqual(report!.startedMs)
      expect(run.lastMs).toBeLessThanOrEqual(report!.endedMs)
    }
  })
})

describe.each(['1', '2', '31'])('the attacks of seed %s', (seed) => {
  const attacks = plantAttacks(createWorld(seed))

  test('are two of each kind, each with attackers, and each attacker in one attack only', () => {
    const ids = ['auth.bruteforce', 'object.enumeration', 'scan.probing']
    expect(DETECTORS.map(({ id }) => id)).toEqual(expect.arrayContaining(ids))
    // Whose the orders are may be told before how they are read.
    expect(attacks.map(({ detectors }) => detectors[0]).sort()).toEqual(ids.flatMap((id) => [id, id]).sort())
    const attackers = attacks.flatMap((attack) => attack.attackers.map(({ value }) => value))
    expect(new Set(attackers).size).toBe(attackers.length)
  })

  test('get what attackers of their kind get', () => {
    const statuses = new Map(attacks.map((attack) => [attack.name, playAlone(seed, attack)]))
    expect(statuses.get('guess')).toEqual(new Set([401]))
    expect(statuses.get('guess-spread')).toEqual(new Set([401]))
    expect(statuses.get('enumerate')).toContain(200)
    expect(statuses.get('enumerate-slow')).toContain(403)
    expect(statuses.get('probe')).toEqual(new Set([404]))
    expect(statuses.get('probe-slow')).toEqual(new Set([200, 404]))
  })
})

test('the benign callers of the scene are none of the attackers', () => {
  const world = createWorld('1')
  const bad = new Set(plantAttacks(world).flatMap((attack) => attack.attackers.map(({ value }) => value)))
  const visits = visitsOfScene(world, new Devices(0), 24_000, bad)
  expect(visits.length).toBeGreaterThan(100)
  expect(visits.filter((visit) => bad.has(visit.caller.sub) || bad.has(visit.caller.address))).toEqual([])
})

test('the demo runs with the defaults that ship, but for where it reads, keeps and tells', () => {
  const place = { folder: '/nowhere', receiver: 'http://127.0.0.1:1/' }
  const demo = demoConfig([{ kind: 'pcap', interface: 'lo', filter: 'tcp port 1' }], place)
  const shipped = effectiveConfig(CONFIG_SCHEMA, null).config
  const { sources, sinks, server, state } = shipped
  expect({ ...demo, sources, sinks: { ...demo.sinks, webhook: [] }, server, state }).toEqual({ ...shipped, sinks })
  expect(demo.sources).toMatchObject([{ kind: 'pcap', interface: 'lo' }])
  for (const { id, options } of DETECTORS) expect(detectorOptions(demo, id)).toEqual(options.parse({}))
})

test('the recorded scene is shipped, small, and tells the attacks of its world', async () => {
  const scene = await readRecordedScene(join(demoFolder, 'scene.json.gz'))
  expect(existsSync(join(demoFolder, 'scene.pcap.gz'))).toBe(true)
  expect(statSync(join(demoFolder, 'scene.pcap.gz')).size).toBeLessThan(1_000_000)
  expect(scene.seed).toBe(SHIPPED_SEED)
  const planted = plantAttacks(createWorld(scene.seed))
  expect(scene.attacks.map(({ name }) => name)).toEqual(planted.map(({ name }) => name))
})

test('renaming two routes onto one path is refused', () => {
  expect(() => new RouteTable({ refresh: 'login' })).toThrow('share one path')
})

/** Every status an attack gets, played against a fresh API without waiting. */
function playAlone(seed: string, attack: Attack): Set<number> {
  const api = new SampleApi(createWorld(seed))
  const statuses = new Set<number>()
  const nowMs = Date.UTC(2026, 0, 1)
  const play = (script: Script): void => {
    let step = script.next()
    for (let i = 0; i < 1_000 && step.done !== true; i++) {
      const answer = api.handle(step.value.call, nowMs)
      if (answer.status !== 503) statuses.add(answer.status)
      step = script.next({ ...answer, atMs: nowMs })
    }
  }
  for (const script of attack.scripts) play(script)
  return statuses
}
