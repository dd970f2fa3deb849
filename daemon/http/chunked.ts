import type { HttpMessage } from './message.ts'

const SIZE = 0
const EXTENSION = 1
const DATA = 2
const DATA_END = 3
const TRAILER = 4
const DONE = 5
const BROKEN = 6

const LF = 0x0a
const CR = 0x0d

/**
 * The chunked coding (RFC 9112 §7.1), resumable at any byte. `step` consumes framing bytes up to the next run of data;
 * the caller takes the data (`left` bytes) itself. Extensions and trailers are passed over, counted as a weird.
 *
 * Readings: a lone LF ends a line; blanks after the size are allowed; a size of more than 13 hex digits, an empty size
 * or anything but a line end after the data is http.bad_chunk, after which the framing is lost.
 */
export class ChunkedReader {
  #state = SIZE
  #digits = 0
  #size = 0
  #lineBytes = 0
  #sawCr = false
  /** Data bytes of this chunk still to come. */
  left = 0

  start(): void {
    this.#state = SIZE
    this.#digits = 0
    this.#size = 0
    this.#lineBytes = 0
    this.#sawCr = false
    this.left = 0
  }

  get done(): boolean {
    return this.#state === DONE
  }

  get broken(): boolean {
    return this.#state === BROKEN
  }

  get inData(): boolean {
    return this.#state === DATA
  }

  /** Reads framing from `from`; returns how far it came: at data, at the end of the message, broken, or `end`. */
  step(bytes: Buffer, from: number, end: number, message: HttpMessage, maxLineBytes: number): number {
    let i = from
    while (i < end && this.#state !== DATA && this.#state < DONE) {
      this.#byte(bytes[i]!, message, maxLineBytes)
      if (this.#state === BROKEN) return i
      i++
    }
    return i
  }

  /** `count` data bytes were taken, or are missing. */
  took(count: number): void {
    this.left -= count
    if (this.left === 0) this.#state = DATA_END
  }

  #byte(c: number, message: HttpMessage, maxLineBytes: number): void {
    switch (this.#state) {
      case SIZE:
        this.#sizeByte(c, message)
        break
      case EXTENSION:
        if (c === LF) this.#sizeEnd()
        else if (++this.#lineBytes > maxLineBytes) this.#break(message)
        break
      case DATA_END:
        if (c === CR && !this.#sawCr) this.#sawCr = true
        else if (c === LF) {
          if (!this.#sawCr) message.weird('http.bare_lf')
          this.#sawCr = false
          this.#state = SIZE
        } else this.#break(message)
        break
      default:
        this.#trailerByte(c, message, maxLineBytes)
    }
  }

  #sizeByte(c: number, message: HttpMessage): void {
    if (this.#sawCr) {
      this.#sawCr = false
      if (c === LF) this.#sizeEnd()
      else this.#break(message)
      return
    }
    const digit = hexDigit(c)
    if (digit >= 0 && this.#lineBytes === 0) {
      if (++this.#digits > 13) this.#break(message)
      else this.#size = this.#size * 16 + digit
    } else if (this.#digits === 0) this.#break(message)
    else if (c === CR) this.#sawCr = true
    else if (c === LF) {
      message.weird('http.bare_lf')
      this.#sizeEnd()
    } else if (c === 0x3b) {
      message.weird('http.chunk_extension')
      this.#state = EXTENSION
    } else if (c === 0x20 || c === 0x09) {
      if (++this.#lineBytes > 64) this.#break(message)
    } else this.#break(message)
  }

  #sizeEnd(): void {
    this.left = this.#size
    this.#state = this.#size === 0 ? TRAILER : DATA
    this.#digits = 0
    this.#size = 0
    this.#lineBytes = 0
    this.#sawCr = false
  }

  #trailerByte(c: number, message: HttpMessage, maxLineBytes: number): void {
    if (c === LF) {
      if (this.#digits === 0) this.#state = DONE
      this.#digits = 0
    } else if (c !== CR || this.#digits > 0) {
      // `digits` counts the bytes of this trailer line, `lineBytes` those of the whole trailer section.
      if (this.#lineBytes === 0) message.weird('http.trailers')
      this.#digits++
      if (++this.#lineBytes > maxLineBytes) this.#break(message)
    }
  }

  #break(message: HttpMessage): void {
    message.weird('http.bad_chunk')
    this.#state = BROKEN
  }
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  const letter = c | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
