import { type HeadScanner, SLOTS } from './head-scanner.ts'
import { CONTENT_LENGTH, equalsLowerCase, TRANSFER_ENCODING } from './known-headers.ts'
import type { HttpMessage } from './message.ts'

/** How the body of a message ends. */
export const NO_BODY = 0
export const LENGTH_BODY = 1
export const CHUNKED_BODY = 2
export const UNTIL_CLOSE = 3
/** What follows is no longer HTTP. */
export const UPGRADE = 4
export type BodyKind = typeof NO_BODY | typeof LENGTH_BODY | typeof CHUNKED_BODY | typeof UNTIL_CLOSE | typeof UPGRADE

const CHUNKED = Buffer.from('chunked', 'latin1')

/**
 * Where a body ends, RFC 9112 §6.3, read off the head that was just scanned. One instance, overwritten by every call.
 *
 * Where the specification lets a receiver choose: Transfer-Encoding beats Content-Length; of several different lengths
 * the first counts; a length that is no number counts as absent; a transfer coding that does not end in `chunked` makes
 * a response last until close and is ignored in a request. Each such choice is a weird on the message.
 */
export class Framing {
  kind: BodyKind = NO_BODY
  length = 0

  ofRequest(scanner: HeadScanner, bytes: Buffer, from: number, message: HttpMessage): void {
    this.#fields(scanner, bytes, from, message)
    if (this.kind === UNTIL_CLOSE) this.kind = this.length > 0 ? LENGTH_BODY : NO_BODY
  }

  /** `request`: the method of the request answered; '' when unknown. */
  ofResponse(scanner: HeadScanner, bytes: Buffer, from: number, message: HttpMessage, request: string): void {
    const { status } = message
    if (status === 101 || (request === 'CONNECT' && status >= 200 && status < 300)) {
      this.kind = UPGRADE
      this.length = 0
      return
    }
    this.#fields(scanner, bytes, from, message)
    if (request === 'HEAD' || status < 200 || status === 204 || status === 304) {
      this.kind = NO_BODY
      this.length = 0
    } else if (this.kind === NO_BODY && !this.#lengthGiven) this.kind = UNTIL_CLOSE
  }

  #lengthGiven = false

  #fields(scanner: HeadScanner, bytes: Buffer, from: number, message: HttpMessage): void {
    this.kind = NO_BODY
    this.length = 0
    this.#lengthGiven = false
    const hasLength = scanner.known[CONTENT_LENGTH]! !== 0
    const hasCoding = scanner.known[TRANSFER_ENCODING]! !== 0
    if (!hasLength && !hasCoding) return
    if (hasLength) this.#readLengths(scanner, bytes, from, message)
    if (!hasCoding) {
      if (this.length > 0) this.kind = LENGTH_BODY
      return
    }
    if (hasLength) message.weird('http.content_length_and_transfer_encoding')
    if (this.#endsInChunked(scanner, bytes, from, message)) {
      this.kind = CHUNKED_BODY
      this.length = 0
    } else {
      message.weird('http.bad_transfer_encoding')
      this.kind = UNTIL_CLOSE
    }
    if (scanner.line.major === 1 && scanner.line.minor === 0) message.weird('http.bad_transfer_encoding')
  }

  #readLengths(scanner: HeadScanner, bytes: Buffer, from: number, message: HttpMessage): void {
    let seen = 0
    for (let field = scanner.known[CONTENT_LENGTH]! - 1; field < scanner.headerCount; field++) {
      if (scanner.names[field] !== CONTENT_LENGTH) continue
      const slot = field * SLOTS
      let at = from + scanner.offsets[slot + 2]!
      const end = from + scanner.offsets[slot + 3]!
      // A list `5, 5` is what a proxy makes of two fields (RFC 9110 §8.6).
      do {
        let comma = at
        while (comma < end && bytes[comma] !== 0x2c) comma++
        const value = decimal(bytes, at, comma)
        seen++
        if (seen > 1) message.weird('http.duplicate_content_length')
        if (value < 0) message.weird('http.bad_content_length')
        else if (!this.#lengthGiven) {
          this.#lengthGiven = true
          this.length = value
        } else if (value !== this.length) message.weird('http.conflicting_content_length')
        at = comma + 1
      } while (at <= end)
    }
  }

  #endsInChunked(scanner: HeadScanner, bytes: Buffer, from: number, message: HttpMessage): boolean {
    let last = -1
    let fields = 0
    for (let field = scanner.known[TRANSFER_ENCODING]! - 1; field < scanner.headerCount; field++) {
      if (scanner.names[field] !== TRANSFER_ENCODING) continue
      last = field * SLOTS
      fields++
    }
    // Two fields are legal as a list, and the usual way to hide one coding from one of two readers.
    if (fields > 1) message.weird('http.bad_transfer_encoding')
    const start = from + scanner.offsets[last + 2]!
    const end = from + scanner.offsets[last + 3]!
    const at = end - CHUNKED.length
    if (at < start || !equalsLowerCase(CHUNKED, bytes, at)) return false
    let before = at - 1
    while (before >= start && isBlank(bytes[before]!)) before--
    if (before < start) return true
    return bytes[before] === 0x2c
  }
}

/** 1*DIGIT with blanks around it, -1 when it is something else or not exact as a number. */
function decimal(bytes: Buffer, from: number, to: number): number {
  let start = from
  let end = to
  while (start < end && isBlank(bytes[start]!)) start++
  while (end > start && isBlank(bytes[end - 1]!)) end--
  if (start === end) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
    if (value > Number.MAX_SAFE_INTEGER) return -1
  }
  return value
}

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09 || c === 0x0d || c === 0x0a
}
