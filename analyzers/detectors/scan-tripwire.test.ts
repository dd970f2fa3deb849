import { expect, test } from 'vitest'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { address, START, transaction } from '../../test/conformance/traffic.ts'
import { scanTripwire } from './scan-tripwire.ts'

const DECOYS = { paths: ['/v1/backup-keys'], keys: ['key-of-nobody'] }
const detector = scanTripwire.create(scanTripwire.options.parse(DECOYS))
const severityOf = (given: Partial<Transaction>) =>
  detector.observe(transaction({ principal: address('203.0.113.9'), ...given, time: START }), START)?.severity

test('a decoy that was refused is low, one that was answered medium', () => {
  expect(severityOf({ path: '/v1/backup-keys', status: 404 })).toBe('low')
  expect(severityOf({ path: '/v1/backup-keys', status: 200 })).toBe('medium')
  expect(severityOf({ path: '/v1/orders', status: 200 })).toBeUndefined()
})

test('whoever shows a decoy key took it from where it lay: high, refused or not', () => {
  expect(severityOf({ path: '/v1/orders', query: 'key=key-of-nobody', status: 401 })).toBe('high')
})
