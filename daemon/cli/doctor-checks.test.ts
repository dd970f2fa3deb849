import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { examineKey, examineNode, examinePrivileges, examineTunnels } from './doctor-checks.ts'
import { loadSettings } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-doctor-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['20.18.3', 'fail'],
  ['18.20.0', 'fail'],
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['24.1.0', 'ok'],
])('Node %s is %s', (version, level) => expect(examineNode(version, '115').level).toBe(level))

const NET_RAW = 1n << 13n
const SETUID = 1n << 7n

test.each([
  ['root', NET_RAW | SETUID, true, 'ok'],
  ['root without the capability, as in a container', 0n, true, 'fail'],
  ['a plain user', 0n, false, 'fail'],
  ['a user with the capability alone, which cannot be given up', NET_RAW, false, 'fail'],
  ['a user with the capability and the right to give it up', NET_RAW | SETUID, false, 'ok'],
])('%s: a capture is %s', (_, effective, root, level) => {
  const own = { effective, permitted: effective, inheritable: effective, ambient: effective }
  const finding = examinePrivileges(own, root, true)
  expect(finding.level).toBe(level)
  expect(finding.remedy === undefined).toBe(level === 'ok')
  // Without a live source it is a limit to know, not a failure.
  expect(examinePrivileges(own, root, false).level).toBe(level === 'fail' ? 'warn' : 'ok')
})

test('the mode of the key file is looked at, not the key', () => {
  const path = join(folder, 'privacy.key')
  const flags = { privacy: { key_file: path } }
  const { config } = loadSettings(undefined, flags)
  expect(examineKey(config, {})).toMatchObject({ level: 'fail', found: `there is no ${path}` })
  writeFileSync(path, 'made up', { mode: 0o600 })
  expect(examineKey(config, {}).level).toBe('ok')
  chmodSync(path, 0o640)
  expect(examineKey(config, {})).toMatchObject({ level: 'fail', remedy: `chmod 600 ${path}` })
})

test('a key from the environment is named, never shown', () => {
  const finding = examineKey(loadSettings(undefined).config, { OFFPATH_PRIVACY_KEY: 'made-up-key' })
  expect(finding).toEqual({ check: 'privacy key', level: 'ok', found: 'from OFFPATH_PRIVACY_KEY' })
})

test('a tunnel needs an address of this host, and a kernel that gives its buffer', () => {
  const found = (listen: string, mostBytes: number) =>
    examineTunnels(
      loadSettings(undefined, { sources: [{ kind: 'udp-tunnel', listen, senders: ['10.0.0.0/8'] }] }).config,
      ['127.0.0.1', '10.0.0.5'],
      mostBytes,
    )
  expect(found('10.0.0.5:4789', 2 ** 26)).toMatchObject([{ level: 'ok', found: '10.0.0.5:4789, from 10.0.0.0/8' }])
  expect(found('0.0.0.0:4789', Number.NaN)).toMatchObject([{ level: 'ok' }])
  expect(found('10.0.0.6:4789', 2 ** 26)).toMatchObject([
    { level: 'fail', found: 'this host has no address 10.0.0.6', remedy: expect.stringContaining('10.0.0.5') },
  ])
  expect(found('10.0.0.5:4789', 212_992)).toMatchObject([
    { level: 'warn', remedy: 'sysctl -w net.core.rmem_max=33554432' },
  ])
})
