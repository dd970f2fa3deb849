import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { inventoryPath } from '../../daemon/api/inventory-file.ts'
import type { Inventory } from '../../daemon/inventory/inventory.ts'
import { PLANTED, SECRETS } from '../conformance/planted-secrets.ts'
import { HOSTILE_TEXT, hasUnshowable } from '../hostile-text.ts'
import { onTerminal as offpath } from '../in-process.ts'
import { DAY, handMade } from './learn.ts'

const SPEC = join(import.meta.dirname, 'shop.yaml')
const folder = mkdtempSync(join(tmpdir(), 'offpath-inventory-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A data folder without a daemon, in which this inventory was kept. */
function kept(name: string, inventory: Inventory): string {
  const state = join(folder, name)
  mkdirSync(join(state, 'state'), { recursive: true })
  writeFileSync(inventoryPath(state), [...inventory.snapshot()].map((line) => `${JSON.stringify(line)}\n`).join(''))
  const config = join(folder, `${name}.yaml`)
  writeFileSync(config, `state:\n  folder: ${state}\n`)
  return config
}

test('routes list, show, clients and sensitive, learnt from a capture', async () => {
  const list = await offpath('routes', 'list', '--capture', DAY)
  expect(list).toMatchObject({ status: 0, stderr: '' })
  const rows = list.stdout.split('\n')
  expect(rows[0]).toBe(
    'METHOD  PATH                        REQUESTS  ANSWERED  CALLERS  IDENTITY           SENSITIVE             FIRST SEEN',
  )
  expect(rows).toContain(
    'GET     /v1/orders/{id}                 3372      99 %      253  jwt.sub            -                     2026-11-19',
  )
  expect(list.stdout).toContain('14 routes of api.shop.test.')
  const show = await offpath('routes', 'show', 'GET', '/v1/orders/{id}', '--capture', DAY)
  expect(show.stdout).toMatch(/^GET \/v1\/orders\/\{id\}\n\nService +api\.shop\.test\n/)
  expect(show.stdout).toMatch(/response +status +string +100 % +delivered \| sent\n/)
  const clients = await offpath('clients', 'list', '--limit', '2', '-o', 'json', '--capture', DAY)
  expect(JSON.parse(clients.stdout)[0]).toMatchObject({ kind: 'user', display: 'svc_export', requests: 804 })
  const one = await offpath('clients', 'show', 'svc_export', '--capture', DAY)
  expect(one.stdout).toMatch(/Known by +the subject of its tokens \(jwt\.sub\)\n/)
  const sensitive = await offpath('sensitive', 'list', '--class', 'email', '--capture', DAY)
  expect(sensitive.stdout.split('\n')[1]).toMatch(/^email +POST \/v1\/login +body +email +60 of 60 +no$/)
}, 60_000)

test('without captures and a daemon the data folder answers; without a folder, nobody does', async () => {
  const { inventory, send } = handMade()
  send({ target: '/v1/orders/7' })
  const config = kept('offline', inventory)
  const list = await offpath('routes', 'list', '--config', config, '-o', 'jsonl')
  expect(JSON.parse(list.stdout)).toMatchObject({ endpoint: 'GET /v1/orders/{id}', requests: 1, state: 'candidate' })
  writeFileSync(join(folder, 'none.yaml'), `state:\n  folder: ${join(folder, 'absent')}\n`)
  expect((await offpath('routes', 'list', '--config', join(folder, 'none.yaml'))).status).toBe(69)
  const missing = await offpath('routes', 'show', '/v1/order/7', '--config', config)
  expect(missing).toMatchObject({ status: 1, stdout: '' })
  expect(missing.stderr).toContain('there is no route /v1/order/7')
})

test('drift exits 3 with findings, 0 without, and says what it could not follow', async () => {
  const drift = await offpath('routes', 'drift', '--spec', SPEC, '--capture', DAY)
  expect(drift.status).toBe(3)
  expect(drift.stdout).toMatch(/error +authentication +GET \/v1\/products /)
  expect(drift.stdout).toMatch(
    /\n13 differences: 3 shadow, 1 deprecated, 1 unused, 1 authentication, 3 parameter, 4 response\.\n$/,
  )
  expect(drift.stderr).toContain('https://schemas.example.test/t.json')
  const sarif = await offpath(
    'routes',
    'drift',
    '--spec',
    SPEC,
    '--capture',
    DAY,
    '-o',
    'sarif',
    '--ignore',
    'shadow',
    'unused',
  )
  expect(JSON.parse(sarif.stdout).runs[0].results).toHaveLength(9)
  const exported = join(folder, 'seen.json')
  writeFileSync(exported, (await offpath('routes', 'export', '--capture', DAY)).stdout)
  expect(await offpath('routes', 'drift', '--spec', exported, '--capture', DAY)).toMatchObject({
    status: 0,
    stdout: 'No drift: what was seen is what is described.\n',
  })
  const broken = await offpath('routes', 'drift', '--spec', DAY, '--capture', DAY)
  expect(broken).toMatchObject({ status: 1, stdout: '' })
  expect(broken.stderr).toContain('OFFPATH_E_SPEC')
  expect((await offpath('routes', 'drift', '--spec', join(folder, 'absent.yaml'))).stderr).toContain(
    'OFFPATH_E_NO_FILE',
  )
}, 60_000)

const NO_GLYPH = /[\u034f\u115f\u1160\u3164\uffa0]|[\u{e0100}-\u{e01ef}]/gu

const EVERY = [
  ['routes', 'list'],
  ['routes', 'list', '-o', 'json'],
  ['routes', 'list', '-o', 'jsonl'],
  ['routes', 'export', '--service', 'api.shop.test'],
  ['routes', 'export', '--format', 'json'],
  ['routes', 'drift', '--spec', SPEC],
  ['routes', 'drift', '--spec', SPEC, '-o', 'jsonl'],
  ['routes', 'drift', '--spec', SPEC, '-o', 'sarif'],
  ['clients', 'list'],
  ['clients', 'list', '-o', 'json'],
  ['sensitive', 'list'],
  ['sensitive', 'list', '-o', 'json'],
]

test('text of attackers acts on no terminal, and no planted secret is in any output', async () => {
  const { inventory, send } = handMade()
  for (const { text } of HOSTILE_TEXT) {
    for (const client of ['203.0.113.1', '203.0.113.2']) {
      const body = JSON.stringify({ [text]: text, note: text, list: [{ [text]: text }] })
      const headers = [
        ['Content-Type', 'application/json'],
        ['X-Note', text],
      ] as const
      // Lone surrogates are no text that a client can encode.
      const sent = encodeURIComponent(text.replaceAll(/[\ud800-\udfff]/g, 'x'))
      const target = `/v1/${sent.slice(0, 300)}?${sent}=1`
      send({ target, method: 'POST', headers, body, responseHeaders: headers, responseBody: body, client })
      send({
        target: `/w/${text}`,
        headers: [['Authorization', `Basic ${Buffer.from(`${text}:x`).toString('base64')}`]],
        client,
      })
    }
  }
  for (const [, exchange] of PLANTED) send(exchange)
  const config = kept('hostile', inventory)
  for (const args of EVERY) {
    const { status, stdout } = await offpath(...args, '--config', config)
    expect([args.join(' '), [0, 3].includes(status), stdout.length > 50]).toEqual([args.join(' '), true, true])
    // What merely has no glyph stays in JSON as it is: sinks/escape.ts.
    const shown = stdout.startsWith('{') || stdout.startsWith('[') ? stdout.replace(NO_GLYPH, '') : stdout
    expect([args.join(' '), hasUnshowable(shown)]).toEqual([args.join(' '), false])
    for (const secret of SECRETS) expect(stdout.includes(secret), `${args.join(' ')} ${secret}`).toBe(false)
  }
})

test('routes say whether they are described, by the descriptions of the configuration, as the files are then', async () => {
  const spec = join(folder, 'own.yaml')
  const config = join(folder, 'described.yaml')
  writeFileSync(spec, 'openapi: 3.1.0\npaths:\n  /v1/orders/{id}: { get: {} }\n')
  writeFileSync(config, `endpoints:\n  descriptions:\n    - file: ${spec}\n`)
  const list = (...more: string[]) => offpath('routes', 'list', '--capture', DAY, '--config', config, ...more)
  const described = async () =>
    (JSON.parse((await list('-o', 'json')).stdout) as { endpoint: string; documented: boolean }[])
      .filter(({ documented }) => documented)
      .map(({ endpoint }) => endpoint)
  expect(await described()).toEqual(['GET /v1/orders/{id}'])
  expect((await list()).stdout).toMatch(/^GET +\/v1\/orders\/\{id\} .* yes *$/m)
  expect((await list()).stdout).toMatch(/^GET +\/v1\/products .* no *$/m)
  const show = await offpath('routes', 'show', '/v1/cart', '--capture', DAY, '--config', config)
  expect(show.stdout).toMatch(/^Described +no$/m)
  const drift = await offpath('routes', 'drift', '--capture', DAY, '--config', config)
  expect(drift).toMatchObject({ status: 3 })
  expect(drift.stdout).toMatch(/^warning +shadow +GET \/v1\/products +is not described/m)
  writeFileSync(spec, 'openapi: 3.1.0\npaths:\n  /v1/cart: { get: {} }\n')
  expect(await described()).toEqual(['GET /v1/cart'])
  writeFileSync(spec, 'openapi: [')
  expect(await list()).toMatchObject({ status: 1, stderr: expect.stringContaining(spec) })
  expect((await offpath('routes', 'drift', '--capture', DAY)).status).toBe(2)
})

test('hosts that are one service are listed as one', async () => {
  const config = join(folder, 'services.yaml')
  writeFileSync(config, "endpoints:\n  services:\n    - { name: shop, hosts: ['*.shop.test'] }\n")
  expect((await offpath('routes', 'list', '--capture', DAY, '--config', config)).stdout).toContain('14 routes of shop.')
})
