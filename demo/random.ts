/**
 * Seeded pseudo-random numbers (sfc32) for the demo world: one seed gives one world, on every machine.
 * `fork` gives an independent stream by name, so that a change in one caller's day does not reshuffle everybody's.
 * Not for secrets.
 */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1
  readonly #seed: string

  constructor(seed: string) {
    this.#seed = seed
    this.#a = hash(seed, 0x9e3779b9)
    this.#b = hash(seed, 0x85ebca6b)
    this.#c = hash(seed, 0xc2b2ae35)
    for (let round = 0; round < 12; round++) this.next()
  }

  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  /** 0 <= x < 1 */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t
    this.#c |= 0
    return (t >>> 0) / 4294967296
  }

  /** A whole number, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!
  }

  shuffled<T>(list: readonly T[]): T[] {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = Math.floor(this.next() * (i + 1))
      const held = copy[i]!
      copy[i] = copy[j]!
      copy[j] = held
    }
    return copy
  }

  /** Skewed to the right, as waiting times of people and servers are: median `median`, a tenth above about 2.5 times that. */
  skewed(median: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
    return median * Math.exp(0.7 * Math.max(-3, Math.min(3, normal)))
  }
}

/** FNV-1a with a chosen basis. */
function hash(text: string, basis: number): number {
  let value = basis | 0
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value ^ (value >>> 15)
}
