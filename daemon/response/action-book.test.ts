import { expect, test } from 'vitest'
import { CrashingMap, START_MS } from '../../test/response/harness.ts'
import type { Action, ActionState } from '../model/action.ts'
import { ActionBook, KEEP_FINISHED_MS, MAX_FINISHED } from './action-book.ts'

function action(id: string, state: ActionState, over: Partial<Action> = {}): Action {
  return {
    id,
    incidentId: 'i1',
    policy: 'p',
    step: 's',
    connector: 'edge',
    target: { kind: 'ip', value: '203.0.113.9' },
    mode: 'enforce',
    simulated: false,
    state,
    reason: '',
    idempotencyKey: id,
    proposedAtMs: START_MS,
    leaseUntilMs: START_MS + 1,
    ttlMs: 1,
    attempts: 1,
    error: null,
    receipt: {},
    history: [{ state, atMs: START_MS, why: '' }],
    ...over,
  }
}
const place = { policy: 'p', step: 's', target: { kind: 'ip', value: '203.0.113.9' } } as const

test('finished actions are bounded by number and by age; live ones stay', async () => {
  const map = new CrashingMap()
  const book = new ActionBook(map)
  await book.put(action('live', 'applied'))
  for (let n = 0; n < MAX_FINISHED + 5; n++) await book.put(action(`a${n}`, 'reverted'))
  expect(book.dropped).toBe(5)
  expect([...map.values()].length).toBe(MAX_FINISHED + 1)
  expect([book.get('a4'), book.get('a5')?.id]).toEqual([undefined, 'a5'])
  await book.expire(START_MS + KEEP_FINISHED_MS + 1)
  expect([...map.values()].map(({ id }) => id)).toEqual(['live'])
  expect(book.ofPlace(place).map(({ id }) => id)).toEqual(['live'])
})

test('a rehearsal is no repeat of a real action, and takes no room from it; all is known again after opening anew', async () => {
  const map = new CrashingMap()
  const before = new ActionBook(map)
  await before.put(action('a', 'reverted'))
  await before.put(action('b', 'applied', { simulated: true }))
  await before.put(action('c', 'refused', { leaseUntilMs: null }))
  await before.put(action('d', 'awaiting_approval', { leaseUntilMs: null }))
  for (const book of [before, new ActionBook(map.crash())]) {
    expect(book.repeats(place, false, START_MS)).toBe(1)
    expect(book.repeats(place, true, START_MS)).toBe(1)
    expect([book.holding(false), book.holding(true), book.holding(true, 'p', 's')]).toEqual([0, 1, 1])
    expect(book.awaitingCount).toBe(1)
    expect(
      book
        .list({ live: true })
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['b', 'd'])
    expect(book.list({ incident: 'i1', limit: 3 }).length).toBe(3)
  }
})
