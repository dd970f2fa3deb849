import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  CrashingMap,
  change,
  DOWN,
  FORBIDDEN,
  incident,
  LOST,
  policy,
  quietLogger,
  Receiver,
  START_MS,
  step,
} from '../../test/response/harness.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { Action, Selector } from '../model/action.ts'
import type { Policy } from '../policies/policy.ts'
import type { ActionMap } from './action-book.ts'
import type { Blast } from './guards.ts'
import { Response } from './response.ts'

let map: CrashingMap
let now = START_MS
let policies: Policy[] = []
let receiver: Receiver
let response: Response
let told: string[] = []
let records: Record<string, unknown>[] = []

beforeEach(async () => {
  map = new CrashingMap()
  now = START_MS
  receiver = new Receiver()
  told = []
  records = []
  await open()
})
afterEach(() => response.close())

interface Settings {
  actions?: ActionMap
  never?: string[]
  maxActive?: number
  blast?: (selector: Selector) => Promise<Blast>
  random?: number
}

async function open({ actions = map, never = [], maxActive = 50, blast, random = 0.5 }: Settings = {}): Promise<void> {
  response = new Response({
    actions,
    connectors: new Map([['edge', receiver]]),
    policies: () => policies,
    guards: { never, maxActive },
    ...(blast === undefined ? {} : { blast }),
    onChange: (action) => told.push(`${action.target.value} ${action.state}`),
    nowMs: () => now,
    random: () => random,
    logger: quietLogger(records),
  })
  await response.start()
}

async function reopen(settings: Settings = {}): Promise<void> {
  await response.close()
  map = map.crash()
  await open(settings)
}

async function at(seconds: number): Promise<void> {
  now = START_MS + seconds * 1000
  await response.tick(now)
  await response.idle()
}

async function see(...args: Parameters<typeof change>): Promise<void> {
  await response.consider(change(...args))
  await response.idle()
}

/** Long enough for a try to be saved and sent. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}
const states = () => response.list().map(({ target, state }) => `${target.value} ${state}`)
const lastWhy = () => response.list()[0]!.history.at(-1)!.why

describe('a lease', () => {
  test('begins with the incident and is taken back when it is over', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']), 'opened')
    expect(receiver.calls).toEqual(['apply 203.0.113.9'])
    expect(response.list()[0]).toMatchObject({
      state: 'applied',
      receipt: { id: '7' },
      leaseUntilMs: START_MS + 900_000,
    })
    await at(899)
    expect(states()).toEqual(['203.0.113.9 applied'])
    await at(900)
    expect(states()).toEqual(['203.0.113.9 reverted'])
    expect(receiver.calls).toEqual(['apply 203.0.113.9', 'revert 203.0.113.9'])
    expect(told).toEqual(['dispatched', 'applied', 'reverting', 'reverted'].map((state) => `203.0.113.9 ${state}`))
  })

  test('that ended while the process was down is taken back at the start', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']))
    now += 3_600_000
    await reopen()
    await response.idle()
    expect(states()).toEqual(['203.0.113.9 reverted'])
    expect(receiver.calls.at(-1)).toBe('revert 203.0.113.9')
  })

  test('is taken back until that is confirmed, quickly first and then each minute, with an alarm', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']))
    receiver.revertAnswer = () => DOWN
    for (let second = 900; second <= 900 + 44 + 180; second++) await at(second)
    expect(receiver.calls.filter((call) => call.startsWith('revert')).length).toBe(5 + 3)
    expect(states()).toEqual(['203.0.113.9 reverting'])
    expect(records.filter(({ msg }) => msg === 'an action cannot be taken back; it is tried on').length).toBe(1)
    receiver.revertAnswer = () => ({ ok: true, receipt: {} })
    await at(900 + 44 + 240)
    expect(states()).toEqual(['203.0.113.9 reverted'])
  })

  test('is longer for a repeat, up to the most, and jittered', async () => {
    policies = [policy('enforce', [step({ repeat: { factor: 4, maxUs: 7200e6, jitter: 0.1 } })])]
    const leases: number[] = []
    for (let round = 0; round < 4; round++) {
      await see(incident(['203.0.113.9'], { id: `incident-${round}` }), 'opened')
      const [action] = response.list()
      leases.push(action!.ttlMs / 1000)
      await at((now - START_MS) / 1000 + action!.ttlMs / 1000)
      now += 1000
    }
    expect(leases).toEqual([900, 3600, 7200, 7200])
    // More than 30 days later it is a first time again.
    now += 31 * 86_400_000
    await reopen({ random: 0 })
    await see(incident(['203.0.113.9'], { id: 'incident-late' }), 'opened')
    expect(response.list()[0]!.ttlMs).toBe(810_000)
  })

  test('of a clock that went back is no longer than it was given for', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']))
    await at(-86_400)
    await at(-86_400 + 900)
    expect(states()).toEqual(['203.0.113.9 reverted'])
  })
})

describe('an incident', () => {
  test('that is updated acts only on what is new', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']), 'opened')
    await see(incident(['203.0.113.9', '203.0.113.10', '2001:db8::/64']))
    await see(incident(['203.0.113.9', '::ffff:203.0.113.10', '2001:DB8:0::/64']))
    expect(receiver.calls).toEqual(['apply 203.0.113.9', 'apply 203.0.113.10', 'apply 2001:db8::/64'])
  })

  test('that grows graver triggers the steps that wait for it', async () => {
    const guard = { ...step().guard, minSeverity: 'critical' as const }
    policies = [policy('enforce', [step({ guard })])]
    await see(incident(['203.0.113.9']), 'opened')
    expect(response.list()).toEqual([])
    await see(incident(['203.0.113.9'], { severity: 'critical' }))
    expect(states()).toEqual(['203.0.113.9 applied'])
  })

  test('that goes on after the lease acts again, with a longer one; one that does not, does not', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']), 'opened')
    await at(900)
    await see(incident(['203.0.113.9'], { updatedAt: (START_MS + 890_000) * 1000 }))
    expect(states()).toEqual(['203.0.113.9 reverted'])
    await see(incident(['203.0.113.9'], { updatedAt: (START_MS + 910_000) * 1000 }))
    expect(response.list()[0]).toMatchObject({ state: 'applied', ttlMs: 3_600_000 })
    const keys = response.list().map(({ idempotencyKey }) => idempotencyKey)
    expect(new Set(keys).size).toBe(2)
  })

  test('closed as no attack ends what was done about it', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9']), 'opened')
    await see(incident(['203.0.113.9'], { status: 'false' }), 'closed')
    expect(states()).toEqual(['203.0.113.9 reverted'])
  })

  test('shows what is done about it', async () => {
    policies = [policy('enforce')]
    const about = incident(['203.0.113.9', '203.0.113.10'])
    expect(response.standing(about)).toEqual({ actions: [], simulated: false, contained: false })
    receiver.applyAnswer = ({ action }) => (action.target.value.endsWith('10') ? DOWN : { ok: true, receipt: {} })
    await see(about)
    expect(response.standing(about).contained).toBe(false)
    receiver.applyAnswer = () => ({ ok: true, receipt: {} })
    await at(1)
    expect(response.standing(about)).toMatchObject({ simulated: false, contained: true })
    expect(response.standing(about).actions.length).toBe(2)
    await at(900)
    expect(response.standing(about).contained).toBe(false)
  })

  test('is acted on once although two incidents name the same target', async () => {
    policies = [policy('enforce')]
    await Promise.all([
      response.consider(change(incident(['203.0.113.9']))),
      response.consider(change(incident(['203.0.113.9'], { id: 'incident-2' }))),
    ])
    await response.idle()
    expect(receiver.calls).toEqual(['apply 203.0.113.9'])
  })
})

describe('modes', () => {
  test('observe does nothing', async () => {
    policies = [policy('observe')]
    await see(incident(['203.0.113.9']))
    expect(response.list()).toEqual([])
  })

  test('simulate goes the whole way and calls nobody', async () => {
    policies = [policy('simulate')]
    await see(incident(['203.0.113.9'], { doubts: ['one_sided'] }))
    expect(states()).toEqual(['203.0.113.9 applied'])
    expect(response.list()[0]!.history[1]!.why).toContain('would be refused')
    expect(response.standing(incident(['203.0.113.9']))).toMatchObject({ simulated: true, contained: false })
    await at(900)
    expect(states()).toEqual(['203.0.113.9 reverted'])
    expect(response.list()[0]!.simulated).toBe(true)
    expect(receiver.calls).toEqual([])
  })

  test('stage, a high risk and what cannot be taken back wait for a person', async () => {
    for (const [mode, over] of [
      ['stage', {}],
      ['enforce', { risk: 'high' }],
      ['enforce', { revertible: false }],
    ] as const) {
      policies = [policy(mode, [step(over)])]
      await see(incident([`203.0.113.${told.length}`], { id: `incident-${told.length}` }))
      expect(response.list({ live: true }).map(({ state }) => state)).toContain('awaiting_approval')
      now += 1000
    }
    expect(response.counts().awaitingApproval).toBe(3)
    expect(receiver.calls).toEqual([])
  })
})

describe('a person', () => {
  const by = { who: 'kim', reason: 'looks right' }
  beforeEach(async () => {
    policies = [policy('stage')]
    await see(incident(['203.0.113.9']))
  })
  const id = () => response.list()[0]!.id

  test('approves once; the lease begins then', async () => {
    await at(300)
    await response.approve(id(), by)
    await response.idle()
    expect(response.get(id())).toMatchObject({ state: 'applied', leaseUntilMs: START_MS + 1_200_000 })
    expect(response.get(id())!.history[2]!.why).toBe('approved by kim: looks right')
    await expect(response.approve(id(), by)).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
    await expect(response.deny(id(), by)).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
    await expect(response.approve('nothing', by)).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
    expect(receiver.calls).toEqual(['apply 203.0.113.9'])
  })

  test('denies for this incident, whatever comes', async () => {
    await response.deny(id(), by)
    await see(incident(['203.0.113.9'], { updatedAt: (START_MS + 9e9) * 1000 }), 'opened')
    expect(states()).toEqual(['203.0.113.9 refused'])
  })

  test('is too late after the time to decide', async () => {
    now += 600_000
    await expect(response.approve(id(), by)).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
    await at(600)
    expect(states()).toEqual(['203.0.113.9 expired'])
    expect(receiver.calls).toEqual([])
  })

  test('cannot approve what the guards refuse by now', async () => {
    await response.protect([])
    policies = [policy('stage', [step({ guard: { ...step().guard, never: ['cidr:203.0.113.0/24'] } })])]
    await expect(response.approve(id(), by)).rejects.toThrow('guard never')
    expect(states()).toEqual(['203.0.113.9 refused'])
  })

  test('ends an action before its time', async () => {
    await response.approve(id(), by)
    await response.idle()
    await response.revert(id(), { who: 'kim', reason: '' })
    await response.idle()
    expect(states()).toEqual(['203.0.113.9 reverted'])
    await expect(response.revert(id(), by)).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  })
})

describe('guards', () => {
  test('never lists hold for addresses, blocks and names, and in rehearsals', async () => {
    await reopen({ never: ['cidr:10.0.0.0/8', 'user:u_17'] })
    const own = step({ guard: { ...step().guard, never: ['ip:203.0.113.9'] } })
    for (const mode of ['simulate', 'enforce'] as const) {
      policies = [policy(mode, [own, step({ id: 'lock', target: 'principal' })])]
      const about = incident(['10.1.2.3', '203.0.113.9', '::ffff:10.1.2.4', '198.51.100.1'], { id: mode })
      await see({
        ...about,
        targets: [...about.targets, { kind: 'user', value: 'u_17' }, { kind: 'user', value: 'u_1' }],
      })
      expect(
        response
          .list({ incident: mode })
          .map(({ target, state }) => `${target.value} ${state}`)
          .sort(),
      ).toEqual([
        '10.1.2.3 refused',
        '10.1.2.4 refused',
        '198.51.100.1 applied',
        '203.0.113.9 refused',
        'u_1 applied',
        'u_17 refused',
      ])
    }
    expect(receiver.calls).toEqual(['apply 198.51.100.1', 'apply u_1'])
  })

  test('a never list that cannot be read holds everything back', async () => {
    policies = [policy('enforce', [step({ guard: { ...step().guard, never: ['cidr:10.0.0.0/99'] } })])]
    await see(incident(['203.0.113.9']))
    expect(lastWhy()).toContain('is no entry of a never list')
  })

  test('an entry that is added ends what is live under it', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9', '198.51.100.1']))
    const ended = await response.protect(['cidr:203.0.113.0/24'])
    await response.idle()
    expect(ended.map(({ target }) => target.value)).toEqual(['203.0.113.9'])
    expect(states().sort()).toEqual(['198.51.100.1 applied', '203.0.113.9 reverted'])
    await see(incident(['203.0.113.9'], { id: 'incident-2' }))
    expect(response.list({ incident: 'incident-2' })[0]!.state).toBe('refused')
    expect((await response.release({ kind: 'ip', value: '198.51.100.1' })).length).toBe(1)
  })

  test('live actions are bounded by step and in all, and the numbers are told', async () => {
    await reopen({ maxActive: 3 })
    policies = [policy('enforce', [step({ guard: { ...step().guard, maxActive: 2 } }), step({ id: 'other' })])]
    await see(incident(['203.0.113.1', '203.0.113.2', '203.0.113.3']))
    const refused = response.list().filter(({ state }) => state === 'refused')
    expect(refused.map((action) => action.history.at(-1)!.why).sort()).toEqual([
      'guard maxActive: 2 of 2 actions of step ban are live',
      'guard max_active: 3 of 3 actions are live',
      'guard max_active: 3 of 3 actions are live',
    ])
    expect(receiver.calls.length).toBe(3)
  })

  test('evidence in doubt enforces nothing', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9'], { doubts: ['forwarded.default'] }))
    expect(states()).toEqual(['203.0.113.9 refused'])
    expect(lastWhy()).toContain('forwarded.default')
    expect(receiver.calls).toEqual([])
  })

  test('what a blind sensor saw waits for a person, and is not refused', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9'], { doubts: ['blind'] }))
    expect(states()).toEqual(['203.0.113.9 awaiting_approval'])
    expect(lastWhy()).toContain('missed part of the traffic')
    expect(receiver.calls).toEqual([])
  })

  test('an address that several people share is acted on by a person only', async () => {
    policies = [policy('enforce')]
    await see(incident(['203.0.113.9'], { doubts: ['shared_address'] }))
    expect(states()).toEqual(['203.0.113.9 awaiting_approval'])
    expect(lastWhy()).toContain('several people')
    expect(receiver.calls).toEqual([])
  })

  test('too much collateral is refused, unknown collateral waits for a person', async () => {
    policies = [policy('enforce', [step({ guard: { ...step().guard, maxCollateralPrincipals: 5 } })])]
    const known: Record<string, Blast | Error> = {
      '203.0.113.1': { principals: 5 },
      '203.0.113.2': { principals: 6 },
      '203.0.113.3': null,
      '203.0.113.4': new Error('the store is down'),
    }
    await reopen({
      blast: async ({ value }) => {
        const answer = known[value]!
        if (answer instanceof Error) throw answer
        return answer
      },
    })
    await see(incident(Object.keys(known)))
    expect(states().sort()).toEqual([
      '203.0.113.1 applied',
      '203.0.113.2 refused',
      '203.0.113.3 awaiting_approval',
      '203.0.113.4 awaiting_approval',
    ])
    await reopen()
    await see(incident(['198.51.100.1'], { id: 'incident-2' }))
    expect(response.list({ incident: 'incident-2' })[0]!.state).toBe('awaiting_approval')
  })

  test('a connector that is not there, or does not take such a target, is told', async () => {
    policies = [policy('enforce', [step({ action: 'nobody' }), step({ id: 'all', target: 'service' })])]
    await see(incident(['203.0.113.9']))
    expect(
      response
        .list()
        .map(({ history }) => history.at(-1)!.why)
        .sort(),
    ).toEqual([
      'guard connector: edge takes ip, cidr, user, not service',
      'guard connector: there is no connector nobody',
    ])
  })
})

describe('a receiver', () => {
  test('that is down is tried on the ladder with one key, then the action has failed, loudly', async () => {
    policies = [policy('enforce')]
    const tries: number[] = []
    const keys = new Set<string>()
    receiver.applyAnswer = ({ action }) => {
      tries.push((now - START_MS) / 1000)
      keys.add(action.idempotencyKey)
      return DOWN
    }
    await see(incident(['203.0.113.9']))
    for (let second = 1; second < 120; second++) await at(second)
    expect(tries).toEqual([0, 1, 4, 14, 44])
    expect(keys.size).toBe(1)
    expect(states()).toEqual(['203.0.113.9 failed'])
    expect(
      records.some(({ msg, level }) => level === 'error' && msg === 'an action failed; the target is not held'),
    ).toBe(true)
    expect(receiver.calls.every((call) => call.startsWith('apply'))).toBe(true)
  })

  test('that refuses for good is not asked again', async () => {
    policies = [policy('enforce')]
    receiver.applyAnswer = () => FORBIDDEN
    await see(incident(['203.0.113.9']))
    expect(states()).toEqual(['203.0.113.9 failed'])
  })

  test('that never confirmed is told to take it back before the action counts as failed', async () => {
    policies = [policy('enforce')]
    receiver.applyAnswer = () => LOST
    await see(incident(['203.0.113.9']))
    for (let second = 1; second < 60; second++) await at(second)
    expect(receiver.calls.at(-1)).toBe('revert 203.0.113.9')
    expect(states()).toEqual(['203.0.113.9 failed'])
  })

  test('that asks for time gets it', async () => {
    policies = [policy('enforce')]
    receiver.applyAnswer = () => ({ ...DOWN, retryAfterMs: 20_000 }) as typeof DOWN
    await see(incident(['203.0.113.9']))
    await at(19)
    expect(receiver.calls.length).toBe(1)
    await at(20)
    expect(receiver.calls.length).toBe(2)
  })

  test('that does not answer is given up after the time limit, and never asked twice at once', async () => {
    policies = [policy('enforce')]
    const answers: ((done: { ok: true; receipt: Record<string, string> }) => void)[] = []
    let aborted = 0
    receiver.applyAnswer = ({ signal }) => {
      signal.addEventListener('abort', () => aborted++)
      return new Promise((resolve) => answers.push(resolve))
    }
    await response.consider(change(incident(['203.0.113.9'])))
    await turns()
    for (const second of [5, 10, 29]) {
      now = START_MS + second * 1000
      await response.tick(now)
      await turns()
    }
    expect(answers.length).toBe(1)
    now = START_MS + 31_000
    await response.tick(now)
    now = START_MS + 32_000
    await response.tick(now)
    await turns()
    expect([aborted, answers.length]).toEqual([1, 2])
    for (const answer of answers) answer({ ok: true, receipt: {} })
    await response.idle()
    expect(states()).toEqual(['203.0.113.9 applied'])
  })

  test('that may still confirm is told to take it back again until it cannot', async () => {
    policies = [policy('enforce')]
    let confirm: (done: { ok: true; receipt: Record<string, string> }) => void = () => undefined
    receiver.applyAnswer = () => new Promise((resolve) => (confirm = resolve))
    await response.consider(change(incident(['203.0.113.9'])))
    await turns()
    now += 31_000
    await response.tick(now)
    await response.revert(response.list()[0]!.id, { who: 'kim', reason: '' })
    await turns()
    expect(states()).toEqual(['203.0.113.9 reverting'])
    confirm({ ok: true, receipt: {} })
    await turns()
    expect(receiver.inForce.size).toBe(1)
    await at(33)
    expect(receiver.calls).toEqual(['apply 203.0.113.9', 'revert 203.0.113.9', 'revert 203.0.113.9'])
    expect(states()).toEqual(['203.0.113.9 reverted'])
    expect(receiver.inForce.size).toBe(0)
  })
})

test('what was under way when the process ended is tried again with the same key', async () => {
  policies = [policy('enforce')]
  const keys: string[] = []
  receiver.applyAnswer = ({ action, signal }) => {
    keys.push(action.idempotencyKey)
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  }
  await response.consider(change(incident(['203.0.113.9'])))
  await turns()
  receiver.applyAnswer = ({ action }) => {
    keys.push(action.idempotencyKey)
    return { ok: true, receipt: {} }
  }
  await reopen()
  await response.idle()
  expect(keys.length).toBe(2)
  expect(new Set(keys).size).toBe(1)
  expect(response.list()[0]).toMatchObject({ state: 'applied', attempts: 2, uncertain: true })
})

test('a receiver that hangs holds up nobody but itself, and gets no more than a few tries at once', async () => {
  policies = [policy('enforce', [step(), step({ id: 'lock', action: 'idp', target: 'principal' })])]
  const idp = new Receiver()
  await response.close()
  response = new Response({
    actions: map,
    connectors: new Map([
      ['edge', receiver],
      ['idp', idp],
    ]),
    policies: () => policies,
    guards: { never: [], maxActive: 50 },
    onChange: () => undefined,
    nowMs: () => now,
    random: () => 0.5,
    logger: quietLogger(),
  })
  receiver.applyAnswer = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(LOST)))
  const about = incident(Array.from({ length: 30 }, (_, n) => `203.0.113.${n}`))
  await response.consider(change({ ...about, targets: [...about.targets, { kind: 'user', value: 'u_1' }] }))
  await turns()
  expect(receiver.calls.length).toBe(16)
  expect(idp.calls).toEqual(['apply u_1'])
  receiver.applyAnswer = () => ({ ok: true, receipt: {} })
  now += 30_000
  await response.tick(now)
  await turns()
  expect(receiver.calls.length).toBe(30)
})

test('what cannot be saved is not sent; what is to be taken back is', async () => {
  policies = [policy('enforce')]
  await see(incident(['203.0.113.9']), 'opened')
  const set = map.set.bind(map)
  map.set = (key, value) => {
    void set(key, value).catch(() => undefined)
    return Promise.reject(new Error('no space left on device'))
  }
  await see(incident(['203.0.113.9', '203.0.113.10']))
  expect(receiver.calls).toEqual(['apply 203.0.113.9'])
  expect(response.list()[0]!.error).toContain('no space left')
  await at(900)
  expect(receiver.calls).toContain('revert 203.0.113.9')
  map.set = set
})

test('a real file holds what is live over a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'offpath-response-'))
  policies = [policy('enforce')]
  for (const calls of [['apply 203.0.113.9'], ['apply 203.0.113.9', 'revert 203.0.113.9']]) {
    const file = await DurableMap.open<Action>(join(folder, 'actions'))
    await response.close()
    await open({ actions: file })
    await see(incident(['203.0.113.9']))
    expect(receiver.calls).toEqual(calls)
    now += 900_000
    await response.close()
    await file.close()
  }
  rmSync(folder, { recursive: true, force: true })
})
