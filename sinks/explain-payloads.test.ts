import { expect, test } from 'vitest'
import { hasUnshowable } from '../test/hostile-text.ts'
import { renderPayloads } from './explain-payloads.ts'
import type { SignalView } from './incident-view.ts'

const signal = (evidence: Readonly<Record<string, string>>, given: Partial<SignalView> = {}): SignalView => ({
  ts: '2026-11-20T09:00:00.000000Z',
  detector: 'injection.sqli',
  who: '203.0.113.9',
  via: 'peer',
  endpoint: 'GET /v1/search',
  log10P: -4,
  maturity: 1,
  why: '',
  expected: '',
  observed: '',
  evidence: Object.entries(evidence).map(([name, text]) => ({ name, text })),
  ...given,
})
const SQL = {
  field: 'query:q',
  rule: 'sqli.union',
  decoded: "' union select 1",
  layers: 'percent, base64',
  tokens: 's U E',
  field_normally: '0 of 41 callers send the like',
}
const look = { width: 160, colour: false }

test('each payload once, with what was taken off, the tokens that mattered, and what its field normally carries, the least likely first', () => {
  const page = renderPayloads(
    [signal(SQL), signal(SQL), signal({ ...SQL, rule: 'xss.script', decoded: '<script>' }, { log10P: -6 })],
    look,
  )
  const [, first, second] = page.split('\n')
  expect(first).toMatch(/^xss\.script +GET \/v1\/search query:q +<script> +percent, base64 +s U E +0 of 41 callers +1$/)
  expect(second).toMatch(/^sqli\.union .*' union select 1 .* 2$/)
})

test('what is masked is told as masked; other signals have no part', () => {
  const { decoded: _, ...masked } = SQL
  expect(renderPayloads([signal(masked)], look)).toContain('(masked)')
  expect(renderPayloads([signal({ account: 'ada' })], look)).toBe('')
})

test('hostile text does not reach the terminal, and a long list is cut', () => {
  const many = Array.from({ length: 30 }, (_, i) => signal({ ...SQL, decoded: `\u001b[31m\u202e${i}` }))
  const page = renderPayloads(many, look)
  expect(hasUnshowable(page)).toBe(false)
  expect(page).toContain('and 18 more')
})
