/** Characters of a run before it is taken for base64; unwrap.ts looks at shorter ones, which are words here. */
const LEAST = 12
/** Groups of four characters that must decode to text before the whole run is decoded: words and tokens fail within two. */
const TASTE = 3
const MOST = 8192
const PERCENT = 0x25
const SLASH = 0x2f
const PLUS = 0x2b
/** Of one run: its start, or what follows a slash in it, may look like text by accident. */
const MOST_DECODINGS = 4

/** Both alphabets of RFC 4648, -1 for all else. */
const SIX_BITS = new Int8Array(256).fill(-1)
for (const [index, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  SIX_BITS[c.charCodeAt(0)] = index
}
SIX_BITS[0x2d] = 62
SIX_BITS[0x5f] = 63

/** 1: part of a run; 2: a slash, after which one may begin, too. */
const IN_RUN = Uint8Array.from(SIX_BITS, (bits) => (bits >= 0 ? 1 : 0))
IN_RUN[SLASH] = 2
/** Places in a group of four, as bits, at which a character leaves the highest bit of the byte that it holds unset. */
const IN_TEXT = Uint8Array.from(SIX_BITS, (bits) =>
  bits < 0 ? 0 : ((bits & 32) === 0 ? 1 : 0) | ((bits & 8) === 0 ? 2 : 0) | ((bits & 2) === 0 ? 4 : 0),
)

/** Bytes of ASCII text. */
const TEXT = new Uint8Array(256)
for (let byte = 0x20; byte < 0x7f; byte++) TEXT[byte] = 1
for (const blank of [0x09, 0x0a, 0x0d]) TEXT[blank] = 1

/** Whether a plus or a slash stands there that a client had to escape. */
function isOfBase64(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + 2 >= end || bytes[at + 1] !== 0x32) return false
  const last = bytes[at + 2]! | 0x20
  return last === 0x62 || last === 0x66
}

/** Finds runs of base64 that decode to text, tokens with claims among them, and decodes them. One pass; the buffer is reused. */
export class Base64Text {
  readonly #decoded = new Uint8Array((MOST / 4) * 3)
  /** A run without its escapes. */
  readonly #plain = new Uint8Array(MOST)
  #bytes: Uint8Array = this.#decoded

  /** Calls `look` with the decoded bytes of each run, borrowed, until it answers true; whether it did. */
  some(bytes: Uint8Array, start: number, end: number, look: (decoded: Uint8Array, length: number) => boolean): boolean {
    let from = start
    let escapes = false
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!
      if (IN_RUN[byte] !== 0) continue
      if (byte === PERCENT && isOfBase64(bytes, at, end)) {
        escapes = true
        at += 2
        continue
      }
      if (at - from >= LEAST && this.#lookIn(bytes, from, at, escapes, look)) return true
      // What follows an escape begins anew.
      if (byte === PERCENT) at += 2
      from = at + 1
      escapes = false
    }
    return end - from >= LEAST && this.#lookIn(bytes, from, end, escapes, look)
  }

  #lookIn(
    bytes: Uint8Array,
    from: number,
    end: number,
    escapes: boolean,
    look: (decoded: Uint8Array, length: number) => boolean,
  ): boolean {
    if (!escapes) {
      this.#bytes = bytes
      return this.#look(from, end, look)
    }
    const plain = this.#plain
    let length = 0
    for (let at = from; at < end && length < MOST; at++) {
      const byte = bytes[at]!
      plain[length++] = byte === PERCENT ? ((bytes[at + 2]! | 0x20) === 0x62 ? PLUS : SLASH) : byte
      if (byte === PERCENT) at += 2
    }
    this.#bytes = plain
    return this.#look(0, length, look)
  }

  /**
   * Whether `some` may find anything, where nothing is percent-encoded. A run that is long enough has one of every LEAST bytes, so only
   * what stands before these is looked at.
   */
  mayHold(bytes: Uint8Array, start: number, end: number): boolean {
    let floor = start | 0
    for (let sample = (start + LEAST - 1) | 0; sample < end; sample = (sample + LEAST) | 0) {
      let at = sample
      for (; at >= floor; at = (at - 1) | 0) {
        const kind = IN_RUN[bytes[at]!]!
        if (kind === 1) continue
        if (this.#mayBegin(bytes, at + 1, end)) return true
        if (kind === 0) break
      }
      // The first run begins where the text does.
      if (at < start && this.#mayBegin(bytes, start, end)) return true
      floor = (sample + 1) | 0
    }
    return false
  }

  /** Whether so many characters may stand for ASCII; some of them tell. */
  #mayBegin(bytes: Uint8Array, from: number, end: number): boolean {
    if (end - from < LEAST) return false
    const first = IN_TEXT[bytes[from]!]! & IN_TEXT[bytes[from + 4]!]! & IN_TEXT[bytes[from + 8]!]!
    return (first & 1) !== 0 && (IN_TEXT[bytes[from + 1]!]! & 2) !== 0 && (IN_TEXT[bytes[from + 2]!]! & 4) !== 0
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
