/** Characters of a run before it is taken for base64; unwrap.ts looks at shorter ones, which are words here. */
export const LEAST = 12
/** Groups of four characters that must decode to text before the whole run is decoded: words and tokens fail within two. */
const TASTE = 3
const MOST = 8192
const PERCENT = 0x25
const SLASH = 0x2f
/** Of one run: its start, or what follows a slash in it, may look like text by accident. */
const MOST_DECODINGS = 4

/** Both alphabets of RFC 4648, -1 for all else. */
const SIX_BITS = new Int8Array(256).fill(-1)
for (const [index, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  SIX_BITS[c.charCodeAt(0)] = index
}
SIX_BITS[0x2d] = 62
SIX_BITS[0x5f] = 63

/** Bits: part of a run; a slash, too. */
const IN_RUN = Uint8Array.from(SIX_BITS, (bits) => (bits >= 0 ? 1 : 0))
IN_RUN[SLASH] = 3

/** Bytes of ASCII text. */
const TEXT = new Uint8Array(256)
for (let byte = 0x20; byte < 0x7f; byte++) TEXT[byte] = 1
for (const blank of [0x09, 0x0a, 0x0d]) TEXT[blank] = 1

/** Finds runs of base64 that decode to text, tokens with claims among them, and decodes them. One pass; the buffer is reused. */
export class Base64Text {
  readonly #decoded = new Uint8Array((MOST / 4) * 3)
  #bytes: Uint8Array = this.#decoded

  /**
   * Calls `look` with the decoded bytes of each run, borrowed, until it answers true; whether it did. `encoded`: there may be
   * percent-encoding, and what follows an escape begins anew.
   */
  some(
    bytes: Uint8Array,
    start: number,
    end: number,
    encoded: boolean,
    look: (decoded: Uint8Array, length: number) => boolean,
  ): boolean {
    this.#bytes = bytes
    return encoded ? this.#someEncoded(bytes, start, end, look) : this.#somePlain(bytes, start, end, look)
  }

  #someEncoded(
    bytes: Uint8Array,
    start: number,
    end: number,
    look: (decoded: Uint8Array, length: number) => boolean,
  ): boolean {
    let from = start
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (IN_RUN[byte] !== 0) continue
      if (at - from >= LEAST && this.#look(from, at, look)) return true
      if (byte === PERCENT) at += 2
      from = at + 1
    }
    return end - from >= LEAST && this.#look(from, end, look)
  }

  /** A run that is long enough has one of every LEAST bytes, so only around these is more looked at. */
  #somePlain(
    bytes: Uint8Array,
    start: number,
    end: number,
    look: (decoded: Uint8Array, length: number) => boolean,
  ): boolean {
    let floor = start
    for (let at = start + LEAST - 1; at < end; at += LEAST) {
      if (IN_RUN[bytes[at]!] === 0) {
        floor = at + 1
        continue
      }
      let from = at
      let bits = 0
      for (let more = 1; from > floor && more !== 0; ) {
        more = IN_RUN[bytes[from - 1]!]!
        bits |= more
        if (more !== 0) from--
      }
      for (let more = 1; at < end && more !== 0; ) {
        more = IN_RUN[bytes[at]!]!
        bits |= more
        if (more !== 0) at++
      }
      const worthIt = at - from >= LEAST && (bits > 1 || this.#isText(from))
      if (worthIt && this.#look(from, at, look)) return true
      floor = at + 1
    }
    return false
  }

  /** A slash may be part of a run, or stand before it in a path. */
  #look(from: number, end: number, look: (decoded: Uint8Array, length: number) => boolean): boolean {
    let decodings = 0
    for (let at = from; end - at >= LEAST && decodings < MOST_DECODINGS; ) {
      if (this.#isText(at)) {
        decodings++
        if (look(this.#decoded, this.#decode(at, Math.min(end, at + MOST)))) return true
      }
      while (at < end && this.#bytes[at] !== SLASH) at++
      at++
    }
    return false
  }

  #isText(from: number): boolean {
    for (let group = 0; group < TASTE; group++) if (!this.#group(from + 4 * group, 3 * group)) return false
    return true
  }

  /** Decodes four characters; whether they are text. */
  #group(from: number, to: number): boolean {
    const bytes = this.#bytes
    const decoded = this.#decoded
    const bits =
      (SIX_BITS[bytes[from]!]! << 18) |
      (SIX_BITS[bytes[from + 1]!]! << 12) |
      (SIX_BITS[bytes[from + 2]!]! << 6) |
      SIX_BITS[bytes[from + 3]!]!
    decoded[to] = bits >> 16
    decoded[to + 1] = (bits >> 8) & 0xff
    decoded[to + 2] = bits & 0xff
    return (TEXT[decoded[to]!]! & TEXT[decoded[to + 1]!]! & TEXT[decoded[to + 2]!]!) === 1
  }

  /** Length of what [from, end) decodes to; a last group that is not whole gives what bytes it has. */
  #decode(from: number, end: number): number {
    let to = 0
    let at = from
    for (; at + 4 <= end; at += 4, to += 3) this.#group(at, to)
    const left = end - at
    if (left < 2) return to
    const high = (SIX_BITS[this.#bytes[at]!]! << 2) | (SIX_BITS[this.#bytes[at + 1]!]! >> 4)
    this.#decoded[to++] = high
    if (left === 3)
      this.#decoded[to++] = ((SIX_BITS[this.#bytes[at + 1]!]! & 15) << 4) | (SIX_BITS[this.#bytes[at + 2]!]! >> 2)
    return to
  }
}
