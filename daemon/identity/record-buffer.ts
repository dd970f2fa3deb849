const FIRST_BYTES = 256 * 1024

/** Bytes of records on their way to another thread, in a buffer of their own that leaves with them. Grows by doubling. */
export class RecordBuffer {
  bytes!: Buffer
  ints!: Int32Array
  floats!: Float64Array
  length = 0

  constructor() {
    this.#use(new ArrayBuffer(FIRST_BYTES))
  }

  /** Makes room for `count` more bytes; the views may be others afterwards. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const { bytes, length } = this
    this.#use(new ArrayBuffer(Math.max(bytes.length * 2, (needed + 7) & ~7)))
    bytes.copy(this.bytes, 0, 0, length)
  }

  /** Takes what was written, with its buffer; the next record starts in `next`, one that was taken before, or a new one. */
  take(next: ArrayBuffer = new ArrayBuffer(FIRST_BYTES)): ArrayBuffer {
    const buffer = this.bytes.buffer as ArrayBuffer
    this.length = 0
    this.#use(next)
    return buffer
  }

  /** Appends [from, to) of `bytes`. */
  append(bytes: Buffer, from: number, to: number): void {
    this.reserve(to - from)
    bytes.copy(this.bytes, this.length, from, to)
    this.length += to - from
  }

  /** Appends 32 bits, wherever they come to stand. */
  int(value: number): void {
    this.reserve(4)
    const { bytes, length } = this
    bytes[length] = value
    bytes[length + 1] = value >> 8
    bytes[length + 2] = value >> 16
    bytes[length + 3] = value >> 24
    this.length = length + 4
  }

  /** Appends a text and returns what it takes to read it: see `readText`. */
  text(value: string | null): number {
    if (value === null) return NO_TEXT_CODE
    const count = value.length
    if (count === 0) return 0
    if (count > LONG_TEXT) return this.#longText(value)
    this.reserve(count)
    const { bytes } = this
    let at = this.length
    for (let i = 0; i < count; i++) {
      const code = value.charCodeAt(i)
      if (code > 0xff) return this.#wideText(value)
      bytes[at++] = code
    }
    this.length = at
    return count * 2
  }

  #longText(value: string): number {
    const count = value.length
    // All ASCII, which the runtime can tell faster than a loop here.
    if (Buffer.byteLength(value, 'utf8') !== count) return this.#wideText(value)
    this.reserve(count)
    this.bytes.write(value, this.length, 'latin1')
    this.length += count
    return count * 2
  }

  #wideText(value: string): number {
    const count = value.length * 2
    this.reserve(count)
    this.bytes.write(value, this.length, 'utf16le')
    this.length += count
    return count * 2 + 1
  }

  #use(buffer: ArrayBuffer): void {
    this.bytes = Buffer.from(buffer)
    this.ints = new Int32Array(buffer)
    this.floats = new Float64Array(buffer)
  }
}

/** From here on crossing into the runtime is cheaper than a loop. */
const LONG_TEXT = 64
/** Stands for null. */
export const NO_TEXT_CODE = -1

/** How many bytes the text of a code takes. */
export function textBytes(code: number): number {
  return code < 0 ? 0 : code >> 1
}

export function readText(bytes: Buffer, at: number, code: number): string | null {
  if (code <= 0) return code === 0 ? '' : null
  const end = at + (code >> 1)
  return (code & 1) === 0 ? bytes.toString('latin1', at, end) : bytes.toString('utf16le', at, end)
}
