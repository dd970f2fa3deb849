import type { EventTime } from '../model/time.ts'
import type { Refusal } from './packet.ts'
import type { PieceBuffers } from './piece-buffers.ts'
import type { Pool } from './pool.ts'

const NO_BYTES: Buffer = Buffer.alloc(0)

/** Bytes [start, end) of a datagram's payload, in an owned buffer. `captured` is less when the capture cut the fragment. */
export class Piece {
  start = 0
  end = 0
  print = 0
  captured = 0
  bytes = NO_BYTES
}

/** What keeping a fragment costs beside its bytes, roughly: object, buffer header, list slot. */
const PIECE_COST = 256

/**
 * One datagram in fragments. Pieces stand in order of arrival, which is also their rank: where two overlap, the first
 * copy wins. A set that is whole keeps its pieces' places but not their bytes, to know late copies of them.
 */
export class FragmentSet {
  readonly key: string
  /** When the first fragment came. For a whole set: when it became whole. */
  since: EventTime
  /** Neighbours in a SetList. */
  older: FragmentSet | null = null
  newer: FragmentSet | null = null
  whole = false
  /** Over a limit, or its fragments contradict each other: whatever else comes of it is of no use. */
  refused = false
  /** Frames that stand behind the pieces. */
  frames = 0
  /** Bytes held, bookkeeping included. */
  cost = 0
  /** Of the datagram, from the fragment at 0; -1 until it came. */
  protocol = -1
  /** Payload length of the datagram, from its last fragment; -1 until it came. */
  total = -1
  readonly #pieces: Piece[] = []
  readonly #free: Pool<Piece>
  readonly #buffers: PieceBuffers
  #received = 0

  constructor(key: string, now: EventTime, free: Pool<Piece>, buffers: PieceBuffers) {
    this.#free = free
    this.#buffers = buffers
    this.key = key
    this.since = now
  }

  get size(): number {
    return this.#pieces.length
  }

  /** Whether this very fragment is here already. */
  has(start: number, end: number, print: number): boolean {
    return this.#pieces.some((piece) => piece.start === start && piece.end === end && piece.print === print)
  }

  overlaps(start: number, end: number): boolean {
    return this.#pieces.some((piece) => start < piece.end && end > piece.start)
  }

  /** Whether every byte of [start, end) is here already. */
  covers(start: number, end: number): boolean {
    let reached = start
    for (const piece of this.#pieces.toSorted((a, b) => a.start - b.start)) {
      if (piece.start > reached) break
      if (piece.end > reached) reached = piece.end
    }
    return reached >= end
  }

  /** Whether a fragment that ends at `end` denies what is known of the datagram's length (teardrop and its kin). */
  contradicts(end: number, last: boolean): boolean {
    if (this.total >= 0) return last ? end !== this.total : end > this.total
    return last && this.#pieces.some((piece) => piece.end > end)
  }

  /** Copies the captured bytes [from, to) of a fragment. */
  add(start: number, end: number, print: number, bytes: Buffer, from: number, to: number): void {
    const captured = to - from
    const copy = this.#buffers.take(captured)
    bytes.copy(copy, 0, from, to)
    const piece = this.#free.take()
    piece.start = start
    piece.end = end
    piece.print = print
    piece.captured = captured
    piece.bytes = copy
    this.#pieces.push(piece)
    this.#received += end - start
    this.cost += copy.length + PIECE_COST
  }

  isComplete(): boolean {
    // The sum is cheap and tells nearly always; overlaps make it too large.
    return this.total >= 0 && this.#received >= this.total && this.covers(0, this.total)
  }

  /** Writes the payload to `target`; returns how much of it was captured without a hole. */
  assemble(target: Buffer): number {
    let captured = this.total
    for (const piece of this.#pieces.toReversed()) {
      piece.bytes.copy(target, piece.start, 0, piece.captured)
      const cut = piece.start + piece.captured
      if (cut < piece.end && cut < captured) captured = cut
    }
    return captured
  }

  /** Forgets the bytes, keeps the places. */
  release(): void {
    for (const piece of this.#pieces) {
      if (piece.bytes !== NO_BYTES) this.#buffers.giveBack(piece.bytes)
      piece.bytes = NO_BYTES
    }
    this.cost = 0
  }

  /** Forgets the places, too. */
  forget(): void {
    this.release()
    for (const piece of this.#pieces) this.#free.giveBack(piece)
    this.#pieces.length = 0
  }

  /** Forgets everything but that it was refused. Returns the frames that go with it. */
  refuse(): number {
    const { frames } = this
    this.forget()
    this.refused = true
    this.frames = 0
    return frames
  }
}

/** Sets by age. A Map alone would do, but its order is slow to read at the old end while entries come and go. */
export class SetList {
  oldest: FragmentSet | null = null
  count = 0
  #newest: FragmentSet | null = null

  add(set: FragmentSet): void {
    set.older = this.#newest
    set.newer = null
    if (this.#newest === null) this.oldest = set
    else this.#newest.newer = set
    this.#newest = set
    this.count++
  }

  remove(set: FragmentSet): void {
    if (set.older === null) this.oldest = set.newer
    else set.older.newer = set.newer
    if (set.newer === null) this.#newest = set.older
    else set.newer.older = set.older
    this.count--
  }
}

/** What became of a fragment that made no datagram whole. */
export type FragmentRefusal = Extract<Refusal, 'fragment' | 'duplicate' | 'malformed'>
