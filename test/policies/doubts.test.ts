import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import { replay } from '../../daemon/topology/replay.ts'
import { FIXTURES, fixtureText } from './fixtures.ts'

/** What an attacker can forge must not be acted on: from requests on the wire to the doubts of the incident. */
const folder = mkdtempSync(join(tmpdir(), 'offpath-doubts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Record = { client_ip: string; path: string; state: string; request_headers: [string, string][] }

async function guessing(change: (record: Record) => void, hops: readonly string[] = []): Promise<Incident> {
  const path = join(folder, 'guessing.jsonl')
  const lines = fixtureText(FIXTURES['guessing.jsonl']!).trimEnd().split('\n')
  const changed = lines.map((line) => {
    const record = JSON.parse(line) as Record
    // The first look around is the attacker's: what he sends along is known to be good.
    if (record.path === '/v1/products' && record.client_ip === '198.51.100.1') {
      record.client_ip = '203.0.113.9'
      record.request_headers = [['host', 'api.shop.test']]
    }
    if (record.client_ip === '203.0.113.9') change(record)
    return `${JSON.stringify(record)}\n`
  })
  writeFileSync(path, changed.join(''))
  const { config } = effectiveConfig(CONFIG_SCHEMA, null, { identity: { trusted_hops: hops } })
  const { incidents } = await replay({
    files: [path],
    emit: 'summary',
    bodies: 'text',
    config,
    key: TEST_KEY,
    speed: 'max',
    write: () => {},
    warn: () => {},
    stop: new AbortController().signal,
  })
  expect(incidents).toHaveLength(1)
  return incidents[0]!
}

const throughProxy = (record: Record) => {
  record.request_headers.push(['x-forwarded-for', record.client_ip])
  record.client_ip = '10.0.0.9'
}
test('an address that was seen is in no doubt', async () => {
  const { doubts, targets } = await guessing(() => {})
  expect(doubts).toEqual([])
  expect(targets).toContainEqual({ kind: 'ip', value: '203.0.113.9', role: 'source' })
})

test('an address that a hop trusted by default told is in doubt, until the hop is configured', async () => {
  expect((await guessing(throughProxy)).doubts).toEqual(['forwarded.default'])
  expect((await guessing(throughProxy, ['10.0.0.0/8'])).doubts).toEqual([])
})

test('so is one beside a session, which tells nothing of how the address was found', async () => {
  const both = (record: Record) => {
    throughProxy(record)
    record.request_headers.push(['cookie', 'sid=4f0b1c9e7d2a4c55a1b2c3d4e5f60718'])
  }
  expect((await guessing(both)).doubts).toEqual(['forwarded.default'])
  expect((await guessing(both, ['10.0.0.0/8'])).doubts).toEqual([])
})

test('requests that were not seen whole are in doubt', async () => {
  const { doubts } = await guessing((record) => {
    record.state = 'gap'
  })
  expect(doubts).toEqual(['one_sided'])
})
