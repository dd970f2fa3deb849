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
  /** The one of its set that came before it. */
  earlier: Piece | null = null
}

/** This very fragment is here already, or others with bytes of its own, or neither. */
export const HERE = 0
export const OVERLAPPING = 1
export const APART = 2
export type Place = typeof HERE | typeof OVERLAPPING | typeof APART

/** What keeping a fragment costs beside its bytes, roughly: object, buffer header. */
const PIECE_COST = 256

/**
 * One datagram in fragments. Pieces are linked from the last that arrived to the first; the order is also their rank: where two
 * overlap, the first copy wins. A set that is whole keeps its pieces' places but not their bytes, to know late copies of them.
 * Used again for another datagram when it is forgotten: a flood makes thousands, each old enough by then to lie about.
 */
export class FragmentSet {
  key = ''
  /** When the first fragment came. For a whole set: when it became whole. Not a small integer, so that it is a double from the first on. */
  since: EventTime = -0.5
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
  /** Pieces here. */
  size = 0
  #latest: Piece | null = null
  readonly #free: Pool<Piece>
  readonly #buffers: PieceBuffers
  #received = 0

  constructor(free: Pool<Piece>, buffers: PieceBuffers) {
    this.#free = free
    this.#buffers = buffers
  }

  /** Begins anew, with another datagram. The last one was forgotten. */
  open(key: string, now: EventTime): void {
    this.key = key
    this.since = now
    this.whole = false
    this.refused = false
    this.frames = 0
    this.protocol = -1
    this.total = -1
    this.#received = 0
  }

  /** How a fragment stands to those that are here. */
  placeOf(start: number, end: number, print: number): Place {
    let place: Place = APART
    for (let piece = this.#latest; piece !== null; piece = piece.earlier) {
      if (start >= piece.end || end <= piece.start) continue
      if (piece.start === start && piece.end === end && piece.print === print) return HERE
      place = OVERLAPPING
    }
    return place
  }

  /** Whether every byte of [start, end) is here already. Each round but the last gets further, by a piece that no other round takes. */
  covers(start: number, end: number): boolean {
    let reached = start
    for (let before = -1; reached > before && reached < end; ) {
      before = reached
      for (let piece = this.#latest; piece !== null; piece = piece.earlier) {
        if (piece.start <= reached && piece.end > reached) reached = piece.end
      }
    }
    return reached >= end
  }

  /** Whether a fragment that ends at `end` denies what is known of the datagram's length (teardrop and its kin). */
  contradicts(end: number, last: boolean): boolean {
    if (this.total >= 0) return last ? end !== this.total : end > this.total
    if (!last) return false
    for (let piece = this.#latest; piece !== null; piece = piece.earlier) if (piece.end > end) return true
    return false
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
    piece.earlier = this.#latest
    this.#latest = piece
    this.size++
    this.#received += end - start
    this.cost += copy.length + PIECE_COST
  }

  isComplete(): boolean {
    // The sum is cheap and tells nearly always; overlaps make it too large.
    return this.total >= 0 && this.#received >= this.total && this.covers(0, this.total)
  }

  /** Writes the payload to `target`, the first copy over later ones; returns how much of it was captured without a hole. */
  assemble(target: Buffer): number {
    let captured = this.total
    for (let piece = this.#latest; piece !== null; piece = piece.earlier) {
      piece.bytes.copy(target, piece.start, 0, piece.captured)
      const cut = piece.start + piece.captured
      if (cut < piece.end && cut < captured) captured = cut
    }
    return captured
  }

  /** Forgets the bytes, keeps the places. */
  release(): void {
    for (let piece = this.#latest; piece !== null; piece = piece.earlier) {
      if (piece.bytes !== NO_BYTES) this.#buffers.giveBack(piece.bytes)
      piece.bytes = NO_BYTES
    }
    this.cost = 0
  }

  /** Forgets the places, too. */
  forget(): void {
    this.release()
    for (let piece = this.#latest; piece !== null; ) {
      const { earlier } = piece
      piece.earlier = null
      this.#free.giveBack(piece)
      piece = earlier
    }
    this.#latest = null
    this.size = 0
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
