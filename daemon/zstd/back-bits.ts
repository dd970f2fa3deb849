/** Input that is not zstd after all. Thrown within this folder only, and caught at its edge: see `ZstdDecoder`. */
export class ZstdDamage extends Error {}

export function damage(reason: string): never {
  throw new ZstdDamage(reason)
}

/** Bits of a stream that is written forwards and read from its end (RFC 8878 §4.1.1, §4.2.2). Past its beginning stand zeros. */
export class BackBits {
  /** Bits left; negative once more was read than there was. */
  left = 0
  #bytes: Uint8Array = EMPTY
  #start = 0

  /** The bits of `bytes` from `start` to `end`. The highest bit set in the last byte only marks the end. */
  open(bytes: Uint8Array, start: number, end: number): void {
    const last = end > start ? bytes[end - 1]! : 0
    if (last === 0) damage('a bit stream has no end mark')
    this.#bytes = bytes
    this.#start = start
    this.left = (end - start - 1) * 8 + highestBit(last)
  }

  /** Up to 31 bits. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16)
      return high * 65_536 + this.read(16)
    }
    this.left -= count
    return this.#at(this.left, count)
  }

  /** Up to 16 bits, without taking them. */
  peek(count: number): number {
    return this.#at(this.left - count, count)
  }

  #at(position: number, count: number): number {
    if (position < 0) return position + count <= 0 ? 0 : this.#at(0, position + count) << -position
    const bytes = this.#bytes
    const at = this.#start + (position >>> 3)
    // At most 7 + 16 bits; what stands after the stream is masked away.
    const three = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    return (three >>> (position & 7)) & ((1 << count) - 1)
  }
}

const EMPTY = new Uint8Array(0)

/** Place of the highest bit set; `value` is over 0. */
export function highestBit(value: number): number {
  return 31 - Math.clz32(value)
}
