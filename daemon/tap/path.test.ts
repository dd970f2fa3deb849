import { expect, test } from 'vitest'
import { compilePath, PathProblem } from './path.ts'

const RECORD = {
  a: { b: { c: { d: 4 } } },
  'url.path': '/dotted',
  '@timestamp': 't',
  list: [{ ip: '10.0.0.1' }],
  headers: [
    { key: ':path', value: '/v1' },
    { name: 'Host', value: 'api' },
  ],
  attributes: [
    { key: 'url.path', value: { stringValue: '/span' } },
    { key: 'tags', value: { arrayValue: { values: [{ stringValue: 'x' }] } } },
  ],
}

test.each([
  ['a.b.c.d', 4],
  ['url.path', '/dotted'],
  ['"@timestamp"', 't'],
  ['@timestamp', 't'],
  ['list[0].ip', '10.0.0.1'],
  ['list[1].ip', undefined],
  ['header(:path)', '/v1'],
  ['header(host)', 'api'],
  ['attr(url.path)', '/span'],
  ['attr(tags)', ['x']],
  ['a.b.x.d', undefined],
  ['constructor', undefined],
  ['__proto__', undefined],
  ['a.toString', undefined],
])('%s reads what stands there', (path, value) => {
  expect(compilePath(path)(RECORD)).toEqual(value)
})

test('what a record calls constructor is what it says', () => {
  expect(compilePath('constructor.name')(JSON.parse('{"constructor":{"name":"x"},"__proto__":{"y":1}}'))).toBe('x')
  expect(compilePath('y')(JSON.parse('{"__proto__":{"y":1}}'))).toBeUndefined()
})

test.each(['', '.a', 'a.', 'a..b', 'attr(', 'a b', 'x'.repeat(300)])('%s is no path', (path) => {
  expect(() => compilePath(path)).toThrow(PathProblem)
})

test.each([null, undefined, 1, 'text', [], [[]]])('nothing is read out of %j', (record) => {
  expect(compilePath('a.b')(record)).toBeUndefined()
  expect(compilePath('header(a)')(record)).toBeUndefined()
})
