import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Delivery } from './delivery.ts'
import { EndpointQueue, type Queued, type Removed } from './endpoint-queue.ts'
import { type EventType, isCommand } from './events.ts'
import { type Answer, judge, MAX_NOTIFICATION_AGE_MS, nextDelay, parseRetryAfter } from './retry.ts'

const OK: Answer = { ok: true, status: 204 }
const failed = (status: number | null, retryAfterMs: number | null = null): Answer => ({
  ok: false,
  status,
  error: 'x',
  retryAfterMs,
})
const half = () => 0.5

let made = 0
function queued(type: EventType, subject: string, atMs: number, bytes = 100): Queued {
  const seq = ++made
  const delivery: Delivery = {
    event: `e${seq}`,
    type,
    kind: isCommand(type) ? 'action' : 'incident',
    subject,
    endpoint: 'siem',
    createdAtMs: atMs,
    state: 'pending',
    seq,
    queuedAtMs: atMs,
    attempts: 0,
    nextAttemptMs: atMs,
    doneAtMs: null,
    lastStatus: null,
    lastError: null,
  }
  return { delivery, bytes, ready: true, inFlight: false }
}

const LIMITS = { pending: 100, pendingBytes: 100_000 }
const OPENED = 'offpath.incident.opened.v1'
const UPDATED = 'offpath.incident.updated.v1'
const CLOSED = 'offpath.incident.closed.v1'
const REQUESTED = 'offpath.action.requested.v1'
const REVERTED = 'offpath.action.reverted.v1'

test('the next event of an incident waits for the one before, other incidents and commands do not', () => {
  const queue = new EndpointQueue(LIMITS)
  const [opened, closed, other, requested, reverted] = [
    queued(OPENED, 'i1', 0),
    queued(CLOSED, 'i1', 0),
    queued(OPENED, 'i2', 0),
    queued(REQUESTED, 'i1', 0),
    queued(REVERTED, 'i1', 0),
  ]
  for (const one of [opened, closed, other, requested, reverted]) queue.add(one)
  expect(queue.take(0).send).toEqual([opened, other, requested])
  expect(queue.settle(opened, failed(500), 0, half)).toBe('retry')
  expect(queue.settle(requested, OK, 0, half)).toBe('delivered')
  expect(queue.take(0).send).toEqual([reverted])
  expect(queue.nextAtMs(0)).toBe(5000)
  expect(queue.take(5000).send).toEqual([opened])
  expect(queue.settle(opened, OK, 5000, half)).toBe('delivered')
  expect(queue.take(5000).send).toEqual([closed])
})

test('a command is tried after 0, 1, 3, 10 and 30 s, a notification over 31 hours, then they are dead', () => {
  const waits = (type: EventType) => {
    const queue = new EndpointQueue(LIMITS)
    const one = queued(type, 'i', 0)
    queue.add(one)
    const seen: number[] = []
    for (let now = 0; ; ) {
      expect(queue.take(now).send).toEqual([one])
      if (queue.settle(one, failed(503), now, half) === 'dead') return seen
      seen.push((one.delivery.nextAttemptMs! - now) / 1000)
      now = Math.max(queue.nextAtMs(now)!, one.delivery.nextAttemptMs!)
    }
  }
  expect(waits(REVERTED)).toEqual([1, 3, 10, 30])
  expect(waits(OPENED)).toEqual([5, 30, 120, 600, 3600, 21_600, 86_400])
  expect([nextDelay(false, 1, null, 0), nextDelay(false, 1, null, 1)]).toEqual([4000, 6000])
})

test('which answers are worth another try', () => {
  const verdicts = (command: boolean, ...statuses: (number | null)[]) =>
    new Set(statuses.map((status) => judge(failed(status), command)))
  expect(verdicts(true, null, 500, 503, 408, 425, 429)).toEqual(new Set(['retry']))
  expect(verdicts(true, 301, 400, 401, 404, 422)).toEqual(new Set(['refused']))
  expect(verdicts(false, null, 500, 301, 401, 403, 404, 408, 425, 429)).toEqual(new Set(['retry']))
  expect(verdicts(false, 400, 413, 422)).toEqual(new Set(['refused']))
  expect(verdicts(true, 410)).toEqual(new Set(['gone']))
})

test('Retry-After is honoured within bounds, as seconds or as a date', () => {
  const now = Date.UTC(2026, 0, 1)
  expect(parseRetryAfter('120', now)).toBe(120_000)
  expect(parseRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now)).toBe(0)
  for (const no of [undefined, '', '-1', '1.5', 'soon', '9'.repeat(70)]) expect(parseRetryAfter(no, now)).toBeNull()
  expect(nextDelay(true, 1, 10_000, 0.5)).toBe(10_000)
  expect(nextDelay(true, 1, 3_600_000, 0.5)).toBe(30_000)
  expect(nextDelay(false, 1, 1e12, 0.5)).toBe(24 * 3_600_000)
  const queue = new EndpointQueue(LIMITS)
  const [one, other] = [queued(OPENED, 'i1', 0), queued(OPENED, 'i2', 0)]
  queue.add(one)
  queue.take(0)
  queue.add(other)
  queue.settle(one, failed(429, 60_000), 0, half)
  expect(queue.take(59_999).send).toEqual([])
  expect(queue.take(60_000).send).toEqual([one, other])
})

test('after five failures in a row notifications wait, then one looks, and a success lets all go', () => {
  const queue = new EndpointQueue(LIMITS)
  for (let i = 0; i < 12; i++) queue.add(queued(OPENED, `i${i}`, 0))
  const first = queue.take(0).send
  expect(first.length).toBe(8)
  for (const one of first) queue.settle(one, failed(null), 0, half)
  expect(queue.breaker.state()).toBe('open')
  expect(queue.take(0).send).toEqual([])
  const command = queued(REQUESTED, 'i0', 0)
  queue.add(command)
  expect(queue.take(1).send).toEqual([command])
  const opensAt = queue.nextAtMs(1)!
  expect(opensAt).toBe(40_000)
  const probe = queue.take(opensAt).send
  expect(probe.length).toBe(1)
  expect(queue.take(opensAt).send).toEqual([])
  expect(queue.nextAtMs(opensAt)).toBeNull()
  queue.settle(probe[0]!, OK, opensAt, half)
  expect(queue.breaker.state()).toBe('ok')
  expect(queue.take(opensAt).send.length).toBe(8)
})

test('an update that was not tried gives way to a newer one; opened, closed and tried ones stay', () => {
  const queue = new EndpointQueue(LIMITS)
  const [opened, first, second, third] = [OPENED, UPDATED, UPDATED, UPDATED].map((type) =>
    queued(type as EventType, 'i', 0),
  ) as [Queued, Queued, Queued, Queued]
  queue.add(opened)
  queue.add(first)
  expect(queue.add(second)).toMatchObject([{ queued: first, how: 'superseded' }])
  queue.settle(queue.take(0).send[0]!, OK, 0, half)
  expect(queue.take(0).send).toEqual([second])
  expect(queue.add(third)).toEqual([])
  queue.settle(second, failed(500), 0, half)
  expect(queue.size).toBe(2)
})

test('without room the oldest updates go, then other notifications become dead letters, commands never give way', () => {
  const queue = new EndpointQueue({ pending: 3, pendingBytes: 1000 })
  const [command, opened, update] = [queued(REQUESTED, 'a', 0), queued(OPENED, 'c', 0), queued(UPDATED, 'b', 0)]
  for (const one of [command, opened, update]) queue.add(one)
  expect(queue.add(queued(CLOSED, 'd', 0))).toMatchObject([{ queued: update, how: 'dropped' }])
  expect(queue.add(queued(CLOSED, 'e', 0))).toMatchObject([{ queued: opened, how: 'dead' }])
  expect(queue.add(queued(CLOSED, 'f', 0, 1001)).map(({ how }) => how)).toEqual(['dead', 'dead', 'dead'])
  expect([queue.size, queue.bytes]).toEqual([1, 100])
  for (let i = 0; i < 2; i++) queue.add(queued(REQUESTED, `g${i}`, 0))
  const refused = queued(REQUESTED, 'h', 0)
  expect(queue.add(refused)).toMatchObject([{ queued: refused, how: 'dead' }])
})

test('a request to act that waited for too long is not sent, taking back always is', () => {
  const queue = new EndpointQueue(LIMITS)
  const [late, back] = [queued(REQUESTED, 'i', 0), queued(REVERTED, 'j', 0)]
  queue.add(late)
  queue.add(back)
  expect(queue.take(6 * 60_000)).toMatchObject({ send: [back], expired: [{ queued: late, how: 'dead' }] })
})

/** A receiver that answers by chance, and a clock that jumps from one thing to do to the next. */
test('whatever the receiver answers, every event ends, none is sent twice at once, and the order in a lane holds', () => {
  const types: readonly EventType[] = [OPENED, UPDATED, CLOSED, REQUESTED, REVERTED]
  const arrival = fc.record({
    type: fc.constantFrom(...types),
    subject: fc.constantFrom('i1', 'i2', 'i3'),
    afterMs: fc.constantFrom(0, 0, 1, 1000, 60_000),
  })
  const answer = fc.constantFrom(
    OK,
    OK,
    failed(null),
    failed(500),
    failed(429, 30_000),
    failed(404),
    failed(422),
    failed(410),
  )
  fc.assert(
    fc.property(
      fc.array(arrival, { maxLength: 40 }),
      fc.infiniteStream(answer),
      fc.infiniteStream(fc.nat(20_000)),
      (arrivals, answers, delays) => {
        const queue = new EndpointQueue({ pending: 12, pendingBytes: 100_000 })
        const ended = new Map<Queued, string>()
        const flying: { queued: Queued; untilMs: number }[] = []
        const sent: Queued[] = []
        const end = (one: Queued, how: string) => {
          expect(ended.has(one)).toBe(false)
          ended.set(one, how)
        }
        const record = (removed: readonly Removed[]) => {
          for (const { queued: one, how } of removed) end(one, how)
        }
        let now = 0
        let rest = arrivals.map((given, index) => ({
          ...given,
          atMs: arrivals.slice(0, index + 1).reduce((sum, { afterMs }) => sum + afterMs, 0),
        }))
        const all: Queued[] = []
        for (let steps = 0; steps < 5000; steps++) {
          for (const { type, subject } of rest.filter(({ atMs }) => atMs <= now)) {
            const one = queued(type, subject, now)
            all.push(one)
            record(queue.add(one))
          }
          rest = rest.filter(({ atMs }) => atMs > now)
          for (const done of flying.filter(({ untilMs }) => untilMs <= now)) {
            flying.splice(flying.indexOf(done), 1)
            const verdict = queue.settle(done.queued, answers.next().value!, now, half)
            if (verdict !== 'retry') end(done.queued, verdict)
            // Those under way at the same time answer on their own.
            if (verdict === 'gone') for (const one of queue.clear()) end(one, 'gone')
          }
          const { send, expired } = queue.take(now)
          record(expired)
          for (const one of send) {
            expect(flying.some((other) => other.queued === one)).toBe(false)
            flying.push({ queued: one, untilMs: now + delays.next().value! })
            if (one.delivery.attempts === 0) sent.push(one)
          }
          const next = [queue.nextAtMs(now), ...flying.map(({ untilMs }) => untilMs), ...rest.map(({ atMs }) => atMs)]
          const times = next.filter((time) => time !== null)
          if (times.length === 0) break
          now = Math.max(now, Math.min(...times))
        }
        expect(all.filter((one) => !ended.has(one))).toEqual([])
        expect([queue.size, queue.bytes, flying.length]).toEqual([0, 0, 0])
        expect(now).toBeLessThan(arrivals.length * 60_000 + 2 * MAX_NOTIFICATION_AGE_MS)
        for (const lane of groups(sent, ({ delivery: { type, subject } }) => `${isCommand(type)} ${subject}`)) {
          const order = lane.map(({ delivery }) => delivery.seq)
          expect(order).toEqual([...order].sort((a, b) => a - b))
        }
      },
    ),
    { numRuns: 300 },
  )
})

function groups<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  const found = new Map<string, Item[]>()
  for (const item of items) found.set(keyOf(item), [...(found.get(keyOf(item)) ?? []), item])
  return [...found.values()]
}
