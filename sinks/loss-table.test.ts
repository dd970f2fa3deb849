import { expect, test } from 'vitest'
import type { LedgerTotals } from '../daemon/telemetry/funnel.ts'
import { renderLossTable } from './loss-table.ts'

const nothing: LedgerTotals = { in: 0, delivered: 0, dropped: {} }
const all = (count: number): LedgerTotals => ({ in: count, delivered: count, dropped: {} })

test('each stage shows what came in, what was delivered, and why the rest was not, largest first', () => {
  const frames = { in: 1_234_567, delivered: 1_200_000, dropped: { not_tcp: 567, no_flow: 34_000 } }
  const totals = {
    frames,
    bytes: all(9_999_999),
    messages: { in: 20, delivered: 19, dropped: { gap: 1 } },
    pairs: all(9),
  }
  expect(renderLossTable(totals, { width: 100, colour: false })).toBe(
    [
      '                 in  delivered          dropped',
      'frames    1,234,567  1,200,000   97.2%  no_flow 34,000 · not_tcp 567',
      'bytes     9,999,999  9,999,999    100%  -',
      'messages         20         19   95.0%  gap 1',
      'pairs             9          9    100%  -',
      '',
    ].join('\n'),
  )
})

test('a long list of causes is broken to the width of the terminal', () => {
  const dropped = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`cause_number_${i}`, 1000 - i]))
  const count = Object.values(dropped).reduce((sum, more) => sum + more, 0)
  const totals = { frames: { in: count, delivered: 0, dropped }, bytes: nothing, messages: nothing, pairs: nothing }
  const lines = renderLossTable(totals, { width: 80, colour: false }).split('\n')
  expect(lines.length).toBeGreaterThan(6)
  expect(lines.filter((line) => line.length > 80)).toEqual([])
})

test('what is not accounted for is shown', () => {
  const totals = {
    frames: { in: 10, delivered: 4, dropped: { not_ip: 5 } },
    bytes: nothing,
    messages: nothing,
    pairs: nothing,
  }
  expect(renderLossTable(totals, { width: 80, colour: false })).toContain('not_ip 5 · unexplained 1')
})

test('nearly everything is not 100 %, and a little is not 0 %', () => {
  const totals = {
    frames: { in: 100_000, delivered: 99_999, dropped: { gap: 1 } },
    bytes: { in: 100_000, delivered: 1, dropped: { gap: 99_999 } },
    messages: nothing,
    pairs: nothing,
  }
  const [, frames, bytes, messages] = renderLossTable(totals, { width: 80, colour: false }).split('\n')
  expect(frames).toContain(' 99.9%')
  expect(bytes).toContain('<0.1%')
  expect(messages).toMatch(/messages +0 +0 +- /)
})

test('colours appear only when asked for', () => {
  const totals = { frames: all(1), bytes: all(1), messages: all(1), pairs: all(1) }
  expect(renderLossTable(totals, { width: 80, colour: false })).not.toContain('\x1b')
  expect(renderLossTable(totals, { width: 80, colour: true })).toContain('\x1b')
})
