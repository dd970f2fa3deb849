import { expect, test } from 'vitest'
import type { Transaction } from '../daemon/model/transaction.ts'
import { transaction } from '../test/conformance/traffic.ts'
import { SourceNeeds } from './source-needs.ts'

const IDS = ['auth.bruteforce', 'object.enumeration', 'scan.probing']
const TOPIC = { kind: 'kafka', name: 'logs', vlan: null, vni: null } as const

function record(given: Partial<Transaction> = {}): Transaction {
  return transaction({ time: 0, requestHeaders: [], source: TOPIC, ...given })
}

/** What is off after so many records. */
function off(needs: SourceNeeds, given: Partial<Transaction>, count: number): string[] {
  let last: ReadonlySet<string> | null = null
  for (let i = 0; i < count; i++) last = needs.look(record(given))
  return [...(last ?? [])]
}

test('a detector is off for a topic whose records do not say what it needs', () => {
  const needs = new SourceNeeds(IDS)
  expect(off(needs, {}, 199)).toEqual([])
  expect(off(needs, {}, 1)).toEqual(['auth.bruteforce'])
  const [source] = needs.starved()
  expect(source?.source).toBe('logs')
  expect(source?.detectors.map(({ detector, state }) => `${detector} ${state}`)).toEqual([
    'auth.bruteforce starved',
    'object.enumeration weaker',
  ])
})

test('it is on again with the first record that says it', () => {
  const needs = new SourceNeeds(IDS)
  off(needs, {}, 300)
  expect(off(needs, { requestHeaders: [['Authorization', 'Bearer x']] }, 1)).toEqual([])
  expect(off(needs, {}, 300)).toEqual([])
  expect(needs.starved()[0]?.detectors.map(({ state }) => state)).toEqual(['weaker'])
})

test('without addresses scanning is off; sampled records only weaken', () => {
  const needs = new SourceNeeds(IDS)
  needs.formatOf('logs', ['unsampled'])
  expect(off(needs, { clientIp: '0.0.0.0', forwarded: [] }, 200)).toEqual(['auth.bruteforce', 'scan.probing'])
  const [source] = needs.starved()
  expect(source?.detectors.find(({ detector }) => detector === 'object.enumeration')?.state).toBe('weaker')
})

test('packets are never judged, and one topic says nothing of another', () => {
  const needs = new SourceNeeds(IDS)
  expect(off(needs, { source: { ...TOPIC, kind: 'pcap' } }, 500)).toEqual([])
  off(needs, {}, 200)
  expect(off(needs, { source: { ...TOPIC, name: 'other' } }, 100)).toEqual([])
})
