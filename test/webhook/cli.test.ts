import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Operations, WebhookStatusJson } from '../../daemon/api/operations.ts'
import type { Connect } from '../../daemon/cli/connection.ts'
import type { CliContext } from '../../daemon/cli/context.ts'
import { explainFailure } from '../../daemon/cli/failure.ts'
import { addWebhook } from '../../daemon/cli/webhook.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { Outbox } from '../../sinks/webhook/outbox.ts'
import { sign } from '../../sinks/webhook/signature.ts'
import { Receiver, until } from './receiver.ts'

const SECRET = randomBytes(32)
const environment = {
  SECRET: `whsec_${SECRET.toString('base64')}`,
  OTHER: `whsec_${randomBytes(24).toString('base64')}`,
}
const BODY = '{"a":"ä"}'
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-webhook-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(args: readonly string[], stdin = '', connect?: Connect) {
  const out: string[] = []
  const sink = () => new Writable({ write: (chunk, _, done) => done(void out.push(String(chunk)) as undefined) })
  const context = {
    environment,
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
    stdout: sink(),
    stderr: sink(),
    logger: createLogger('silent', { write: () => undefined }),
    width: 120,
    colour: false,
    stop: new AbortController(),
    exitCode: 0,
  } as unknown as CliContext
  const program = new Command('offpath').exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} })
  addWebhook(program, context, connect)
  try {
    await program.parseAsync(['webhook', ...args], { from: 'user' })
    return { status: context.exitCode, text: out.join('') }
  } catch (error) {
    const failure = explainFailure(error, false)
    return { status: failure.exitCode, text: out.join('') + failure.text }
  }
}

describe('webhook verify', () => {
  const flags = (nowMs = Date.now()) =>
    Object.entries(sign('evt-1', BODY, [SECRET], nowMs)).flatMap(([name, value]) => ['--header', `${name}: ${value}`])

  test('says that a signature is right, from flags and standard input or from files', async () => {
    expect(await run(['verify', '--secret-env', 'SECRET', ...flags()], BODY)).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^ok: evt-1, signed \d s ago\n$/),
    })
    const [head, body, secret] = ['head', 'body', 'secret'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    const lines = Object.entries(sign('evt-2', BODY, [SECRET], Date.now() - 600_000)).map(
      ([name, value]) => `${name.toUpperCase()}: ${value}\r\n`,
    )
    writeFileSync(head, `POST /hook HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n`)
    writeFileSync(body, BODY)
    writeFileSync(secret, `${environment.SECRET}\n`, { mode: 0o600 })
    const files = ['verify', '--secret-file', secret, '--headers', head, '--body', body]
    expect(await run([...files, '--tolerance', '900'])).toMatchObject({
      status: 0,
      text: expect.stringMatching(/evt-2/),
    })
    expect(await run(files)).toMatchObject({
      status: 1,
      text: expect.stringMatching(/too old[\s\S]*OFFPATH_E_SIGNATURE/),
    })
  })

  test('says which check failed, and never shows a secret', async () => {
    for (const [args, body, status, text] of [
      [['--secret-env', 'SECRET', ...flags()], `${BODY}\n`, 1, /is of another body[\s\S]*11 bytes/],
      [['--secret-env', 'OTHER', ...flags()], BODY, 1, /is of another body, id, timestamp or secret/],
      [['--secret-env', 'SECRET'], BODY, 1, /webhook-id is missing/],
      [['--secret-env', 'NONE', ...flags()], BODY, 78, /NONE is not set/],
      [flags(), BODY, 2, /no secret is named/],
      [['--secret-env', 'SECRET', '--body', join(folder, 'none')], BODY, 1, /OFFPATH_E_NO_FILE/],
    ] as const) {
      const ran = await run(['verify', ...args], body)
      expect(ran).toMatchObject({ status, text: expect.stringMatching(text) })
      expect(ran.text).not.toContain(environment.SECRET.slice(6, 20))
    }
  })
})

test('deliveries are listed and dead letters queued again, through a real outbox', async () => {
  const receiver = await Receiver.listen()
  receiver.answer(422, 500)
  mkdirSync(join(folder, 'state'))
  const outbox = await Outbox.open({
    path: join(folder, 'state', 'deliveries'),
    endpoints: [
      { name: 'siem', url: receiver.url, secrets: [SECRET], events: ['incident'], caFile: null, timeoutMs: 2000 },
    ],
    userAgent: 'Offpath/test',
    logger: createLogger('silent', { write: () => undefined }),
  })
  const connect: Connect = () =>
    Promise.resolve({
      online: true,
      close: () => Promise.resolve(),
      deliveries: (filter: object) => Promise.resolve(outbox.deliveries(filter)),
      redeliver: (which: object) => outbox.redeliver(which),
    } as unknown as Operations & { online: boolean; close(): Promise<void> })
  expect((await run(['deliveries'], '', connect)).text).toBe('No deliveries.\n')
  const event = { kind: 'incident', type: 'offpath.incident.opened.v1', body: '{}' } as const
  await outbox.publish({ ...event, id: 'e1', subject: 'i1\u001b[2J' })
  await until(() => outbox.deliveries({ state: 'dead' }).length === 1)
  await outbox.publish({ ...event, id: 'e2', subject: 'i2' })
  await until(() => outbox.deliveries({ endpoint: 'siem' }).every(({ attempts }) => attempts === 1))
  const { text } = await run(['deliveries'], '', connect)
  const [titles, newest, oldest] = text.split('\n')
  expect(titles).toMatch(/^CREATED +EVENT +TYPE +INCIDENT +ENDPOINT +STATE +TRIES +LAST ANSWER$/)
  expect(newest).toMatch(/ e2 +incident\.opened +i2 +siem +retry \d\d:\d\d:\d\d +1 +answered 500$/)
  expect(oldest).toMatch(/ e1 +incident\.opened +i1\\x1b\[2J +siem +dead +1 +answered 422$/)
  expect(JSON.parse((await run(['deliveries', '--state', 'dead', '-o', 'json'], '', connect)).text)).toEqual(
    outbox.deliveries({ state: 'dead' }),
  )
  expect(await run(['redeliver'], '', connect)).toMatchObject({ status: 2 })
  expect(await run(['redeliver', 'e2'], '', connect)).toMatchObject({
    status: 1,
    text: expect.stringMatching(/OFFPATH_E_STATE/),
  })
  expect(await run(['redeliver', 'e1'], '', connect)).toEqual({ status: 0, text: '1 delivery queued\n' })
  await until(() => outbox.deliveries({ state: 'delivered' }).length === 1)
  expect(await run(['redeliver', '--endpoint', 'siem', '--all-dead'], '', connect)).toMatchObject({
    text: '0 deliveries queued\n',
  })
  const status: readonly WebhookStatusJson[] = outbox.status()
  expect(status).toMatchObject([{ endpoint: 'siem', delivered: 1, pending: 1, dead: 0 }])
  await outbox.stop(0)
  await receiver.close()
  // Without a daemon the data folder is read, and nothing can be sent.
  const config = join(folder, 'offpath.yaml')
  writeFileSync(config, `state: {folder: ${JSON.stringify(folder)}}\n`)
  const offline = await run(['deliveries', '--config', config, '-o', 'jsonl'])
  expect(offline.text.split('\n').map((line) => line && JSON.parse(line).event)).toEqual(['e2', 'e1', ''])
  expect(await run(['redeliver', 'e1', '--config', config])).toMatchObject({ status: 69 })
})
