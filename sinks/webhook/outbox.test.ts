import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DurableMap } from '../../daemon/durable/durable-map.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { Receiver, until } from '../../test/webhook/receiver.ts'
import type { EndpointOptions } from './endpoint.ts'
import type { EventType, WebhookEvent } from './events.ts'
import { type DeliveryOutcome, Outbox, type OutboxOptions } from './outbox.ts'
import { readDeliveries } from './outbox-records.ts'
import { verify } from './signature.ts'

const SECRET = randomBytes(32)
let folder = ''
let receiver: Receiver
let open: Outbox[] = []
/** A clock that can be set forward: real timers run beside it. */
let aheadMs = 0
const outcomes: DeliveryOutcome[] = []
const logged: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-outbox-'))
  receiver = await Receiver.listen()
  aheadMs = 0
  outcomes.length = 0
  logged.length = 0
})
afterEach(async () => {
  for (const outbox of open) await outbox.stop(0)
  open = []
  await receiver.close()
  rmSync(folder, { recursive: true, force: true })
})

const endpoint = (change: Partial<EndpointOptions> = {}): EndpointOptions => ({
  name: 'siem',
  url: receiver.url,
  secrets: [SECRET],
  events: ['incident', 'action'],
  caFile: null,
  timeoutMs: 2000,
  ...change,
})

async function outboxOf(endpoints = [endpoint()], change: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const outbox = await Outbox.open({
    path: join(folder, 'outbox'),
    endpoints,
    userAgent: 'Offpath/test',
    logger: createLogger('warn', { write: (line) => void logged.push(line) }),
    onOutcome: (outcome) => void outcomes.push(outcome),
    nowMs: () => Date.now() + aheadMs,
    random: () => 0.5,
    ...change,
  })
  open.push(outbox)
  return outbox
}

let made = 0
function event(type: EventType = 'offpath.incident.opened.v1', subject = 'i1'): WebhookEvent {
  const id = `event-${++made}`
  const kind = type.startsWith('offpath.action') ? 'action' : 'incident'
  return { id, kind, type, subject, body: JSON.stringify({ id, text: 'ä \u2028' }) }
}
const command = (subject = 'i1') => event('offpath.action.requested.v1', subject)

const states = (outbox: Outbox) => outbox.deliveries({}).map(({ state }) => state)
const settled = (outbox: Outbox) => until(() => !states(outbox).includes('pending'), 'the end of every delivery')
/** Publishing wakes the outbox; this wakes it after the clock was set forward, without a wait of real seconds. */
async function nudge(outbox: Outbox): Promise<void> {
  await outbox.publish(event('offpath.incident.opened.v1', `nudge ${made}`))
}

test('an event is posted signed, as a CloudEvent, and is delivered once', async () => {
  const outbox = await outboxOf()
  const sent = event()
  await outbox.publish(sent)
  await outbox.publish(sent)
  await settled(outbox)
  await outbox.publish(sent)
  expect(receiver.received).toMatchObject([
    {
      id: sent.id,
      body: sent.body,
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8', 'user-agent': 'Offpath/test' },
    },
  ])
  const { headers, body } = receiver.received[0]!
  expect(verify(headers, body, [SECRET], Date.now())).toBeNull()
  expect(outbox.status()).toEqual([
    { endpoint: 'siem', url: receiver.url, state: 'ok', pending: 0, dead: 0, delivered: 1, last_error: null },
  ])
  expect(outbox.deliveries({ state: 'delivered' })).toMatchObject([
    {
      event: sent.id,
      type: sent.type,
      subject: 'i1',
      endpoint: 'siem',
      attempts: 1,
      last_status: 204,
      last_error: null,
    },
  ])
  await outbox.stop(0)
  const path = join(folder, 'outbox')
  expect(await readDeliveries(path, {})).toEqual(outbox.deliveries({}))
  // The event itself is not needed any more.
  expect([...(await DurableMap.read(path)).keys()]).toEqual([`d/siem/${sent.id}`])
})

test('an event is on disk when publish resolves', async () => {
  receiver.behave = () => undefined
  const outbox = await outboxOf()
  for (let i = 0; i < 5; i++) {
    const sent = event()
    await outbox.publish(sent)
    const disk = readFileSync(join(folder, 'outbox'), 'utf8')
    expect([disk.includes(`"e/${sent.id}"`), disk.includes(`"d/siem/${sent.id}"`)]).toEqual([true, true])
  }
})

test('each endpoint gets the kinds it asked for', async () => {
  const outbox = await outboxOf([
    endpoint({ name: 'a', events: ['incident'] }),
    endpoint({ name: 'b', events: ['action'] }),
  ])
  await outbox.publish(event())
  await outbox.publish(command())
  await settled(outbox)
  expect(outbox.status().map(({ delivered }) => delivered)).toEqual([1, 1])
  expect(outbox.subscribers('action')).toEqual(['b'])
})

test('a failed try is made again with the same id and a new timestamp, and what follows in the incident waits', async () => {
  receiver.answer(500)
  const outbox = await outboxOf()
  const [first, second, other] = [
    event(),
    event('offpath.incident.closed.v1'),
    event('offpath.incident.opened.v1', 'i2'),
  ]
  await outbox.publish(first)
  await until(() => receiver.received.length === 1)
  await outbox.publish(second)
  await outbox.publish(other)
  await until(() => receiver.received.length === 2)
  expect(outbox.deliveries({ state: 'pending' })).toMatchObject([
    { event: second.id, attempts: 0 },
    { event: first.id, attempts: 1, last_status: 500, last_error: 'answered 500' },
  ])
  aheadMs += 10_000
  await nudge(outbox)
  await settled(outbox)
  const ids = receiver.received.map(({ id }) => id)
  expect(ids.slice(0, 2)).toEqual([first.id, other.id])
  expect(ids.indexOf(second.id)).toBeGreaterThan(ids.lastIndexOf(first.id))
  const [once, again] = receiver.received.filter(({ id }) => id === first.id)
  expect(Number(again!.headers['webhook-timestamp'])).toBeGreaterThan(Number(once!.headers['webhook-timestamp']))
  expect(again!.body).toBe(once!.body)
})

test('a command that is refused is dead at once and somebody is told; published again, it goes out again', async () => {
  receiver.answer(403)
  const escalated: string[] = []
  const outbox = await outboxOf([endpoint()], { onEscalate: ({ event: id }) => void escalated.push(id) })
  const sent = command()
  await outbox.publish(sent)
  await settled(outbox)
  expect(outcomes).toMatchObject([
    { event: sent.id, endpoint: 'siem', state: 'dead', attempts: 1, error: 'answered 403' },
  ])
  expect(escalated).toEqual([sent.id])
  await outbox.publish(sent)
  await settled(outbox)
  expect(outcomes).toMatchObject([{}, { event: sent.id, state: 'delivered' }])
  expect(receiver.received.map(({ id }) => id)).toEqual([sent.id, sent.id])
})

describe('what a receiver can do wrong', () => {
  const oneTry = async (outbox: Outbox) => {
    await outbox.publish(event('offpath.incident.opened.v1', `of its own ${made}`))
    await until(() => outbox.deliveries({})[0]!.attempts === 1, 'the first try')
    return outbox.deliveries({})[0]!
  }

  test('an answer that does not come, or a connection that is cut', async () => {
    receiver.behave = () => undefined
    const slow = await outboxOf([endpoint({ timeoutMs: 100 })])
    expect(await oneTry(slow)).toMatchObject({ state: 'pending', last_status: null, last_error: 'no answer in 0.1 s' })
    await slow.stop(0)
    receiver.answer(null, null)
    expect(await oneTry(await outboxOf())).toMatchObject({
      last_status: null,
      last_error: expect.stringMatching(/ended before|RESET/),
    })
  })

  test('nobody listens', async () => {
    const there = endpoint()
    await receiver.close()
    const outbox = await outboxOf([there])
    expect(await oneTry(outbox)).toMatchObject({ last_error: 'ECONNREFUSED' })
    expect(outbox.status()).toMatchObject([{ state: 'failing', pending: 1, last_error: 'ECONNREFUSED' }])
    receiver = await Receiver.listen()
  })

  test('a redirect is not followed', async () => {
    const elsewhere = await Receiver.listen()
    receiver.behave = (response) => void response.writeHead(307, { location: elsewhere.url }).end()
    expect(await oneTry(await outboxOf())).toMatchObject({
      state: 'pending',
      last_status: 307,
      last_error: 'answered 307',
    })
    expect(elsewhere.received).toEqual([])
    await elsewhere.close()
  })

  test('an endless body, or one that never ends, holds up nothing', async () => {
    let written = 0
    receiver.behave = (response) => {
      response.writeHead(200)
      const chunk = Buffer.alloc(64 * 1024)
      const more = () => {
        if (response.destroyed) return
        written += chunk.length
        response.write(chunk, () => setImmediate(more))
      }
      more()
    }
    const outbox = await outboxOf([endpoint({ timeoutMs: 500 })])
    await outbox.publish(event())
    await settled(outbox)
    receiver.behave = (response) => void response.writeHead(200).write('…')
    await outbox.publish(event())
    await settled(outbox)
    expect(states(outbox)).toEqual(['delivered', 'delivered'])
    const before = written
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(written).toBe(before)
    expect(written).toBeLessThan(16 * 1024 * 1024)
  })

  test('Retry-After puts off', async () => {
    receiver.behave = (response) => void response.writeHead(503, { 'retry-after': '3600' }).end()
    const delivery = await oneTry(await outboxOf())
    expect(Date.parse(delivery.next_attempt_at!) - Date.now()).toBeGreaterThan(3_500_000)
  })

  test('410 disables, across restarts, until somebody redelivers', async () => {
    receiver.answer(410)
    const first = await outboxOf()
    await first.publish(event())
    await settled(first)
    await first.stop(0)
    const outbox = await outboxOf()
    await outbox.publish(event())
    await outbox.publish(command('i2'))
    expect(outbox.status()).toMatchObject([{ state: 'disabled', pending: 0, dead: 3 }])
    expect(outcomes).toMatchObject([{ state: 'disabled', error: 'the endpoint is disabled: it answered 410' }])
    expect(outbox.subscribers('action')).toEqual([])
    expect(receiver.received.length).toBe(1)
    expect(await outbox.redeliver({ endpoint: 'siem' })).toEqual({ queued: 3 })
    await settled(outbox)
    expect(outbox.status()).toMatchObject([{ state: 'ok', dead: 0, delivered: 3 }])
    expect(receiver.received.length).toBe(4)
  })
})

test('what was under way beside a 410 ends by its own answer, and is not tried again', async () => {
  const waiting: ServerResponse[] = []
  receiver.behave = (response) => void waiting.push(response)
  const outbox = await outboxOf()
  for (const subject of ['i1', 'i2', 'i3']) await outbox.publish(event('offpath.incident.opened.v1', subject))
  await until(() => waiting.length === 3)
  waiting[0]!.writeHead(410).end()
  await until(() => outbox.status()[0]!.state === 'disabled')
  waiting[1]!.writeHead(204).end()
  waiting[2]!.writeHead(503).end()
  await settled(outbox)
  expect(states(outbox).sort()).toEqual(['delivered', 'disabled', 'disabled'])
  expect(outbox.status()).toMatchObject([{ state: 'disabled', pending: 0, dead: 2, delivered: 1 }])
})

test('dead letters are listed and can be queued again, others cannot', async () => {
  receiver.answer(422)
  const outbox = await outboxOf()
  const [dead, fine] = [event(), event('offpath.incident.opened.v1', 'i2')]
  await outbox.publish(dead)
  await settled(outbox)
  await outbox.publish(fine)
  await settled(outbox)
  expect(outbox.deliveries({ state: 'dead' })).toMatchObject([{ event: dead.id, last_status: 422 }])
  await expect(outbox.redeliver({ event: fine.id })).rejects.toMatchObject({ code: 'OFFPATH_E_STATE' })
  await expect(outbox.redeliver({ event: 'none' })).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
  await expect(outbox.redeliver({ endpoint: 'none' })).rejects.toMatchObject({ code: 'OFFPATH_E_NOT_FOUND' })
  expect(await outbox.redeliver({ event: dead.id })).toEqual({ queued: 1 })
  await settled(outbox)
  expect(receiver.received.map(({ id }) => id)).toEqual([dead.id, fine.id, dead.id])
  expect(receiver.received[2]!.body).toBe(dead.body)
})

test('what was queued again comes after what waits, also after a restart', async () => {
  receiver.answer(422, 500)
  const first = await outboxOf()
  const [dead, waits] = [event(), event('offpath.incident.closed.v1')]
  await first.publish(dead)
  await settled(first)
  await first.publish(waits)
  await until(() => receiver.received.length === 2)
  await first.redeliver({ event: dead.id })
  await first.stop(1000)
  aheadMs += 10_000
  const outbox = await outboxOf()
  await settled(outbox)
  expect(receiver.received.map(({ id }) => id)).toEqual([dead.id, waits.id, waits.id, dead.id])
})

test('what waits survives a restart, in order; an endpoint that is gone leaves dead letters', async () => {
  receiver.answer(500, 500)
  const first = await outboxOf([endpoint(), endpoint({ name: 'old' })])
  const sent = [event(), event('offpath.incident.updated.v1'), event('offpath.incident.closed.v1')]
  for (const one of sent) await first.publish(one)
  await until(() => receiver.received.length === 2)
  await first.stop(1000)
  const waiting = await readDeliveries(join(folder, 'outbox'), { state: 'pending' })
  expect(waiting.map(({ attempts }) => attempts)).toEqual([0, 0, 0, 0, 1, 1])
  aheadMs += 10_000
  const outbox = await outboxOf()
  await settled(outbox)
  expect(receiver.received.slice(2).map(({ id }) => id)).toEqual(sent.map(({ id }) => id))
  expect(outbox.deliveries({ endpoint: 'old' }).map(({ state, last_error }) => [state, last_error])).toEqual(
    sent.map(() => ['dead', 'the endpoint is no longer configured']),
  )
})

test('a stop lets what is under way end, and cuts what does not', async () => {
  let answer = () => undefined as unknown
  receiver.behave = (response) => {
    answer = () => response.writeHead(204).end()
  }
  const outbox = await outboxOf()
  await outbox.publish(event())
  await until(() => receiver.received.length === 1)
  const stopping = outbox.stop(5000)
  answer()
  await stopping
  expect(await readDeliveries(join(folder, 'outbox'), {})).toMatchObject([{ state: 'delivered' }])
  const again = await outboxOf()
  await again.publish(event())
  await until(() => receiver.received.length === 2)
  const start = Date.now()
  await again.stop(50)
  expect(Date.now() - start).toBeLessThan(1000)
  expect(await readDeliveries(join(folder, 'outbox'), { state: 'pending' })).toMatchObject([{ attempts: 0 }])
})

test('a receiver with a certificate of its own authority is reached with ca_file, and not without', async () => {
  const key = join(folder, 'key.pem')
  const cert = join(folder, 'cert.pem')
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const openssl = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  expect(spawnSync('openssl', [...openssl, '-keyout', key, '-out', cert, ...subject]).status).toBe(0)
  const secure = await Receiver.listen({ key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') })
  const outbox = await outboxOf([
    endpoint({ name: 'trusting', url: secure.url, caFile: cert }),
    endpoint({ name: 'other', url: secure.url }),
  ])
  await outbox.publish(event())
  await until(() => outbox.deliveries({}).every(({ attempts }) => attempts === 1))
  expect(outbox.deliveries({ state: 'delivered' })).toMatchObject([{ endpoint: 'trusting' }])
  expect(outbox.deliveries({ endpoint: 'other' })).toMatchObject([{ last_error: 'DEPTH_ZERO_SELF_SIGNED_CERT' }])
  expect(secure.received.length).toBe(1)
  await outbox.stop(0)
  await secure.close()
  await expect(outboxOf([endpoint({ caFile: join(folder, 'none') })])).rejects.toMatchObject({
    code: 'OFFPATH_E_CONFIG',
  })
  await expect(outboxOf([endpoint({ caFile: key })])).rejects.toMatchObject({ code: 'OFFPATH_E_CONFIG' })
})

test('what is left out for want of room is counted, and what is torn is told', async () => {
  receiver.answer(500)
  const first = await outboxOf([endpoint()], { limits: { pending: 3, pendingBytes: 1_000_000 } })
  await first.publish(event())
  await until(() => receiver.received.length === 1)
  for (let i = 0; i < 3; i++) await first.publish(event('offpath.incident.updated.v1'))
  expect(first.counters()).toMatchObject({ 'webhook.updates_superseded': 2, 'webhook.updates_dropped': 0 })
  receiver.behave = () => undefined
  for (let i = 0; i < 3; i++) await first.publish(event('offpath.incident.closed.v1', `other ${i}`))
  await until(() => first.deliveries({ state: 'dead' }).length === 1)
  expect(first.counters()).toMatchObject({ 'webhook.updates_dropped': 1, 'webhook.dead': 1, 'webhook.retried': 1 })
  expect(first.deliveries({ state: 'dead' })).toMatchObject([{ last_error: 'too much was waiting for this endpoint' }])
  await first.stop(0)
  appendFileSync(join(folder, 'outbox'), '00000000 {"k":"d/siem/torn')
  receiver.answer()
  aheadMs += 10_000
  const outbox = await outboxOf()
  expect(logged.join('')).toContain('torn')
  await settled(outbox)
  expect(outbox.counters()).toMatchObject({ 'webhook.delivered': 3 })
})

test('credentials in the URL are sent, and shown nowhere', async () => {
  receiver.answer(500)
  const url = `${receiver.url.replace('//', '//user:hunter2@')}?key=hunter3`
  const outbox = await outboxOf([endpoint({ url })])
  await outbox.publish(event())
  await until(() => outbox.deliveries({})[0]!.attempts === 1)
  expect(receiver.received[0]).toMatchObject({
    path: '/hook?key=hunter3',
    headers: { authorization: `Basic ${btoa('user:hunter2')}` },
  })
  const told =
    JSON.stringify([outbox.status(), outbox.deliveries({}), logged]) + readFileSync(join(folder, 'outbox'), 'utf8')
  expect(told).not.toContain('hunter')
  expect(told).not.toContain(SECRET.toString('base64'))
})
