import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../config/defaults.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import type { DeployMark } from '../model/deploy.ts'
import { parseTime } from '../model/time.ts'
import { openInput } from '../sources/capture-file.ts'
import { assemble, nativeReader } from './assemble.ts'
import { buildDetection } from './detection.ts'
import { drive } from './inputs.ts'

/** A service that fails from ten o'clock on. */
const RECORDING = join(import.meta.dirname, '../../policies/tests/bad-release.jsonl')
const mark = (version: string, time: string): DeployMark => ({
  id: version,
  service: 'api.shop.test',
  version,
  commit: null,
  at: parseTime(`2026-11-20T${time}Z`)!,
  who: 'pipeline',
})

async function incidentsWith(marks: readonly DeployMark[]): Promise<string[]> {
  const config = await defaultConfig()
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: buildDetection,
    listeners: {},
    detectorFailed: (detector, error) => {
      throw new Error(detector, { cause: error })
    },
  })
  for (const each of marks) assembly.deploy(each)
  const opened = await openInput(RECORDING, { counters: assembly.intake.counters })
  const { info } = opened.source
  const input = { opened, info, reader: nativeReader(assembly, info) }
  await drive(assembly.chain, [input], new AbortController().signal, () => undefined)
  await assembly.chain.close()
  return assembly
    .finish()
    .filter(({ policy }) => policy === 'regressions')
    .map(({ why }) => why)
}

test('a release counts from its event time on: that of the morning has no part in it, that of ten is named', async () => {
  expect(await incidentsWith([])).toEqual([expect.not.stringContaining('since release')])
  const late = mark('9', '23:00:00')
  expect(await incidentsWith([late])).toEqual([expect.not.stringContaining('since release')])
  const marks = [late, mark('2.4.1', '09:59:30'), mark('2.4.0', '09:00:10')]
  expect(await incidentsWith(marks)).toEqual([expect.stringMatching(/ since release 2\.4\.1$/)])
})
