import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Action, Connector, ConnectorRequest, ConnectorResult } from '../../daemon/model/action.ts'
import { isFinal } from '../../daemon/response/machine.ts'
import { Response } from '../../daemon/response/response.ts'
import {
  CrashingMap,
  change,
  DONE,
  DOWN,
  FORBIDDEN,
  incident,
  LOST,
  policy,
  quietLogger,
  START_MS,
  step,
} from './harness.ts'

/**
 * Anything may happen in any order: incidents, answers that are early, late, lost or twice, people, restarts, clocks that
 * jump. What must hold is checked after each step, and at the end, when everybody answers again, nothing is left in force.
 */

type Op =
  | { kind: 'incident'; id: number; policy: number; targets: number[]; doubt: boolean; opened: boolean }
  | { kind: 'verdict'; id: number }
  | { kind: 'clock'; ms: number }
  | { kind: 'answer'; which: number; answer: 'done' | 'down' | 'lost' | 'landed' | 'forbidden' }
  | { kind: 'person'; does: 'approve' | 'deny' | 'revert'; which: number }
  | { kind: 'protect'; entry: number | null }
  | { kind: 'crash'; landed: boolean[] }

const op: fc.Arbitrary<{ op: Op; wait: boolean }> = fc.record({
  op: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('incident' as const),
        id: fc.nat(2),
        policy: fc.nat(2),
        targets: fc.uniqueArray(fc.nat(3), { minLength: 1 }),
        doubt: fc.boolean(),
        opened: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('verdict' as const), id: fc.nat(2) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('clock' as const),
        ms: fc.constantFrom(500, 1000, 3000, 31_000, 61_000, 600_000, 900_000, 7_200_000, -1000, -900_000),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        which: fc.nat(7),
        answer: fc.constantFrom(
          'done' as const,
          'done' as const,
          'down' as const,
          'lost' as const,
          'landed' as const,
          'forbidden' as const,
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('person' as const),
        does: fc.constantFrom('approve' as const, 'approve' as const, 'deny' as const, 'revert' as const),
        which: fc.nat(7),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('protect' as const), entry: fc.option(fc.nat(3)) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), landed: fc.array(fc.boolean()) }) },
  ),
  wait: fc.boolean(),
})

const POLICIES = [
  policy('enforce', [step({ ttlUs: 600e6 }), step({ id: 'high', risk: 'high' })], 'p0'),
  policy('simulate', [step()], 'p1'),
  policy('stage', [step({ guard: { ...step().guard, maxActive: 2 } })], 'p2'),
]
const TARGETS = ['203.0.113.0', '203.0.113.1', '203.0.113.2', '203.0.113.3']
const by = { who: 'kim', reason: '' }

interface Call {
  readonly phase: 'apply' | 'revert'
  readonly request: ConnectorRequest
  readonly resolve: (result: ConnectorResult) => void
  open: boolean
}

class World {
  now = START_MS
  map = new CrashingMap()
  calls: Call[] = []
  readonly inForce = new Set<string>()
  readonly ended = new Map<string, string>()
  readonly broken: string[] = []
  response: Response
  #alive = { yes: true }

  constructor() {
    this.response = this.#open()
  }

  #open(): Response {
    const alive = { yes: true }
    this.#alive = alive
    const call = (phase: Call['phase'], request: ConnectorRequest): Promise<ConnectorResult> => {
      // The process is gone: whatever its code would still do is not done.
      if (!alive.yes) return new Promise(() => undefined)
      this.#checkCall(phase, request.action)
      return new Promise((resolve) => this.calls.push({ phase, request, resolve, open: true }))
    }
    const edge: Connector = {
      name: 'edge',
      accepts: ['ip'],
      apply: (request) => call('apply', request),
      revert: (request) => call('revert', request),
    }
    return new Response({
      actions: this.map,
      connectors: new Map([['edge', edge]]),
      policies: () => POLICIES,
      guards: { never: [], maxActive: 6 },
      onChange: () => undefined,
      nowMs: () => this.now,
      random: () => 0.3,
      logger: quietLogger(),
    })
  }

  #checkCall(phase: Call['phase'], action: Action): void {
    if (action.simulated) this.broken.push(`a rehearsal was sent: ${phase}`)
    const state = this.response.get(action.id)?.state
    if (phase === 'apply' && state !== 'dispatched') this.broken.push(`applied while ${state}`)
    const others = this.#pending().filter(({ request }) => request.action.id === action.id && !request.signal.aborted)
    if (others.length > 0) this.broken.push(`two tries at once: ${others[0]!.phase}, ${phase}`)
  }

  #pending(): Call[] {
    return this.calls.filter(({ open }) => open)
  }

  #settle(call: Call, landed: boolean, result: ConnectorResult): void {
    call.open = false
    const key = call.request.action.idempotencyKey
    if (landed && call.phase === 'apply') this.inForce.add(key)
    if (landed && call.phase === 'revert') this.inForce.delete(key)
    call.resolve(result)
  }

  async crash(landed: readonly boolean[]): Promise<void> {
    this.#alive.yes = false
    for (const [index, call] of this.#pending().entries()) {
      this.#settle(call, landed[index] === true && !call.request.signal.aborted, LOST)
    }
    this.map = this.map.crash()
    this.response = this.#open()
    await this.response.start()
  }

  async run(what: Op): Promise<void> {
    switch (what.kind) {
      case 'incident':
      case 'verdict': {
        const targets = what.kind === 'incident' ? what.targets.map((index) => TARGETS[index]!) : TARGETS
        const about = incident(targets, {
          id: `i${what.id}`,
          policy: `p${what.kind === 'incident' ? what.policy : 0}`,
          updatedAt: this.now * 1000,
          doubts: what.kind === 'incident' && what.doubt ? ['one_sided'] : [],
          status: what.kind === 'verdict' ? 'false' : 'open',
        })
        const kind = what.kind === 'verdict' ? 'closed' : what.opened ? 'opened' : 'updated'
        return this.response.consider(change(about, kind))
      }
      case 'clock':
        this.now += what.ms
        return this.response.tick(this.now)
      case 'answer': {
        const pending = this.#pending()
        const call = pending[what.which % Math.max(1, pending.length)]
        if (call === undefined) return
        const answers = { done: DONE, down: DOWN, lost: LOST, landed: LOST, forbidden: FORBIDDEN }
        this.#settle(call, what.answer === 'done' || what.answer === 'landed', answers[what.answer])
        return
      }
      case 'person': {
        const all = this.response.list()
        const action = all[what.which % Math.max(1, all.length)]
        if (action === undefined) return
        await this.response[what.does](action.id, by).catch((error: { code?: string }) => {
          if (error.code !== 'OFFPATH_E_STATE') throw error
        })
        return
      }
      case 'protect':
        await this.response.protect(what.entry === null ? [] : [`ip:${TARGETS[what.entry]}`])
        return
      case 'crash':
        return this.crash(what.landed)
    }
  }

  check(settled: boolean): void {
    const live = new Map<string, string>()
    for (const action of this.response.list({ limit: 10_000 })) {
      const { id, state, policy, step, target, simulated, leaseUntilMs } = action
      const before = this.ended.get(id)
      if (before !== undefined && before !== state) this.broken.push(`${before} became ${state}`)
      if (isFinal(state)) {
        if (settled) this.ended.set(id, state)
        continue
      }
      const place = `${policy} ${step} ${target.value} ${simulated}`
      if (live.has(place)) this.broken.push(`two live actions: ${place}`)
      live.set(place, id)
      if (
        ['dispatched', 'applied'].includes(state) &&
        leaseUntilMs !== null &&
        this.now - leaseUntilMs > 0 &&
        settled
      ) {
        this.broken.push(`${state} after its lease`)
      }
    }
    expect(this.broken).toEqual([])
  }

  /** Everybody answers again and time goes by. */
  async drain(): Promise<void> {
    for (let round = 0; round < 60; round++) {
      for (const call of this.#pending()) this.#settle(call, true, DONE)
      await turns()
      this.now += round % 2 === 0 ? 61_000 : 20 * 60_000
      await this.response.tick(this.now)
      await turns()
      if (this.#pending().length === 0 && this.response.list({ live: true }).length === 0) return
    }
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
}

test('no order of events leaves anything in force, acts twice, or wakes what is over', {
  timeout: 120_000,
}, async () => {
  const runs = Number(process.env.OFFPATH_RESPONSE_RUNS ?? 500)
  const reached = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 5, maxLength: 60 }), async (ops) => {
      const world = new World()
      await world.response.start()
      for (const { op, wait } of ops) {
        const done = world.run(op)
        if (wait) {
          await done
          await turns()
          // Leases end at ticks.
          await world.response.tick(world.now)
          await turns()
        } else done.catch((error: unknown) => world.broken.push(String(error)))
        world.check(wait)
      }
      await turns()
      await world.drain()
      world.check(true)
      for (const { state } of world.response.list({ limit: 10_000 })) reached.add(state)
      expect(world.response.list({ live: true })).toEqual([])
      expect([...world.inForce]).toEqual([])
    }),
    { numRuns: runs },
  )
  // Otherwise the test would prove nothing.
  expect([...reached].sort()).toEqual(['expired', 'failed', 'refused', 'reverted'])
})
