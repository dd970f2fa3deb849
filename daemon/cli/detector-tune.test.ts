import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { defaultConfig } from '../config/defaults.ts'
import { loadPrivacyKey } from '../identity/privacy-key.ts'
import { type TuneRequest, tune } from './detector-tune.ts'
import { saveOptions } from './save-options.ts'

const RECORDING = join(import.meta.dirname, '../../policies/tests/word-list.jsonl')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-tune-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function asked(settings: readonly string[], files: readonly string[] = [RECORDING]): Promise<TuneRequest> {
  const config = await defaultConfig()
  return {
    declaration: DETECTORS.find(({ id }) => id === 'scan.probing')!,
    settings,
    config: { ...config, state: { ...config.state, folder: join(folder, 'none') } },
    key: loadPrivacyKey({ keyFile: null, previousKeyIds: [], environment: {}, allowTestKey: true }).key,
    files,
    days: 7,
    environment: {},
    warn: () => {},
    stop: new AbortController().signal,
  }
}

test('says what would be told no more', async () => {
  const result = await tune(await asked(['report=1e-30']))
  expect(result.changes).toEqual([{ key: 'report', from: 1e-3, to: 1e-30 }])
  expect(result.before.incidents).toHaveLength(1)
  expect(result.after).toEqual({ signals: 0, incidents: [] })
  expect(result.gone).toEqual(result.before.incidents)
  expect(result.gone[0]).toMatchObject({ severity: 'low', subject: 'ip 203.0.113.9' })
  expect(result.added).toEqual([])
})

test('options as they are change nothing', async () => {
  const result = await tune(await asked(['report=0.001']))
  expect(result.after).toEqual(result.before)
  expect([result.gone, result.added]).toEqual([[], []])
})

test.each([
  ['reprot=1', { code: 'OFFPATH_E_USAGE', message: 'scan.probing has no option reprot (did you mean report?)' }],
  ['report', { code: 'OFFPATH_E_USAGE', message: expect.stringContaining('expected key=value') }],
  ['report=7', { code: 'OFFPATH_E_CONFIG', message: expect.stringContaining('expected less than 1, found 7') }],
  ['report=much', { code: 'OFFPATH_E_CONFIG' }],
])('--set %s is told where it is wrong', async (setting, error) => {
  await expect(tune(await asked([setting]))).rejects.toMatchObject(error)
})

test('without a recording and without a store it says so', async () => {
  await expect(tune(await asked(['report=0.1'], []))).rejects.toMatchObject({ code: 'OFFPATH_E_STORE' })
})

test('saving keeps what is in the file', () => {
  const path = join(folder, 'offpath.yaml')
  writeFileSync(path, '# ours\ndetectors:\n  scan.probing:\n    report: 0.01 # for now\nserver: {}\n')
  saveOptions(path, 'scan.probing', [{ key: 'report', from: 0.01, to: 1e-6 }])
  expect(readFileSync(path, 'utf8')).toBe(
    '# ours\ndetectors:\n  scan.probing:\n    report: 0.000001 # for now\nserver: {}\n',
  )
  const made = join(folder, 'made.yaml')
  saveOptions(made, 'scan.probing', [{ key: 'report', from: null, to: 0.5 }])
  expect(readFileSync(made, 'utf8')).toBe('detectors:\n  scan.probing:\n    report: 0.5\n')
})
