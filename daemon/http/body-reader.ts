import { keepBody } from './body-store.ts'
import { ChunkedReader } from './chunked.ts'
import type { HttpContext } from './context.ts'
import type { FlowKeep } from './flow-keep.ts'
import { type BodyKind, CHUNKED_BODY, LENGTH_BODY, UNTIL_CLOSE } from './framing.ts'
import type { HttpMessage } from './message.ts'

/** What a step of a body has led to: it goes on; it ended as its framing says; its framing is broken. */
export const MORE = 0
export const WHOLE = 1
export const BROKEN = 2
/** It was none: a status line stands where it should begin, `STATUS_PREFIX` of it has been read. */
export const NEXT_HEAD = 3
export type BodyOutcome = typeof MORE | typeof WHOLE | typeof BROKEN | typeof NEXT_HEAD

export const STATUS_PREFIX = Buffer.from('HTTP/1.', 'latin1')

/**
 * The body of the message that one direction is in: counts its bytes and keeps them where asked to, until its framing or a
 * hole ends it.
 *
 * A body whose request is unknown is peeked at first: if it begins like a status line, it was the answer to a HEAD, and
 * has no body. Bytes that looked so and turned out otherwise belong to the body after all.
 */
export class BodyReader {
  /** Of the last `read` or `skip`. */
  outcome: BodyOutcome = MORE
  /** Bytes of STATUS_PREFIX that came in earlier segments and that broken framing has left over. */
  leftOver = 0
  /** Whether it is still open if this is a body at all. */
  peeking = false
  readonly #context: HttpContext
  #keep: FlowKeep | null = null
  readonly #chunks = new ChunkedReader()
  #kind: BodyKind = LENGTH_BODY
  #left = 0
  #peeked = 0

  constructor(context: HttpContext) {
    this.#context = context
  }

  /** A body of at least one byte begins; `length` in bytes where the framing gives it. What is kept of it is charged to `keep`. */
  start(kind: BodyKind, length: number, peek: boolean, keep: FlowKeep): void {
    this.#keep = keep
    this.leftOver = 0
    this.#kind = kind
    this.#left = length
    this.peeking = peek
    this.#peeked = 0
    if (kind === CHUNKED_BODY) this.#chunks.start()
  }

  get untilClose(): boolean {
    return this.#kind === UNTIL_CLOSE
  }

  /** Reads on from `from`; returns how far it came. */
  read(message: HttpMessage, bytes: Buffer, from: number, end: number): number {
    this.outcome = MORE
    if (this.peeking) {
      const peeked = this.#peek(message, bytes, from, end)
      if (this.peeking || this.outcome !== MORE) return peeked
    }
    if (this.#kind === CHUNKED_BODY) return this.#readChunks(message, bytes, from, end)
    const bounded = this.#kind === LENGTH_BODY
    const stop = bounded ? Math.min(end, from + this.#left) : end
    this.#take(message, bytes, from, stop)
    this.#context.telemetry.funnel.bytes.delivered += stop - from
    if (bounded) {
      this.#left -= stop - from
      if (this.#left === 0) this.outcome = WHOLE
    }
    return stop
  }

  /** A hole of `length` bytes; returns how many of them belong to this body. */
  skip(message: HttpMessage, length: number): number {
    this.outcome = MORE
    if (this.#kind === UNTIL_CLOSE) {
      message.bodyBytes += length
      return length
    }
    const chunked = this.#kind === CHUNKED_BODY
    const left = chunked ? (this.#chunks.inData ? this.#chunks.left : 0) : this.#left
    const covered = Math.min(left, length)
    message.bodyBytes += covered
    if (chunked) {
      // The line end after the data is framing: a hole that reaches it is a hole in the framing.
      if (length <= left) this.#chunks.took(length)
      else this.outcome = BROKEN
    } else {
      this.#left -= covered
      if (this.#left === 0) this.outcome = WHOLE
    }
    return covered
  }

  /** Peeking ends undecided: what matched so far counts as body. */
  unpeek(message: HttpMessage): void {
    this.peeking = false
    this.#context.telemetry.funnel.bytes.delivered += this.#peeked
    if (this.#kind === LENGTH_BODY) {
      const taken = Math.min(this.#peeked, this.#left)
      message.bodyBytes += taken
      this.#left -= taken
    }
  }

  /** Returns `from` when these bytes are to be read as a body, what came before having been. */
  #peek(message: HttpMessage, bytes: Buffer, from: number, end: number): number {
    let i = from
    while (i < end && this.#peeked < STATUS_PREFIX.length && bytes[i] === STATUS_PREFIX[this.#peeked]) {
      i++
      this.#peeked++
    }
    if (this.#peeked === STATUS_PREFIX.length) {
      this.peeking = false
      this.outcome = NEXT_HEAD
      return i
    }
    if (i === end) return i
    this.peeking = false
    const before = this.#peeked - (i - from)
    if (before > 0) {
      const read = this.read(message, STATUS_PREFIX, 0, before)
      // No chunk begins like this.
      if (this.outcome === BROKEN) this.leftOver = before - read
    }
    return from
  }

  #take(message: HttpMessage, bytes: Buffer, from: number, to: number): void {
    message.bodyBytes += to - from
    const { bodies, buffers, limits } = this.#context
    if (!bodies) return
    const grown = keepBody(message, buffers, limits.maxBodyBytes, bytes, from, to)
    if (grown > 0) this.#keep?.grow(message, grown)
  }

  #readChunks(message: HttpMessage, bytes: Buffer, from: number, end: number): number {
    const chunks = this.#chunks
    let i = from
    while (i < end && !chunks.done && !chunks.broken) {
      if (chunks.inData) {
        const stop = Math.min(end, i + chunks.left)
        this.#take(message, bytes, i, stop)
        chunks.took(stop - i)
        i = stop
      } else i = chunks.step(bytes, i, end, message, this.#context.limits.maxFieldBytes)
    }
    this.#context.telemetry.funnel.bytes.delivered += i - from
    if (chunks.done) this.outcome = WHOLE
    else if (chunks.broken) this.outcome = BROKEN
    return i
  }
}
