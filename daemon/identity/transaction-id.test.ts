import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeFlow, START } from '../../test/fake-exchange.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import { keyFrom, TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { sipHash128, TransactionIds } from './transaction-id.ts'

/** 128 bits in lower-case Crockford base32. */
const CROCKFORD = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/

function idOf(flow: FlowInfo, side: 0 | 1, position: number, time: number, key = TEST_KEY): string {
  const ids = new TransactionIds(new Pseudonyms(key))
  return ids.ofExchange(ids.keyOf(flow), side, position, time)
}

test('SipHash-2-4-128 agrees with the reference on a message of 16 bytes', () => {
  // openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 SIPHASH, of 00…05 00 00 08…0d 00 00.
  const key = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c] as const
  const out = new Int32Array(4)
  sipHash128(key, 0x050403020100, 0, 0x0d0c0b0a0908, out)
  const bytes = Buffer.alloc(16)
  out.forEach((word, index) => {
    bytes.writeInt32LE(word, 4 * index)
  })
  expect(bytes.toString('hex')).toBe('e7938dcb535c903d927475b4db6a49ec')
})

test('an id is 26 digits of lower-case Crockford base32, the same each time, ordered by millisecond', () => {
  const flow = fakeFlow()
  const one = idOf(flow, 0, 0, START)
  expect(CROCKFORD.test(one)).toBe(true)
  expect(idOf(fakeFlow(), 0, 0, START)).toBe(one)
  expect(idOf(flow, 0, 0, START + 1000) > one).toBe(true)
})

test('flow, side, position, microsecond and key each change the id', () => {
  const flow = fakeFlow()
  const different = [
    idOf(flow, 0, 0, START),
    idOf(flow, 1, 0, START),
    idOf(flow, 0, 1, START),
    idOf(flow, 0, 2 ** 40, START),
    idOf(flow, 0, 0, START + 1),
    idOf(fakeFlow('203.0.113.7', 'flow-2'), 0, 0, START),
    idOf(flow, 0, 0, START, keyFrom(Buffer.alloc(32, 7))),
  ]
  expect(new Set(different).size).toBe(different.length)
  expect(new Set(different.map((id) => id.slice(10, 22))).size).toBe(different.length)
})

test('any time and position give an id', () => {
  const time = fc.oneof(fc.double({ noNaN: false }), fc.maxSafeNat())
  fc.assert(fc.property(time, fc.maxSafeNat(), (at, position) => CROCKFORD.test(idOf(fakeFlow(), 0, position, at))))
})

test('a record without an id gets one from its content and its line', () => {
  const ids = new TransactionIds(new Pseudonyms(TEST_KEY))
  const of = (content: string, line: number) => ids.ofRecord(content, line, START)
  expect(of('{}', 1)).toBe(of('{}', 1))
  expect(new Set([of('{}', 1), of('{}', 2), of('{"a":1}', 1)]).size).toBe(3)
})
