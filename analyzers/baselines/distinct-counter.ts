import { z } from 'zod'
import { withOneMore } from '../../daemon/model/small-list.ts'
import type { Baseline, Mergeable } from '../baseline.ts'
import { mix } from './lookup-hash.ts'
import { amount, hash32, packed, unpackInto } from './state.ts'

const EXACT = 64
/** The first is put into a list of its own (small-list.ts). */
const NONE: number[] = []
const PRECISION = 10
const REGISTERS = 1 << PRECISION
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)

/** The hashes while exact; afterwards the registers, packed, and the count. */
export const DistinctState = z.union([z.array(hash32).max(EXACT), z.tuple([z.string(), amount])])
export type DistinctState = z.infer<typeof DistinctState>

/**
 * How many different 32-bit hashes were added: exact up to 64, then HyperLogLog with 2^10 registers.
 *
 * Promise    exact to 64; past it a standard error of about 3.3 % (2.6 % while nothing was merged: the running count weighs each
 *            changed register by the chance of changing one, Ting 2014 / Cohen 2015)
 * Memory     at most 256 B exact, then 1 KiB
 */
export class DistinctCounter implements Baseline<[hash: number], DistinctState>, Mergeable<DistinctCounter> {
  /** As signed numbers, which stand in a list without a box. */
  #exact: number[] = NONE
  /** Null while exact: most counters never leave it. */
  #sketch: Sketch | null = null

  /** How much the count grew: 1 for a new hash while exact, 0 for a repeat, an estimate afterwards. */
  learnOne(hash: number): number {
    if (this.#sketch !== null) return this.#sketch.add(hash)
    const signed = hash | 0
    const exact = this.#exact
    for (let i = 0; i < exact.length; i++) if (exact[i] === signed) return 0
    if (exact.length < EXACT) {
      this.#exact = withOneMore(exact, signed)
      return 1
    }
    return this.#spill().add(hash)
  }

  get count(): number {
    return this.#sketch === null ? this.#exact.length : this.#sketch.count
  }

  get exact(): boolean {
    return this.#sketch === null
  }

  merge(other: DistinctCounter): void {
    if (other.#sketch === null) for (const hash of other.#exact) this.learnOne(hash)
    else (this.#sketch ?? this.#spill()).merge(other.#sketch)
  }

  /** How many there are in either. */
  countWith(other: DistinctCounter): number {
    if (other.count === 0) return this.count
    const both = new DistinctCounter()
    both.merge(this)
    both.merge(other)
    return both.count
  }

  toState(): DistinctState {
    const sketch = this.#sketch
    return sketch === null ? this.#exact.map((hash) => hash >>> 0) : [packed(sketch.registers), sketch.count]
  }

  static fromState(state: DistinctState): DistinctCounter {
    const counter = new DistinctCounter()
    const [first, count] = state
    if (typeof first === 'string') counter.#sketch = Sketch.fromState(first, count as number)
    else for (const hash of state as number[]) counter.learnOne(hash)
    return counter
  }

  #spill(): Sketch {
    const sketch = new Sketch()
    for (const hash of this.#exact) sketch.add(hash)
    sketch.count = this.#exact.length
    this.#exact = NONE
    this.#sketch = sketch
    return sketch
  }
}

/** The registers, and what they come to. */
class Sketch {
  readonly registers = new Uint8Array(REGISTERS)
  count = 0
  /** Chance that a new hash changes a register, times REGISTERS: the sum of 2^-register. */
  #open = REGISTERS

  add(hash: number): number {
    // The caller's hash may be weak in some bits, and both the index and the rank need good ones.
    const scrambled = mix(hash ^ 0x9e3779b9)
    const index = scrambled >>> (32 - PRECISION)
    const rank = Math.min(Math.clz32(scrambled << PRECISION), 32 - PRECISION) + 1
    const before = this.registers[index]!
    if (rank <= before) return 0
    const growth = REGISTERS / this.#open
    this.registers[index] = rank
    this.#open += 2 ** -rank - 2 ** -before
    this.count += growth
    return growth
  }

  merge({ registers, count }: Sketch): void {
    this.#open = 0
    for (let i = 0; i < REGISTERS; i++) {
      const rank = Math.max(this.registers[i]!, registers[i]!)
      this.registers[i] = rank
      this.#open += 2 ** -rank
    }
    this.count = Math.max(this.count, count, this.#estimate())
  }

  static fromState(registers: string, count: number): Sketch {
    const sketch = new Sketch()
    unpackInto(sketch.registers, registers)
    sketch.#open = sketch.registers.reduce((sum, rank) => sum + 2 ** -rank, 0)
    sketch.count = count
    return sketch
  }

  #estimate(): number {
    const raw = (ALPHA * REGISTERS * REGISTERS) / this.#open
    if (raw > 2.5 * REGISTERS) return raw
    let empty = 0
    for (const rank of this.registers) if (rank === 0) empty++
    return empty === 0 ? raw : REGISTERS * Math.log(REGISTERS / empty)
  }
}
