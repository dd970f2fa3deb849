import { expect, test } from 'vitest'
import { fakeSignal } from '../test/fake-signal.ts'
import { renderFeatures } from './explain-features.ts'
import { signalView } from './incident-view.ts'
import { encodeSignal } from './signal-json.ts'

const LOOK = { width: 80, colour: false }
const render = (evidence: Readonly<Record<string, number | string>>) =>
  renderFeatures([signalView(JSON.parse(encodeSignal(fakeSignal(1, { evidence }))))], LOOK)

test('says which feature added what, the largest first, in powers of ten', () => {
  const lines = render({ llr_tail: 0, llr_refused: 23.03, llr_neighbours: 4.6, distinct_denied: 45 }).split('\n')
  expect(lines[1]).toMatch(/^refused or not found +\+10\.00 +█{24}$/)
  expect(lines[2]).toMatch(/^ids one after the other +\+2\.00 +█{5}$/)
  expect(lines[3]).toMatch(/^more of them than such callers ask for +\+0\.00/)
  expect(lines.join()).not.toContain('denied')
})

test('of a payload: what was sent, and what the field makes of it', () => {
  expect(render({ log_odds_shipped: 11.5, log_odds_here: 4.6 })).toMatch(/what this field usually carries +-3\.00/)
})

test('one feature alone adds up to nothing else', () => {
  expect(render({ log_likelihood_ratio: 30 })).toBe('')
  expect(renderFeatures([], LOOK)).toBe('')
})
