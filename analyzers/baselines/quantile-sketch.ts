import { z } from 'zod'
import type { Baseline, Mergeable } from '../baseline.ts'
import { amount } from './state.ts'

const BINS = 256

/** Index of the first bin, weight, and the bins that hold something, by their place. */
export const QuantileState = z.tuple([
  z.int().min(-1e6).max(1e6),
  amount,
  z.array(z.tuple([z.int().min(0).lt(BINS), amount])).max(BINS),
])
export type QuantileState = z.infer<typeof QuantileState>

/**
 * Quantiles of positive values on logarithmic bins (the mapping of DDSketch, Masson et al. 2019), with weights.
 *
 * Promise    every quantile within 2 % of the exact one, over a range of 1 : 28,000 below the largest value; under that
 *            range the lowest bins are collapsed, so low quantiles come out too high and the tail stays right
 * Memory     256 bins of 8 B. Values of 0 or less are not counted
 */
export class QuantileSketch
  implements Baseline<[value: number, weight?: number], QuantileState>, Mergeable<QuantileSketch>
{
  static readonly accuracy = 0.02
  static readonly #logGamma = Math.log((1 + QuantileSketch.accuracy) / (1 - QuantileSketch.accuracy))
  readonly #bins = new Float64Array(BINS)
  /** Logarithmic index of bins[0]. */
  #first = 0
  #weight = 0

  get weight(): number {
    return this.#weight
  }

  learnOne(value: number, weight = 1): void {
    if (!(value > 0) || !(weight > 0) || value === Number.POSITIVE_INFINITY) return
    this.#add(Math.ceil(Math.log(value) / QuantileSketch.#logGamma), weight)
  }

  /** Null while nothing was learnt. */
  quantile(share: number): number | null {
    if (this.#weight === 0) return null
    const target = Math.min(Math.max(share, 0), 1) * this.#weight
    let seen = 0
    let last = 0
    for (let i = 0; i < BINS; i++) {
      if (this.#bins[i]! === 0) continue
      seen += this.#bins[i]!
      last = i
      if (seen >= target) break
    }
    return this.#value(last)
  }

  /** Share of the weight at or above the value (its bin counts as above): never below the truth by more than a bin. */
  shareFrom(value: number): number {
    if (this.#weight === 0 || !(value > 0)) return 1
    const from = Math.ceil(Math.log(value) / QuantileSketch.#logGamma) - this.#first
    let above = 0
    for (let i = Math.max(0, from); i < BINS; i++) above += this.#bins[i]!
    return Math.min(1, above / this.#weight)
  }

  /** Sum over the weight above `value` of ln(x / value): what Hill's estimator of a Pareto tail needs. */
  logExcess(value: number): { readonly weight: number; readonly sum: number } {
    let weight = 0
    let sum = 0
    for (let i = 0; i < BINS; i++) {
      if (this.#bins[i]! === 0) continue
      const excess = Math.log(this.#value(i) / value)
      if (excess <= 0) continue
      weight += this.#bins[i]!
      sum += this.#bins[i]! * excess
    }
    return { weight, sum }
  }

  /** Forgets: multiplies every weight. */
  fade(factor: number): void {
    for (let i = 0; i < BINS; i++) this.#bins[i]! *= factor
    this.#weight *= factor
  }

  merge(other: QuantileSketch): void {
    for (let i = 0; i < BINS; i++) if (other.#bins[i]! > 0) this.#add(other.#first + i, other.#bins[i]!)
  }

  toState(): QuantileState {
    const bins: [number, number][] = []
    for (let i = 0; i < BINS; i++) if (this.#bins[i] !== 0) bins.push([i, this.#bins[i]!])
    return [this.#first, this.#weight, bins]
  }

  static fromState([first, weight, bins]: QuantileState): QuantileSketch {
    const sketch = new QuantileSketch()
    for (const [i, held] of bins) sketch.#bins[i] = held
    sketch.#first = first
    sketch.#weight = weight
    return sketch
  }

  #value(i: number): number {
    return (2 * Math.exp((this.#first + i) * QuantileSketch.#logGamma)) / (Math.exp(QuantileSketch.#logGamma) + 1)
  }

  #add(index: number, weight: number): void {
    if (this.#weight === 0) this.#first = index - (BINS >> 1)
    else if (index >= this.#first + BINS) this.#shiftUp(index - (this.#first + BINS) + 1)
    else if (index < this.#first) this.#shiftDown(index)
    this.#bins[Math.max(0, index - this.#first)]! += weight
    this.#weight += weight
  }

  /** A larger value than ever: the lowest bins collapse into one. */
  #shiftUp(by: number): void {
    let collapsed = 0
    for (let i = 0; i <= Math.min(by, BINS - 1); i++) collapsed += this.#bins[i]!
    this.#bins.copyWithin(0, Math.min(by, BINS))
    this.#bins.fill(0, Math.max(0, BINS - by))
    this.#bins[0] = collapsed
    this.#first += by
  }

  /** A smaller value than ever: move down as far as the empty bins on top allow. */
  #shiftDown(index: number): void {
    let top = BINS - 1
    while (top > 0 && this.#bins[top]! === 0) top--
    const by = Math.min(this.#first - index, BINS - 1 - top)
    if (by <= 0) return
    this.#bins.copyWithin(by, 0, BINS - by)
    this.#bins.fill(0, 0, by)
    this.#first -= by
  }
}
