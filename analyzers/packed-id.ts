import type { EventTime } from '../daemon/model/time.ts'

/**
 * Transaction ids of our own making as numbers: 26 digits of Crockford base32, of which the first ten are the milliseconds of the
 * transaction's time (contracts.md), so that beside the time only the last sixteen need be kept, as two numbers of 40 bits.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const ID_LENGTH = 26
const TIME_DIGITS = 10
const HALF_DIGITS = 8
const MAX_MILLISECONDS = 2 ** 48

/** Below this: either half. */
export const HALF = 2 ** (5 * HALF_DIGITS)

const NO_DIGIT = 255
const DIGITS = new Uint8Array(128).fill(NO_DIGIT)
for (let digit = 0; digit < ALPHABET.length; digit++) DIGITS[ALPHABET.charCodeAt(digit)] = digit

/** Whether `unpackId` makes the id of this time anew from its two halves. */
export function isPackable(id: string, time: EventTime): boolean {
  if (id.length !== ID_LENGTH) return false
  for (let i = 0; i < ID_LENGTH; i++) if (digitAt(id, i) === NO_DIGIT) return false
  const milliseconds = Math.floor(time / 1000)
  return milliseconds >= 0 && milliseconds < MAX_MILLISECONDS && digitsAt(id, 0, TIME_DIGITS) === milliseconds
}

export function firstHalf(id: string): number {
  return digitsAt(id, TIME_DIGITS, HALF_DIGITS)
}

export function secondHalf(id: string): number {
  return digitsAt(id, TIME_DIGITS + HALF_DIGITS, HALF_DIGITS)
}

export function unpackId(time: EventTime, first: number, second: number): string {
  return textOf(Math.floor(time / 1000), TIME_DIGITS) + textOf(first, HALF_DIGITS) + textOf(second, HALF_DIGITS)
}

function digitAt(id: string, index: number): number {
  const code = id.charCodeAt(index)
  return code < DIGITS.length ? DIGITS[code]! : NO_DIGIT
}

/** `count`: even. In two whole numbers of at most 25 bits, which shift where floats multiply. */
function digitsAt(id: string, from: number, count: number): number {
  const middle = from + (count >> 1)
  let high = 0
  let low = 0
  for (let i = from; i < middle; i++) high = (high << 5) | digitAt(id, i)
  for (let i = middle; i < from + count; i++) low = (low << 5) | digitAt(id, i)
  return high * 2 ** (5 * (count >> 1)) + low
}

function textOf(value: number, count: number): string {
  let text = ''
  for (let i = 0, rest = value; i < count; i++, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32]! + text
  return text
}
