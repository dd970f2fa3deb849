import { expect, test } from 'vitest'
import type { Transaction } from '../daemon/model/transaction.ts'
import { transaction } from '../test/conformance/traffic.ts'
import { DETECTOR_TAGS } from './detector-ids.ts'
import { needsOf } from './needs.ts'
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

test('what a finding rests without can be said of it, once the topic is judged', () => {
  const needs = new SourceNeeds(IDS)
  off(needs, {}, 199)
  expect(needs.limitsOf(record(), 'object.enumeration')).toBeNull()
  off(needs, {}, 1)
  expect(needs.limitsOf(record(), 'object.enumeration')).toBe(
    'topic logs does not say everything: callers are told apart by address only; 1 detector is off for it',
  )
  expect(needs.limitsOf(record(), 'scan.probing')).toBe('topic logs does not say everything: 1 detector is off for it')
  expect(needs.limitsOf(record({ source: { ...TOPIC, kind: 'pcap' } }), 'scan.probing')).toBeNull()
})

test('until enough was seen the word of the format counts, unless a record says otherwise', () => {
  const needs = new SourceNeeds(IDS)
  needs.formatOf('logs', ['request_body', 'authorization'])
  expect(off(needs, {}, 1)).toEqual(['auth.bruteforce'])
  expect(needs.limitsOf(record(), 'scan.probing')).toContain('1 detector is off for it')
  expect(off(needs, { requestBody: '{"user":"ada"}' }, 1)).toEqual([])
  expect(needs.limitsOf(record(), 'scan.probing')).toBeNull()
})

test('packets are never judged, and one topic says nothing of another', () => {
  const needs = new SourceNeeds(IDS)
  expect(off(needs, { source: { ...TOPIC, kind: 'pcap' } }, 500)).toEqual([])
  off(needs, {}, 200)
  expect(off(needs, { source: { ...TOPIC, name: 'other' } }, 100)).toEqual([])
})

test('of every detector there may be it is said what it needs, or that it needs nothing of its own', () => {
  const without = Object.keys(DETECTOR_TAGS).filter((id) => needsOf(id).length === 0)
  expect([...new Set(without.map((id) => id.split('.', 1)[0]))].sort()).toEqual([
    'baseline',
    'capture',
    'egress',
    'inventory',
  ])
  expect(without.filter((id) => id.startsWith('inventory'))).toEqual([
    'inventory.shadow',
    'inventory.zombie',
    'inventory.drift',
  ])
})
