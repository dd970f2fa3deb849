import { expect, test } from 'vitest'
import { answersTo, isLoopback, parseListen } from './hosts.ts'

test.each([
  ['127.0.0.1:7710', { host: '127.0.0.1', port: 7710 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['offpath.example.test:443', { host: 'offpath.example.test', port: 443 }],
])('%s is an address to listen on', (text, address) => {
  expect(parseListen(text)).toEqual(address)
})

test.each(['7710', ':7710', '127.0.0.1', '127.0.0.1:65536', '::1:7710', 'a b:1'])('%s is none', (text) => {
  expect(() => parseListen(text)).toThrow(expect.objectContaining({ code: 'OFFPATH_E_CONFIG', at: 'server.listen' }))
})

test('the loopback is known by its addresses and its name', () => {
  expect(['127.0.0.1', '127.1.2.3', '::1', 'localhost', 'LocalHost'].map(isLoopback)).not.toContain(false)
  expect(
    ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.test', '128.0.0.1', 'localhost.test', ''].map(isLoopback),
  ).not.toContain(true)
})

test('a Host header that is none names nobody', () => {
  for (const header of [undefined, '', ':80', 'a:b', 'localhost:123456', '[::1', 'a/b', 'localhost, evil.test']) {
    expect([header, answersTo(header, ['a', 'b', ''])]).toEqual([header, false])
  }
})
