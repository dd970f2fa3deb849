import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { OffpathError } from '../telemetry/errors.ts'
import { isTestKey, keyFrom, loadPrivacyKey, parseKey, TEST_KEY } from './privacy-key.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-key-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

const hex = '5a'.repeat(32)
const load = (settings: Partial<Parameters<typeof loadPrivacyKey>[0]>) =>
  loadPrivacyKey({
    ...{ keyFile: null, previousKeyIds: [], environment: { XDG_CONFIG_HOME: folder }, allowTestKey: false },
    ...settings,
  })
const codeOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    if (error instanceof OffpathError) return error.code
  }
  return 'none'
}

test('hex and base64 of one key are one key; 31 bytes are none', () => {
  const bytes = Buffer.alloc(32, 0x5a)
  expect(parseKey(`${hex}\n`)).toEqual(keyFrom(bytes))
  expect(parseKey(bytes.toString('base64'))).toEqual(keyFrom(bytes))
  expect(parseKey(bytes.toString('base64url'))).toEqual(keyFrom(bytes))
  expect(parseKey('5a'.repeat(31))).toBeNull()
  expect(parseKey('not a key!')).toBeNull()
})

test('the id names the key and does not hold any of it', () => {
  expect(keyFrom(Buffer.alloc(32, 1)).id).toMatch(/^k[0-9a-f]{8}$/)
  expect(keyFrom(Buffer.alloc(32, 1)).id).not.toBe(keyFrom(Buffer.alloc(32, 2)).id)
})

test('a named file comes first, then the environment', () => {
  const path = join(folder, 'key')
  writeFileSync(path, `${'11'.repeat(32)}\n`, { mode: 0o600 })
  const environment = { XDG_CONFIG_HOME: folder, OFFPATH_PRIVACY_KEY: hex }
  expect(load({ keyFile: path, environment }).key).toEqual(keyFrom(Buffer.alloc(32, 0x11)))
  expect(load({ environment })).toMatchObject({ origin: 'environment', key: parseKey(hex) })
})

test('a file that others can read, a missing one and a short key are refused with a remedy', () => {
  const path = join(folder, 'key')
  writeFileSync(path, hex)
  chmodSync(path, 0o644)
  expect(codeOf(() => load({ keyFile: path }))).toBe('OFFPATH_E_KEY')
  chmodSync(path, 0o600)
  expect(codeOf(() => load({ keyFile: path }))).toBe('none')
  expect(codeOf(() => load({ keyFile: join(folder, 'missing') }))).toBe('OFFPATH_E_KEY')
  expect(codeOf(() => load({ keyFile: folder }))).toBe('OFFPATH_E_KEY')
  expect(codeOf(() => load({ environment: { OFFPATH_PRIVACY_KEY: 'short' } }))).toBe('OFFPATH_E_KEY')
})

test('without either, one key is made for this host, readable by its owner only, and found again', () => {
  const made = load({})
  expect(made.origin).toBe('generated')
  expect(statSync(made.path!).mode & 0o777).toBe(0o600)
  expect(readFileSync(made.path!, 'latin1').trim()).toHaveLength(64)
  expect(load({})).toEqual({ ...made, origin: 'file' })
})

test('the published test key is refused unless it is allowed', () => {
  const environment = { OFFPATH_PRIVACY_KEY: TEST_KEY.bytes.toString('hex') }
  expect(isTestKey(TEST_KEY)).toBe(true)
  expect(codeOf(() => load({ environment }))).toBe('OFFPATH_E_KEY')
  expect(load({ environment, allowTestKey: true }).key).toEqual(TEST_KEY)
})

test('a home in which no folder can be made is told, not waited for', () => {
  const settings = {
    keyFile: null,
    previousKeyIds: [],
    environment: { XDG_CONFIG_HOME: '/proc/config' },
    allowTestKey: true,
  }
  expect(() => loadPrivacyKey(settings)).toThrow(expect.objectContaining({ code: 'OFFPATH_E_KEY' }))
})
