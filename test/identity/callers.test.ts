import { createHmac } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { inventoryPath } from '../../daemon/api/inventory-file.ts'
import type { Claims, Principal } from '../../daemon/model/transaction.ts'
import { jsonLines, offpath } from '../in-process.ts'

/** What an operator configures and sees of callers, through the program. */

const folder = mkdtempSync(join(tmpdir(), 'offpath-callers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Line {
  readonly principal: Principal
  readonly claims: Claims | null
  readonly weirds: readonly string[]
}
type Fields = Readonly<Record<string, unknown>>

let files = 0
function written(text: string, ending: string): string {
  const path = join(folder, `${files++}${ending}`)
  writeFileSync(path, text)
  return path
}

/** Records as a tap writes them, a second apart. */
function records(list: readonly Fields[]): string {
  const lines = list.map((fields, second) =>
    JSON.stringify({
      ts: new Date(Date.UTC(2026, 10, 20, 9, 0, second)).toISOString(),
      ...{
        method: 'GET',
        host: 'api.shop.test',
        path: '/v1/me',
        status: 200,
        client_ip: '203.0.113.7',
        redacted: false,
      },
      ...fields,
      request_headers: [['Host', 'api.shop.test'], ...((fields.request_headers as string[][] | undefined) ?? [])],
    }),
  )
  return written(`${lines.join('\n')}\n`, '.jsonl')
}

async function transactions(list: readonly Fields[], config: string): Promise<Line[]> {
  const file = records(list)
  const ran = await offpath('replay', file, '--emit', 'transactions', '--config', written(config, '.yaml'))
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  return jsonLines<Line>(ran.stdout)
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const secret = Buffer.alloc(32, 9)
function token(claims: Fields, key: Buffer = secret): string {
  const text = `${part({ alg: 'HS256', kid: 'h1' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
const bearer = (text: string) => ({ request_headers: [['Authorization', `Bearer ${text}`]] })
const keys = written(JSON.stringify({ keys: [{ kty: 'oct', kid: 'h1', k: secret.toString('base64url') }] }), '.json')

test('identity.jwks: a transaction says whether its token was signed with one of the keys, also when it is read back', async () => {
  const config = `identity:\n  jwks:\n    - file: ${keys}\n      issuer: https://id.shop.test\n`
  const iss = 'https://id.shop.test'
  const lines = await transactions(
    [
      bearer(token({ iss, sub: 'u_1' })),
      bearer(token({ iss, sub: 'u_2' }, Buffer.alloc(32, 1))),
      bearer(token({ iss: 'https://other.test', sub: 'u_3' })),
      { ...bearer(token({ iss, sub: 'u_4' }, Buffer.alloc(32, 1))), status: 401 },
    ],
    config,
  )
  expect(lines.map(({ claims }) => claims?.verified)).toEqual(['yes', 'no', 'unknown', undefined])
  const again = written(lines.map((line) => JSON.stringify(line)).join('\n'), '.jsonl')
  const ran = await offpath('replay', again, '--emit', 'transactions')
  expect(jsonLines<Line>(ran.stdout)).toEqual(lines)
})

test('a forged token that a server takes is an incident where the keys are known, and nothing without them', async () => {
  const users = Array.from({ length: 40 }, (_, user) => bearer(token({ iss: 'id', sub: `u_${user % 7}` })))
  const forged = { ...bearer(token({ iss: 'id', sub: 'u_3' }, Buffer.alloc(32, 1))), client_ip: '198.51.100.66' }
  const file = records([...users, forged])
  const withKeys = written(`identity:\n  jwks:\n    - file: ${keys}\n`, '.yaml')
  const found = await offpath('replay', file, '--emit', 'signals', '--config', withKeys)
  expect(jsonLines<Fields>(found.stdout)).toMatchObject([
    { detector: 'auth.token_forged', severity: 'high', evidence: { kinds: ['bad_signature'], key_id: 'h1' } },
  ])
  expect((await offpath('replay', file, '--emit', 'signals')).stdout).toBe('')
})

test('identity.jwks: a file that is none is told with its place, and nothing of what is in it', async () => {
  const broken = written('{"keys":[{"kty":"oct","k":"hunter2"}', '.json')
  const config = written(`identity:\n  jwks:\n    - file: ${broken}\n`, '.yaml')
  const ran = await offpath('replay', records([{}]), '--config', config)
  expect(ran.status).toBe(78)
  expect(ran.stderr).toContain('identity.jwks[0].file')
  expect(ran.stderr).not.toContain('hunter2')
})

test('identity.certificate_headers: a certificate names its holder, from a trusted hop', async () => {
  const config = 'identity:\n  trusted_hops: [198.51.100.0/24]\n  certificate_headers: [Ssl-Client-Subject-Dn]\n'
  const subject = (value: string) => [['ssl-client-subject-dn', value]]
  const [edge, refused, stranger] = await transactions(
    [
      { client_ip: '198.51.100.4', request_headers: subject('CN=partner-7,O=Acme') },
      { client_ip: '198.51.100.4', request_headers: [...subject('CN=x'), ['ssl-client-verify', 'FAILED:expired']] },
      { client_ip: '203.0.113.7', request_headers: subject('CN=partner-7,O=Acme') },
    ],
    config,
  )
  expect(edge?.principal).toMatchObject({ kind: 'consumer', display: 'partner-7', via: 'certificate' })
  expect(refused?.principal.kind).toBe('ip')
  expect(stranger?.principal.kind).toBe('ip')
  expect(stranger?.weirds).toContain('certificate.untrusted')
})

test('act: the subject stays the caller, who acts stands in the claims', async () => {
  const [line] = await transactions([bearer(token({ iss: 'id', sub: 'u_1', act: { sub: 'agent_7' } }))], '')
  expect(line).toMatchObject({ principal: { kind: 'user', display: 'u_1' }, claims: { sub: 'u_1', actor: 'agent_7' } })
})

test('a new key of a consumer is the caller that the old one was; a consumer with many keys is a group', async () => {
  const shown = (consumer: string, key: string) => ({ consumer, request_headers: [['X-Api-Key', key]] })
  const lines = await transactions(
    [
      ...['k1', 'k2', 'k1'].map((key) => shown('acme', `${key}-0123456789`)),
      ...['p1', 'p2', 'p3', 'p4', 'p1'].map((key) => shown('public', `${key}-0123456789`)),
    ],
    '',
  )
  const ids = lines.map(({ principal }) => principal.id)
  expect(lines[0]?.principal.kind).toBe('api_key')
  expect(new Set(ids.slice(0, 3)).size).toBe(1)
  expect(ids[6]).not.toBe(ids[3])
  expect(ids[7]).toBe(ids[3])
})

test('identity.names and identity.display: keys that take turns are one caller, users are shown as they may be', async () => {
  const key = (value: string) => ({ request_headers: [['X-Api-Key', value]] })
  const [old, next] = await transactions([key('key-0123456789'), key('key-9876543210')], '')
  expect(next?.principal.id).not.toBe(old?.principal.id)
  const config = `identity:
  names: [{ name: acme, ids: [${old?.principal.id}, ${next?.principal.id}] }]
  display: [{ issuer: id, claim: nick }, { claim: null }]
`
  const lines = await transactions(
    [
      key('key-0123456789'),
      key('key-9876543210'),
      bearer(token({ iss: 'id', sub: 'u_1', nick: 'jo' })),
      bearer(token({ iss: 'id', sub: 'u_2', nick: 'kim@shop.test' })),
      bearer(token({ iss: 'other', sub: 'u_3', nick: 'lu' })),
    ],
    config,
  )
  expect(lines[1]?.principal).toEqual(lines[0]?.principal)
  const short = expect.stringMatching(/^hmac:[0-9a-f]{8}$/)
  expect(lines.map(({ principal }) => principal.display)).toEqual(['acme', 'acme', 'jo', short, short])
})

test('clients list and show: role with reasons, labels, networks and programs', async () => {
  const key = [['X-Api-Key', 'key-0123456789']]
  const agent = (name: string) => [['User-Agent', name]]
  const file = records([
    ...Array.from({ length: 30 }, (_, i) => ({
      ...{ path: `/v1/orders/${i}`, client_ip: `198.51.100.${i % 3}` },
      request_headers: [...key, ...agent('ShipLink/3.1')],
    })),
    ...Array.from({ length: 30 }, (_, i) => ({
      ...{ path: `/v1/orders/${100 + i}`, ...bearer(token({ iss: 'id', sub: 'u_1' })) },
      request_headers: [
        ...bearer(token({ iss: 'id', sub: 'u_1' })).request_headers,
        ...agent('Shop/7.1 (iPhone; iOS 19)'),
      ],
    })),
  ])
  const labels = `identity:
  labels:
    - { name: ours, when: 'client.networks.exists(n, n == "198.51.100.0/24")' }
    - { name: never, when: 'client.claimed[9] == "x"' }
`
  const config = written(labels, '.yaml')
  const list = await offpath('clients', 'list', '--capture', file, '--config', config, '-o', 'json')
  expect(JSON.parse(list.stdout)).toMatchObject([
    { kind: 'user', role: 'customer', labels: [], agents: ['Shop'], credentials: 1, devices: 1 },
    { kind: 'api_key', role: 'partner', labels: ['ours'], networks: ['198.51.100.0/24'], shared: false },
  ])
  const show = await offpath('clients', 'show', 'u_1', '--capture', file, '--config', config)
  expect(show.stdout).toMatch(/Role +customer: signed in, with an app/)
})

test('identity.labels: a condition that is wrong is refused with its place', async () => {
  const config = written(`identity:\n  labels: [{ name: a, when: 'client.rolle == "x"' }]\n`, '.yaml')
  const ran = await offpath('clients', 'list', '--capture', records([{}]), '--config', config)
  expect(ran.status).toBe(78)
  expect(ran.stderr).toMatch(/identity\.labels\[0\]\.when.*is no condition over client/)
})

test('doctor says which hops the daemon has seen, and what naming them would change', async () => {
  const state = mkdtempSync(join(folder, 'state-'))
  mkdirSync(join(state, 'state'))
  const loss = { operations: 0, candidates: 0, clients: 0, fields: 0, bodies: 0 }
  const lines = [
    { kind: 'inventory', version: 1, loss },
    { kind: 'hop', hop: { address: '10.0.0.7', trust: 'default', requests: 48_210 } },
  ]
  writeFileSync(inventoryPath(state), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const ran = await offpath('doctor', '-o', 'json', '--config', written(`state:\n  folder: ${state}\n`, '.yaml'))
  const checks = JSON.parse(ran.stdout) as { check: string; found: string }[]
  const found = checks.find(({ check }) => check === 'trusted hops')?.found
  expect(found).toContain('seen: 10.0.0.7 (48210 requests)')
  expect(found).toContain('identity.trusted_hops: [10.0.0.7] would let actions be pointed')
})
