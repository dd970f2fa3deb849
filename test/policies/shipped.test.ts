import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DETECTORS } from '../../analyzers/registry.ts'
import { testPolicy } from '../../daemon/cli/policy-test.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { shippedPolicies } from '../../daemon/policies/load.ts'
import { writePcap } from '../mutate/capture-file.ts'
import { FIXTURES, fixtureText } from './fixtures.ts'
import { SENSOR_CAPTURES } from './sensor-captures.ts'

const { documents, policies } = shippedPolicies()
const { config } = effectiveConfig(CONFIG_SCHEMA, null)

test.each(Object.entries(FIXTURES))('policies/tests/%s is what fixtures.ts makes', async (name, requests) => {
  await expect(fixtureText(requests)).toMatchFileSnapshot(join(import.meta.dirname, '../../policies/tests', name))
})

const UPDATES = process.env['OFFPATH_FIXTURES_UPDATE'] === '1'

test.each(Object.entries(SENSOR_CAPTURES))(
  'policies/tests/%s is what sensor-captures.ts makes (OFFPATH_FIXTURES_UPDATE=1 writes it)',
  (name, frames) => {
    const path = join(import.meta.dirname, '../../policies/tests', name)
    const capture = writePcap(frames())
    if (UPDATES) writeFileSync(path, gzipSync(capture, { level: 9 }))
    expect(gunzipSync(readFileSync(path)).equals(capture)).toBe(true)
  },
)

test('every detector is covered by a shipped policy', () => {
  const covered = new Set(documents.flatMap(({ file }) => file.when.detectors))
  expect(DETECTORS.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([])
})

test('a first run changes nothing: every shipped policy only rehearses', () => {
  for (const { id, mode, respond } of policies) {
    expect(mode, id).toBe('simulate')
    for (const step of respond) expect(step.guard.maxActive, `${id} ${step.id}`).toBeGreaterThan(0)
  }
})

/** What only incidents of other policies bring about, which a test of one policy does not open (conformance/detectors-poisoning.test.ts). */
const ATTACKED_ELSEWHERE: ReadonlySet<string> = new Set(['baseline-frozen'])

describe.each(documents.map((document) => [document.file.metadata.id, document] as const))('%s', (_, document) => {
  test('has an attack and a benign twin', () => {
    const counts = document.file.tests.map(({ expect: { incidents } }) => incidents)
    expect(counts).toContain(0)
    if (!ATTACKED_ELSEWHERE.has(document.file.metadata.id)) expect(Math.max(...counts)).toBeGreaterThan(0)
  })

  test('passes its tests', async () => {
    const request = { config, key: TEST_KEY, warn: () => {}, stop: new AbortController().signal }
    const wrong: string[] = []
    for await (const result of testPolicy(document, request)) wrong.push(...result.wrong)
    expect(wrong).toEqual([])
  })
})
