import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Header } from '../model/transaction.ts'
import { HeaderIndex } from './header-index.ts'

const WANTED = ['host', 'cookie', 'x-forwarded-for']

test('answers are those of a search in the list, whatever the case, and whatever was read before', () => {
  const index = new HeaderIndex(WANTED)
  const name = fc.constantFrom('Host', 'host', 'HOST', 'Cookie', 'cookie', 'X-Forwarded-For', 'Accept', 'x-other')
  const headers = fc.array(fc.tuple(name, fc.string({ maxLength: 4 })), { maxLength: 12 })
  fc.assert(
    fc.property(headers, (list: readonly Header[]) => {
      index.read(list)
      for (const wanted of WANTED) {
        const values = list.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value)
        expect(index.values(wanted)).toEqual(values)
        expect(index.first(wanted)).toBe(values[0] ?? null)
        expect(index.last(wanted)).toBe(values.at(-1) ?? null)
        expect(index.joined(wanted, '; ')).toBe(values.length === 0 ? null : values.join('; '))
      }
    }),
  )
})

test('names that somebody makes up push out nothing that is wanted', () => {
  const index = new HeaderIndex(WANTED)
  for (let i = 0; i < 10_000; i++) {
    index.read([
      [`x-${i}`, ''],
      ['COOKIE', `${i}`],
      ['cookie', 'second'],
    ])
    expect(index.values('cookie')).toEqual([`${i}`, 'second'])
  }
})

test('a name that nobody announced is a bug', () => {
  expect(() => new HeaderIndex(WANTED).first('accept')).toThrow('accept')
})
