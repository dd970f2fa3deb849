import { expect, test } from 'vitest'
import { HOSTILE_TEXT, hasUnshowable } from '../../test/hostile-text.ts'
import { prettyLogLine } from './log-line.ts'

const record = { level: 'warn', time: '2026-11-21T20:00:01.000Z', interface: 'eth1', drops: 3, msg: 'frames were lost' }

test('a record is one line: clock, level, message, fields', () => {
  expect(prettyLogLine(JSON.stringify(record), false)).toBe(
    '20:00:01 WARN  frames were lost  interface=eth1  drops=3\n',
  )
})

test.each(HOSTILE_TEXT)('$name in a record cannot act on the terminal or forge a line', ({ text }) => {
  const line = prettyLogLine(JSON.stringify({ ...record, msg: text, interface: text, nested: { text } }), false)
  expect(hasUnshowable(line)).toBe(false)
  expect(line.trimEnd()).not.toContain('\n')
})
