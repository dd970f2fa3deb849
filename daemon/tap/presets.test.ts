import { expect, test } from 'vitest'
import { findPreset, readPreset, shippedPresets } from './presets.ts'

const HEAD = 'name: mine\ntitle: Mine\n'

test.each([
  ['an unknown key', 'feilds: {}\n', 'mine.yaml:3:1 feilds: unknown key, did you mean `fields`?'],
  [
    'a field there is not',
    'fields:\n  request.methd: m\n',
    'fields[request.methd]: no such field; did you mean `request.method`?',
  ],
  [
    'a path that is none',
    'fields:\n  ts:\n    - {iso: a}\n    - {epoch_ms: "a..b"}\n',
    'mine.yaml:6:7 fields.ts[1]: is no path',
  ],
  [
    'a unit that does not fit',
    'fields:\n  duration: latency\n',
    'mine.yaml:4:13 fields.duration: needs to say how to read it: s, ms, us, ns',
  ],
  ['a form of another field', 'fields:\n  request.method: {epoch_ms: m}\n', 'epoch_ms does not read this'],
  [
    'a constant that does not fit',
    'fields:\n  client.ip: {const: localhost}\n',
    'the constant is not what this field takes',
  ],
  ['a guard that is no CEL', 'where: "kind = 2"\n', 'mine.yaml:3:8 where'],
  ['a guard that may take long', 'where: \'message.matches("(a+)+b")\'\n', 'matches() cannot be used here'],
])('%s is refused with its place', (_, text, message) => {
  expect(() => readPreset(HEAD + text, 'mine.yaml')).toThrow(
    expect.objectContaining({ code: 'OFFPATH_E_FORMAT', message: expect.stringContaining(message) }),
  )
})

test('every problem is told at once', () => {
  const text = `${HEAD}where: "("\nfields: {ts: {iso: "a."}, duration: d}\n`
  try {
    readPreset(text, 'mine.yaml')
    expect.unreachable()
  } catch (error) {
    expect((error as Error).message.split('\n')).toHaveLength(4)
  }
})

test('a format that is none is answered with the nearest', () => {
  expect(() => findPreset('kng')).toThrow('did you mean kong?')
  expect(shippedPresets().map(({ name }) => name)).toContain('kong')
})
