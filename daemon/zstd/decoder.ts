import { ZstdDamage } from './back-bits.ts'
import { BlockDecoder, MAX_BLOCK_BYTES, type Output } from './block.ts'

/**
 * Zstandard (RFC 8878), block by block. Written here because what it reads may come from an attacker: time is bounded by
 * bytes in plus bytes out, memory by the window, and each call gives one block, at most 128 KiB, so that the caller can
 * stop at any output. The packages there are can be made to loop for ever by forty bytes.
 *
 * `push` what arrives, then take blocks with `next` until it says null. Checksums are not compared; dictionaries are
 * refused. Nothing throws.
 */
export class ZstdDecoder {
  /** Why nothing more comes, once it does not. */
  damage: string | null = null
  readonly #maxWindow: number
  #input: Uint8Array = new Uint8Array(FIRST_INPUT)
  #at = 0
  #end = 0
  // One for all frames: an input can hold thousands of empty ones, and its buffer is 128 KiB.
  readonly #blocks = new BlockDecoder()
  #inFrame = false
  #out: Output = { bytes: new Uint8Array(0), start: 0, end: 0 }
  #window = 0
  #hasChecksum = false
  /** Bytes of a skippable frame, or of a checksum, still to be passed over. */
  #skip = 0
  #afterFrame = false

  /** `maxWindow`: most bytes a match may reach back, which is what memory grows to. */
  constructor(maxWindow: number) {
    this.#maxWindow = maxWindow
  }

  /** Between frames, with nothing left: the input may end here. */
  get complete(): boolean {
    return this.#afterFrame && !this.#inFrame && this.#skip === 0 && this.#at === this.#end
  }

  /** Copies `bytes`. Take all blocks before the next push, or the input is held as well. */
  push(bytes: Uint8Array): void {
    if (this.#at > 0) {
      this.#input.copyWithin(0, this.#at, this.#end)
      this.#end -= this.#at
      this.#at = 0
    }
    const needed = this.#end + bytes.length + SLACK
    if (needed > this.#input.length) {
      const larger = new Uint8Array(Math.max(needed, this.#input.length * 2))
      larger.set(this.#input.subarray(0, this.#end))
      this.#input = larger
    }
    this.#input.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** The next bytes, *borrowed* until the next call; null when more input is needed, or nothing more can come. */
  next(): Uint8Array | null {
    try {
      while (this.damage === null) {
        const before = this.#at
        const block = this.#step()
        if (block === null) return null
        if (block.length > 0) return block
        if (this.#at === before && this.#skip === 0) return null
      }
    } catch (error) {
      if (!(error instanceof ZstdDamage)) throw error
      this.damage = error.message
    }
    return null
  }

  /** Null: more input is needed. Empty: a header, or something that holds nothing, was passed. */
  #step(): Uint8Array | null {
    if (this.#skip > 0) {
      const passed = Math.min(this.#skip, this.#end - this.#at)
      this.#at += passed
      this.#skip -= passed
      return this.#skip > 0 ? null : NOTHING
    }
    return this.#inFrame ? this.#block() : this.#frameHeader()
  }

  #frameHeader(): Uint8Array | null {
    const available = this.#end - this.#at
    if (available < 5) return null
    const input = this.#input
    const at = this.#at
    const magic = littleEndian(input, at, 4)
    if (magic >>> 4 === SKIPPABLE >>> 4) {
      if (available < 8) return null
      this.#skip = littleEndian(input, at + 4, 4)
      this.#at += 8
      this.#afterFrame = true
      return NOTHING
    }
    if (magic !== MAGIC) throw new ZstdDamage('a frame does not begin like one')
    const flags = input[at + 4]!
    const single = (flags & 0x20) !== 0
    const idBytes = [0, 1, 2, 4][flags & 3]!
    const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6]!
    const length = 5 + (single ? 0 : 1) + idBytes + sizeBytes
    if (available < length) return null
    if ((flags & 8) !== 0) throw new ZstdDamage('a frame has a reserved bit set')
    const sizeAt = at + length - sizeBytes
    if (littleEndian(input, sizeAt - idBytes, idBytes) !== 0) throw new ZstdDamage('a frame needs a dictionary')
    const size = littleEndian(input, sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
    const window = single ? size : windowOf(input[at + 5]!)
    if (window > this.#maxWindow) {
      throw new ZstdDamage(`a frame wants a window of ${window} bytes; ${this.#maxWindow} are allowed`)
    }
    this.#at += length
    this.#window = window
    this.#hasChecksum = (flags & 4) !== 0
    this.#blocks.reset()
    this.#inFrame = true
    this.#out.start = 0
    this.#out.end = 0
    return NOTHING
  }

  #block(): Uint8Array | null {
    const available = this.#end - this.#at
    if (available < 3) return null
    const input = this.#input
    const header = littleEndian(input, this.#at, 3)
    const type = (header >> 1) & 3
    const size = header >> 3
    if (type === 3 || size > MAX_BLOCK_BYTES) throw new ZstdDamage('a block is too long, or of no known type')
    const held = type === 1 ? 1 : size
    if (available < 3 + held) return null
    const at = this.#at + 3
    this.#makeRoom()
    const out = this.#out
    const from = out.end
    if (type === 2) this.#blocks.decode(input, at, at + size, out)
    else {
      if (type === 1) out.bytes.fill(input[at]!, from, from + size)
      else out.bytes.set(input.subarray(at, at + size), from)
      out.end += size
    }
    this.#at = at + held
    if ((header & 1) === 1) {
      this.#inFrame = false
      this.#skip = this.#hasChecksum ? 4 : 0
      this.#afterFrame = true
    }
    out.start = Math.max(out.start, out.end - this.#window)
    return out.bytes.subarray(from, out.end)
  }

  /** Room for one block. The buffer grows with what was written, not with what a header promised. */
  #makeRoom(): void {
    const out = this.#out
    if (out.end + MAX_BLOCK_BYTES <= out.bytes.length) return
    const kept = out.end - out.start
    const wanted = kept + MAX_BLOCK_BYTES
    // Moving the window is worth it only now and then: twice its size gives it room to slide.
    const bytes = 2 * wanted <= out.bytes.length ? out.bytes : new Uint8Array(2 * wanted)
    bytes.set(out.bytes.subarray(out.start, out.end))
    out.bytes = bytes
    out.start = 0
    out.end = kept
  }
}

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const NOTHING = new Uint8Array(0)
const FIRST_INPUT = 4096
/** The bit reader looks at most three bytes past what it uses. */
const SLACK = 8

/** RFC 8878 §3.1.1.1.2. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

/** Up to eight bytes; what does not fit a number exactly is far over every bound. */
function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0
  for (let i = length - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!
  return value
}
