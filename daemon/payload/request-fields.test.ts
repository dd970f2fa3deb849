import { expect, test } from 'vitest'
import { fakeHead } from '../../test/payload/fake-head.ts'
import type { Head } from '../http/exchange.ts'
import { MAX_FIELDS, requestFields } from './request-fields.ts'

function fields(head: Head, body = ''): Record<string, string> {
  const all: Record<string, string> = {}
  requestFields(head, body, ({ name, value }) => {
    all[name] = value
  })
  return all
}

test('target: the path, its segments, the query as it was sent', () => {
  expect(fields(fakeHead('GET', '/a/b%20c?q=1+2&flag&x[$ne]=#f'))).toEqual({
    path: '/a/b%20c',
    'path:1': 'a',
    'path:2': 'b%20c',
    'query:q': '1+2',
    'query:': 'flag',
    'query:x[$ne]': '',
    'query:#': 'f',
  })
})

test('headers, cookies and claims', () => {
  const claims = Buffer.from('{"sub":"o\'hara","roles":["a","b"]}').toString('base64url')
  const head = fakeHead('GET', '/', [
    ['Host', 'a.test'],
    ['User-Agent', 'curl'],
    ['Cookie', 'sid=1; theme=dark'],
    ['Authorization', `Bearer eyJhbGciOiJub25lIn0.${claims}.`],
  ])
  expect(fields(head)).toEqual({
    path: '/',
    'header:user-agent': 'curl',
    'cookie:sid': '1',
    'cookie:theme': 'dark',
    'claim:/alg': 'none',
    'claim:/sub': "o'hara",
    'claim:/roles/[]': 'b',
  })
})

test.each([
  ['application/json', '{"a":{"b":[1,"x"]},"n":null}', { 'body:/a/b/[]': 'x', 'body:/n': 'null' }],
  ['application/json', '{"cut":"off', { 'body:/cut': 'off' }],
  ['', '[{"a":"\\u0041"}]', { 'body:/[]/a': 'A' }],
  ['application/json', '{"j":"{\\"in\\":1}"}', { 'body:/j': '{"in":1}', 'body:/j/in': '1' }],
  ['application/x-www-form-urlencoded', 'a=1&b=%41', { 'body:a': '1', 'body:b': '%41' }],
  [
    'multipart/form-data; boundary=xx',
    '--xx\r\nContent-Disposition: form-data; name="f"; filename="a.png"\r\n\r\nbytes\r\n--xx--',
    { 'body:f.filename': 'a.png', 'body:f': 'bytes' },
  ],
  ['text/xml', '<o id="7"><n>hi</n></o>', { body: '<o id="7"><n>hi</n></o>', 'body:/o/@id': '7', 'body:/o/n': 'hi' }],
  ['text/plain', 'hello', { body: 'hello' }],
])('body of %s: %s', (type, body, expected) => {
  const { path: _, 'path:1': __, ...rest } = fields(fakeHead('POST', '/', [['Content-Type', type]]), body)
  expect(rest).toEqual(expected)
})

test('a GraphQL document is told from a search', () => {
  const places: string[] = []
  requestFields(
    fakeHead('POST', '/graphql', [['content-type', 'application/json']]),
    '{"query":"{ me { id } }"}',
    (f) => places.push(f.place),
  )
  requestFields(fakeHead('POST', '/search', [['content-type', 'application/json']]), '{"query":"shoes"}', (f) =>
    places.push(f.place),
  )
  expect(places).toEqual(['path', 'path', 'graphql', 'path', 'path', 'json'])
})

test('fields past the limit are left out, and that is told', () => {
  let count = 0
  const many = Array.from({ length: MAX_FIELDS + 10 }, (_, i) => `a${i}=1`).join('&')
  expect(requestFields(fakeHead('GET', `/?${many}`), '', () => count++)).toBe(false)
  expect(count).toBe(MAX_FIELDS)
})

test('ten thousand brackets deep is no deeper than 32', () => {
  const names: string[] = []
  requestFields(fakeHead('POST', '/', [['content-type', 'application/json']]), `${'{"a":'.repeat(10_000)}1`, (f) =>
    names.push(f.name),
  )
  expect(names.at(-1)!.split('/').length).toBeLessThanOrEqual(34)
})
