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
  #exact: number[] = NONE
  #registers: Uint8Array | null = null
  #count = 0
  /** Chance that a new hash changes a register, times REGISTERS: the sum of 2^-register. */
  #open = REGISTERS

  /** How much the count grew: 1 for a new hash while exact, 0 for a repeat, an estimate afterwards. */
  learnOne(hash: number): number {
    if (this.#registers !== null) return this.#addSketch(hash)
    for (let i = 0; i < this.#exact.length; i++) if (this.#exact[i] === hash) return 0
    if (this.#exact.length < EXACT) {
      this.#exact = withOneMore(this.#exact, hash)
      this.#count++
      return 1
    }
    this.#spill()
    return this.#addSketch(hash)
  }

  get count(): number {
    return this.#count
  }

  get exact(): boolean {
    return this.#registers === null
  }

  merge(other: DistinctCounter): void {
    if (other.#registers === null) {
      for (const hash of other.#exact) this.learnOne(hash)
      return
    }
    if (this.#registers === null) this.#spill()
    const registers = this.#registers!
    this.#open = 0
    for (let i = 0; i < REGISTERS; i++) {
      const rank = Math.max(registers[i]!, other.#registers[i]!)
      registers[i] = rank
      this.#open += 2 ** -rank
    }
    this.#count = Math.max(this.#count, other.#count, this.#estimate())
  }

  toState(): DistinctState {
    return this.#registers === null ? [...this.#exact] : [packed(this.#registers), this.#count]
  }

  static fromState(state: DistinctState): DistinctCounter {
    const counter = new DistinctCounter()
    const [first, count] = state
    if (typeof first !== 'string') {
      for (const hash of state as number[]) counter.learnOne(hash)
      return counter
    }
    counter.#registers = new Uint8Array(REGISTERS)
    unpackInto(counter.#registers, first)
    counter.#open = counter.#registers.reduce((sum, rank) => sum + 2 ** -rank, 0)
    counter.#count = count as number
    return counter
  }

  #spill(): void {
    this.#registers = new Uint8Array(REGISTERS)
    const held = this.#exact
    this.#exact = NONE
    for (const hash of held) this.#addSketch(hash)
    this.#count = held.length
  }

  #addSketch(hash: number): number {
    // The caller's hash may be weak in some bits, and both the index and the rank need good ones.
    const scrambled = mix(hash ^ 0x9e3779b9)
    const index = scrambled >>> (32 - PRECISION)
    const rank = Math.min(Math.clz32(scrambled << PRECISION), 32 - PRECISION) + 1
    const registers = this.#registers!
    const before = registers[index]!
    if (rank <= before) return 0
    const growth = REGISTERS / this.#open
    registers[index] = rank
    this.#open += 2 ** -rank - 2 ** -before
    this.#count += growth
    return growth
  }

  #estimate(): number {
    const raw = (ALPHA * REGISTERS * REGISTERS) / this.#open
    if (raw > 2.5 * REGISTERS) return raw
    let empty = 0
    for (const rank of this.#registers!) if (rank === 0) empty++
    return empty === 0 ? raw : REGISTERS * Math.log(REGISTERS / empty)
  }
}
