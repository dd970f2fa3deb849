import { expect, test } from 'vitest'
import { type FunnelStage, LossFunnel } from '../daemon/telemetry/funnel.ts'
import { lossHints } from './loss-hints.ts'

const totals = (changes: Partial<Record<FunnelStage, { in: number; dropped: Record<string, number> }>>) => {
  const all = new LossFunnel().totals()
  for (const [stage, change] of Object.entries(changes)) Object.assign(all[stage as FunnelStage], change)
  return all
}

test('a capture with nothing wrong gives no hint', () => {
  expect(lossHints(totals({ pairs: { in: 1000, dropped: { request_only_close: 3 } } }))).toEqual([])
})

test.each([
  ['bytes', { in: 900, dropped: { snap_length: 12 } }, 'tcpdump -s 0'],
  ['bytes', { in: 900, dropped: { not_http: 800 } }, 'TLS'],
  ['frames', { in: 900, dropped: { kernel: 7 } }, 'ring_mib'],
  ['frames', { in: 900, dropped: { interface: 7 } }, 'ethtool'],
  ['frames', { in: 900, dropped: { link_type: 7 } }, 'link type'],
  ['frames', { in: 900, dropped: { fragment: 7 } }, 'MTU'],
  ['pairs', { in: 900, dropped: { request_only_close: 450, request_only_end: 440 } }, 'both directions'],
  ['pairs', { in: 900, dropped: { response_only: 890 } }, 'both directions'],
] as const)('%s %o says what to do', (stage, change, remedy) => {
  const hints = lossHints(totals({ [stage]: change }))
  expect(hints).toHaveLength(1)
  expect(hints[0]).toContain(remedy)
})

test('a handful of one-sided pairs says nothing about the mirror', () => {
  expect(lossHints(totals({ pairs: { in: 5, dropped: { response_only: 5 } } }))).toEqual([])
})
