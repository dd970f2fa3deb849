import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asking, connectByConfig } from '../../daemon/cli/connection.ts'
import { offlineSources } from '../../daemon/cli/offline-sources.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { readConfigText } from '../../daemon/config/load.ts'
import { clickHouseOptions } from '../../daemon/topology/store-settings.ts'
import { plantedCapture } from '../canary/planted-capture.ts'
import { drained, openEmbeddedStore, replayInto } from '../canary/stored-replay.ts'
import { command } from './command.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-offline-'))
const data = join(folder, 'data')
const config = join(folder, 'offpath.yaml')

const settings = (text: string) => effectiveConfig(CONFIG_SCHEMA, readConfigText(text, 'offpath.yaml'), {}).config

beforeAll(async () => {
  const capture = join(folder, 'a.pcap')
  writeFileSync(capture, plantedCapture())
  writeFileSync(config, `state:\n  folder: ${data}\n`)
  const store = await openEmbeddedStore(data)
  await replayInto(data, store, [capture])
  await drained(store)
  await store.close(5000)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('without a daemon the data folder and the configuration answer: incidents, policies, the store', async () => {
  await asking(connectByConfig({ config }, 'allowed'), async (operations) => {
    expect(operations.online).toBe(false)
    const [incident] = await operations.incidents({ policy: 'auth-bruteforce' })
    const detail = await operations.incident(incident!.id)
    expect(detail.transactions).toHaveLength(15)
    expect(detail.signals.length).toBeGreaterThan(5)
    expect(detail.policy).toMatchObject({ id: 'auth-bruteforce', mode: 'simulate', max_log10_p: -5 })
    expect((await operations.query({ sql: 'SELECT count() FROM transactions' })).rows[0]![0]).toBeTruthy()
  })
})

test('the commands run on it, and a decision is exit 69', async () => {
  const { stdout, status } = await command(connectByConfig, ['incident', 'list', '--config', config])
  expect(status).toBe(0)
  expect(stdout).toMatch(/ Password guessing /)
  const decided = await command(connectByConfig, ['action', 'deny', 'x', '--reason', 'r', '--config', config])
  expect(decided.status).toBe(69)
})

test('what the ledger does not have is listed from the store, by the same filters', async () => {
  const replayed = join(folder, 'replayed.yaml')
  writeFileSync(replayed, `state:\n  folder: ${data}\n`)
  rmSync(join(data, 'state', 'incidents'))
  const list = async (...args: string[]) => {
    const { stdout } = await command(connectByConfig, ['incident', 'list', '-o', 'json', '--config', replayed, ...args])
    return (JSON.parse(stdout) as { policy: string }[]).map(({ policy }) => policy).sort()
  }
  const all = ['auth-bruteforce', 'auth-token-hygiene', 'leaking-answers', 'scan-probing']
  expect(await list()).toEqual(all)
  expect(await list('--policy', 'scan-probing')).toEqual(['scan-probing'])
  expect(await list('--severity', 'low', '--since', '2026-11-21T19:00:00Z')).toEqual(all)
  expect(await list('--severity', 'high')).toEqual(['leaking-answers'])
  expect(await list('--since', '2026-11-21T23:00:00Z')).toEqual([])
  expect(await list('--limit', '1')).toHaveLength(1)
})

test('asking makes no store, and opens none of another user', async () => {
  const empty = join(folder, 'empty')
  const open = (state: string) => offlineSources(settings(`state:\n  folder: ${state}\n`), {}).openStore
  expect(open(empty)).toBeUndefined()
  expect(existsSync(empty)).toBe(false)
  if (process.getuid?.() !== 0) return
  mkdirSync(join(empty, 'clickhouse'), { recursive: true })
  chownSync(join(empty, 'clickhouse'), 65_534, 65_534)
  await expect(open(empty)!()).rejects.toMatchObject({
    code: 'OFFPATH_E_DATA_FOLDER',
    remedy: "run this as its owner: sudo -u '#65534' offpath …",
  })
})

test('the password of a server comes from the file, else from the variable; one that cannot be used is said', () => {
  const server = (more: string) => settings(`sinks:\n  clickhouse:\n    url: https://ch.example.test:8443\n${more}`)
  const secret = join(folder, 'password')
  writeFileSync(secret, 'from a file\n', { mode: 0o600 })
  const environment = { OFFPATH_CLICKHOUSE_PASSWORD: 'from a variable', OTHER: 'other' }
  expect(clickHouseOptions(server(''), environment)).toMatchObject({ kind: 'server', password: 'from a variable' })
  expect(clickHouseOptions(server('    password_env: OTHER\n'), environment)).toMatchObject({ password: 'other' })
  expect(clickHouseOptions(server(`    password_file: ${secret}\n`), environment)).toMatchObject({
    password: 'from a file',
  })
  expect(() => clickHouseOptions(server(`    password_file: ${secret}-not\n`), environment)).toThrow('cannot be used')
  expect(offlineSources(settings('store:\n  enabled: false\n'), {}).openStore).toBeUndefined()
})
