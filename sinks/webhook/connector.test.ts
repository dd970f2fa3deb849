import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ConnectorRequest } from '../../daemon/model/action.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { Receiver, until } from '../../test/webhook/receiver.ts'
import { action, incident } from '../../test/webhook/samples.ts'
import { WebhookConnector } from './connector.ts'
import type { EventKind } from './events.ts'
import { Outbox } from './outbox.ts'

let folder = ''
let receivers: Receiver[] = []
let outbox: Outbox
const aheadMs = 0

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-connector-'))
  receivers = [await Receiver.listen(), await Receiver.listen()]
})
afterEach(async () => {
  await outbox.stop(0)
  for (const receiver of receivers) await receiver.close()
  rmSync(folder, { recursive: true, force: true })
})

async function connectorTo(events: EventKind[]): Promise<WebhookConnector> {
  outbox = await Outbox.open({
    path: join(folder, 'outbox'),
    endpoints: receivers.map(({ url }, index) => ({
      name: `edge${index}`,
      url,
      secrets: [randomBytes(24)],
      events,
      caFile: null,
      timeoutMs: 2000,
    })),
    userAgent: 'Offpath/test',
    logger: createLogger('silent', { write: () => undefined }),
    nowMs: () => Date.now() + aheadMs,
  })
  return new WebhookConnector({
    outbox,
    context: { deployment: 'test', version: '0.1.0' },
  })
}

const request = (change: Partial<ConnectorRequest> = {}): ConnectorRequest => ({
  action: action(),
  incident: incident(),
  signal: new AbortController().signal,
  ...change,
})
const types = (index: number) => receivers[index]!.received.map(({ body }) => JSON.parse(body).type)

test('it has worked when one receiver took it; the others are still served', async () => {
  receivers[0]!.answer(503)
  const connector = await connectorTo(['action'])
  expect(await connector.apply(request())).toMatchObject({ ok: true, receipt: { endpoint: 'edge1' } })
  expect(await connector.revert(request())).toMatchObject({ ok: true, receipt: { endpoint: 'edge1' } })
  expect(types(1)).toEqual(['offpath.action.requested.v1', 'offpath.action.reverted.v1'])
  await until(() => outbox.deliveries({ state: 'delivered' }).length === 4)
  expect(types(0)).toEqual([types(1)[0], types(1)[0], types(1)[1]])
})

test('a repeated try sends nothing new, one that failed everywhere goes out again with the same id', async () => {
  for (const receiver of receivers) receiver.answer(403)
  const connector = await connectorTo(['action'])
  expect(await connector.apply(request())).toEqual({
    ok: false,
    retry: false,
    uncertain: true,
    error: 'no receiver took it (edge0: answered 403; edge1: answered 403)',
  })
  const again = request({ action: action({ attempts: 2 }) })
  expect(await connector.apply(again)).toMatchObject({ ok: true })
  await until(() => outbox.deliveries({ state: 'delivered' }).length === 2)
  expect(await connector.apply(again)).toMatchObject({ ok: true })
  expect(receivers.flatMap(({ received }) => received.length)).toEqual([2, 2])
  expect(new Set(receivers.flatMap(({ received }) => received.map(({ id }) => id))).size).toBe(1)
  expect(new Set(receivers.flatMap(({ received }) => received.map(({ body }) => body))).size).toBe(1)
})

test('what nobody would get is refused without a request', async () => {
  const connector = await connectorTo(['incident'])
  expect(await connector.apply(request())).toMatchObject({
    ok: false,
    retry: false,
    error: expect.stringMatching(/takes action events/),
  })
  expect(outbox.deliveries({})).toEqual([])
})

test('a simulated action is never sent', async () => {
  const connector = await connectorTo(['action'])
  const simulated = request({ action: action({ simulated: true }) })
  expect(await connector.apply(simulated)).toMatchObject({ ok: false, retry: false })
  expect(await connector.revert(simulated)).toMatchObject({ ok: false, retry: false })
  expect(outbox.deliveries({})).toEqual([])
})

test('an abort ends the waiting, not the delivery', async () => {
  for (const receiver of receivers) receiver.answer(503)
  const connector = await connectorTo(['action'])
  const stop = new AbortController()
  const waiting = connector.apply(request({ signal: stop.signal }))
  await until(() => outbox.deliveries({}).every(({ attempts }) => attempts === 1) && outbox.deliveries({}).length === 2)
  stop.abort()
  expect(await waiting).toMatchObject({ ok: false, retry: true })
  expect(await connector.apply(request())).toMatchObject({ ok: true })
})
