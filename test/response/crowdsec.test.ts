import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DurableMap } from '../../daemon/durable/durable-map.ts'
import type { Action } from '../../daemon/model/action.ts'
import type { Policy } from '../../daemon/policies/policy.ts'
import type { RecipeConnector } from '../../daemon/response/recipes/connector.ts'
import { loadConnectors } from '../../daemon/response/recipes/load.ts'
import { Response } from '../../daemon/response/response.ts'
import { CrowdsecServer, whyNoCrowdsec } from './crowdsec-server.ts'
import { change, incident, policy, quietLogger, step } from './harness.ts'

const why = whyNoCrowdsec
describe.skipIf(why !== null)(`bans through a real CrowdSec${why === null ? '' : ` (${why})`}`, () => {
  let server: CrowdsecServer
  let folder = ''
  let map: DurableMap<Action>
  let connectors: Map<string, RecipeConnector>
  let response: Response
  let policies: Policy[] = []
  /** Seconds that the host's clock is ahead of the real one. */
  let ahead = 0
  const nowMs = () => Date.now() + ahead * 1000

  beforeAll(async () => {
    server = await CrowdsecServer.create()
  })
  afterAll(() => server?.close())

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'offpath-response-'))
    ahead = 0
    policies = [policy('enforce', [step({ action: 'crowdsec' })])]
    await open()
  })
  afterEach(async () => {
    await end()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(never: readonly string[] = [], password = server.password): Promise<void> {
    map = await DurableMap.open<Action>(join(folder, 'actions'))
    const settings = {
      recipe: 'crowdsec',
      params: { url: server.url },
      secret_env: { password: 'CROWDSEC_PASSWORD' },
      secret_file: {},
    }
    const env = { CROWDSEC_PASSWORD: password }
    connectors = await loadConnectors({ crowdsec: settings }, { env, folder, nowMs })
    response = new Response({
      actions: map,
      connectors,
      policies: () => policies,
      guards: { never, maxActive: 50 },
      onChange: () => undefined,
      nowMs,
      random: () => 0.5,
      logger: quietLogger(),
    })
    await response.start()
    await response.idle()
  }

  async function end(): Promise<void> {
    await response.close()
    await map.close()
    await Promise.all([...connectors.values()].map((connector) => connector.close()))
  }

  async function see(address: string): Promise<void> {
    await response.consider(change(incident([address]), 'opened'))
    await response.idle()
  }

  async function tick(): Promise<void> {
    await response.tick(nowMs())
    await response.idle()
  }

  test.each([
    ['203.0.113.9', 'Ip', '203.0.113.9'],
    ['2001:db8:1:2::/64', 'Range', '2001:db8:1:2::99'],
  ])('%s is banned, and free again when the lease is over', async (target, scope, caller) => {
    await see(target)
    expect(response.list()[0]).toMatchObject({ state: 'applied', error: null })
    const [ban, ...more] = await server.decisions(caller)
    expect(more).toEqual([])
    expect(ban).toMatchObject({
      value: target,
      scope,
      type: 'ban',
      origin: 'offpath',
      scenario: 'offpath/bruteforce/ban',
    })
    expect(ban!.duration).toMatch(/^14m\d/)
    ahead = 901
    await tick()
    expect(response.list()[0]!.state).toBe('reverted')
    expect(await server.decisions(caller)).toEqual([])
  })

  test('a ban whose lease ends while Offpath is down is taken back at the next start', async () => {
    await see('203.0.113.20')
    expect(await server.decisions('203.0.113.20')).toHaveLength(1)
    await end()
    ahead = 7200
    await open()
    expect(response.list()[0]!.state).toBe('reverted')
    expect(await server.decisions('203.0.113.20')).toEqual([])
  })

  test('a ban outlives a process that is killed, and is taken back by the next one', async () => {
    await end()
    const root = join(import.meta.dirname, '../..')
    // In the folder of the packages, so that it finds them.
    const bundle = join(mkdtempSync(join(root, 'node_modules/.cache/offpath-')), 'child.mjs')
    const entryPoints = [join(import.meta.dirname, 'killed-child.ts')]
    await build({ entryPoints, outfile: bundle, bundle: true, platform: 'node', format: 'esm', packages: 'external' })
    const child = spawn(process.execPath, [bundle, folder, server.url, join(root, 'recipes'), '203.0.113.25'], {
      env: { ...process.env, CROWDSEC_PASSWORD: server.password },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    for await (const text of child.stdout) if (String(text).includes('applied')) break
    child.kill('SIGKILL')
    await exit
    rmSync(dirname(bundle), { recursive: true, force: true })
    expect(await server.decisions('203.0.113.25')).toHaveLength(1)
    await open()
    expect(response.list()[0]!.state).toBe('applied')
    ahead = 901
    await tick()
    expect(response.list()[0]!.state).toBe('reverted')
    expect(await server.decisions('203.0.113.25')).toEqual([])
  })

  test('a ban is taken back also after CrowdSec itself was down, and its session with it', async () => {
    await see('203.0.113.30')
    await server.stop()
    ahead = 901
    await tick()
    expect(response.list()[0]).toMatchObject({ state: 'reverting', error: 'crowdsec: ECONNREFUSED' })
    await server.start()
    ahead = 903
    await tick()
    expect(response.list()[0]!.state).toBe('reverted')
    expect(await server.decisions('203.0.113.30')).toEqual([])
  })

  test('taking one back leaves the bans of others and of other steps', async () => {
    policies = [
      policy('enforce', [step({ action: 'crowdsec' }), step({ id: 'long', action: 'crowdsec', ttlUs: 7200e6 })]),
    ]
    await see('203.0.113.40')
    // Its database may be busy with the other ban: then the second is tried again.
    const allApplied = () => response.list().every(({ state }) => state === 'applied')
    for (let round = 0; round < 20 && !allApplied(); round++) {
      await sleep(300)
      await tick()
    }
    const scenarios = async () => [...new Set((await server.decisions('203.0.113.40')).map(({ scenario }) => scenario))]
    expect(await scenarios()).toHaveLength(2)
    ahead = 901
    await tick()
    expect(await scenarios()).toEqual(['offpath/bruteforce/long'])
    ahead = 7201
    await tick()
    expect(await server.decisions('203.0.113.40')).toEqual([])
  })

  test('a target on a never list and a rehearsal reach nobody', async () => {
    await end()
    await open(['cidr:203.0.113.0/24'])
    await see('203.0.113.50')
    expect(response.list()[0]!.state).toBe('refused')
    policies = [policy('simulate', [step({ action: 'crowdsec' })])]
    await see('198.51.100.50')
    expect(response.list()[0]).toMatchObject({ state: 'applied', simulated: true })
    expect(await server.decisions('203.0.113.50')).toEqual([])
    expect(await server.decisions('198.51.100.50')).toEqual([])
  })

  test('a wrong password is told without being shown', async () => {
    await end()
    await open([], 'not the password')
    await see('203.0.113.60')
    const action = response.list()[0]!
    expect(action.state).toBe('failed')
    expect(action.error).toMatch(/^crowdsec: login: status 401/)
    expect(JSON.stringify(action)).not.toContain('not the password')
    expect(await server.decisions('203.0.113.60')).toEqual([])
  })
})
