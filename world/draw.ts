import type { Random } from '../demo/random.ts'

/** What is drawn from a seeded stream besides numbers: waiting times, heavy tails, text. Not for secrets of anybody. */

/** Exponential waiting time. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.next())
}

/** 0 … count-1, small numbers more often: a fifth of the callers make a third of the calls, and none a hundredth. */
export function heavyIndex(random: Random, count: number): number {
  return Math.floor(count * random.next() ** 1.5)
}

/** At least 1, most of them small, a few very large (Pareto, tail index 1.4). */
export function heavyCount(random: Random, most: number): number {
  return Math.min(most, Math.floor((1 - random.next()) ** (-1 / 1.4)))
}

/** The index of one of `weights`, as often as it weighs. `cumulative` comes from `cumulate`. */
export function weightedIndex(random: Random, cumulative: Float64Array): number {
  const target = random.next() * cumulative[cumulative.length - 1]!
  let low = 0
  let high = cumulative.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (cumulative[middle]! > target) high = middle
    else low = middle + 1
  }
  return low
}

export function cumulate(weights: readonly number[]): Float64Array {
  const sums = new Float64Array(weights.length)
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!
    sums[i] = sum
  }
  return sums
}

const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Letters and digits. */
export function token(random: Random, length: number): string {
  let text = ''
  for (let i = 0; i < length; i++) text += BASE62[Math.floor(random.next() * 62)]
  return text
}

const HEX_BYTES = Array.from({ length: 65_536 }, (_, value) => value.toString(16).padStart(4, '0'))

export function hex(random: Random, length: number): string {
  let text = ''
  while (text.length < length) text += HEX_BYTES[Math.floor(random.next() * 65_536)]
  return text.length === length ? text : text.slice(0, length)
}

/** A well-mixed 32-bit number of two others (murmur3 finaliser): the n-th of a kind is the same whoever asks first. */
export function mix(seed: number, number: number): number {
  let value = Math.imul(seed ^ number, 0x9e3779b1) ^ (number >>> 15)
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
