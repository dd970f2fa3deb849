import type { PieceBuffers } from '../decode/piece-buffers.ts'
import type { Pool } from '../decode/pool.ts'
import type { EventTime } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Disorder, type HeldPiece } from './disorder.ts'
import type { Flow } from './flow.ts'
import type { HoleQueue } from './hole-queue.ts'
import type { ReassemblyLimits } from './limits.ts'
import type { RecentSegments } from './recent-segments.ts'
import { seqAdd } from './sequence.ts'
import type { Direction } from './stream.ts'

/** What a held piece costs beside its bytes, with what the collector leaves lying about; one-byte pieces are not free. */
const PIECE_OVERHEAD = 1024

/** What the directions of one shard share. */
export interface HoldAccount {
  readonly limits: ReassemblyLimits
  readonly telemetry: Telemetry
  readonly holes: HoleQueue
  readonly recent: RecentSegments
  /** For pieces that are held, and storage of theirs. */
  readonly held: Pool<HeldPiece>
  readonly pieces: PieceBuffers
  /** Payload bytes held. */
  heldBytes: number
  /** The same with the overhead of each piece: what the budget is compared with. */
  heldCost: number
}

/**
 * Orders the segments of one flow direction into a byte stream.
 *
 *            position
 *     delivered | hole | held | hole | held |      fin
 *   ------------+......+======+......+======+........|--> positions of the stream
 *
 * In order: handed on as a borrowed view, no copy. Early: copied and held, up to the limits, after which the first hole
 * becomes an explicit gap and we move on; waiting forever would let one lost packet hide a flow. Overlap: the first copy
 * wins, and a differing second copy is a weird (two hosts may read it two ways). Sequence numbers become positions at
 * the door; positions do not wrap. Knows nothing of HTTP.
 */
export class HalfStream {
  /** Whether `next` is known: a segment of this direction was seen. */
  known = false
  ended = false
  /** How far the peer has acknowledged; whether it was heard to acknowledge anything. */
  heard = false
  peerPosition = 0
  /** Sequence number of the byte at `position`. */
  next = 0
  /** First byte that was not handed on yet. */
  position = 0
  /** Where the FIN stands, -1 while there is none. */
  fin = -1
  /** Implausible segments in a row. */
  strays = 0
  readonly direction: Direction
  readonly flow: Flow
  /** Null while all has come in order, as in most connections for good. */
  #disorder: Disorder | null = null

  constructor(flow: Flow, direction: Direction) {
    this.flow = flow
    this.direction = direction
  }

  /** Begins anew, with a direction of another connection. The last one was discarded. */
  open(): void {
    this.known = false
    this.ended = false
    this.heard = false
    this.peerPosition = 0
    this.next = 0
    this.position = 0
    this.fin = -1
    this.strays = 0
    this.#disorder = null
  }

  /** Whether any byte of this direction was seen, be it without being kept. */
  get hasBytes(): boolean {
    const disorder = this.#disorder
    return disorder === null ? this.position > 0 : disorder.held.length > 0 || this.position > disorder.lost
  }

  startAt(seq: number): void {
    this.known = true
    this.next = seq | 0
  }

  /**
   * Payload at stream position `start`: captured bytes [from, to) of `bytes`, then `missing` bytes that were not
   * captured. `acked` as in StreamConsumer.data. The caller has counted the bytes as `in`.
   */
  accept(
    start: number,
    bytes: Buffer,
    from: number,
    to: number,
    missing: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void {
    const before = this.position
    if (start === before && !this.#holds && missing === 0 && this.fin < 0) {
      this.flow.consumer.data(this.direction, bytes, from, to, before, acked, time, now)
      this.#advance(to - from)
    } else {
      const captured = start + (to - from)
      this.#place(start, captured, bytes, from, acked, time, now)
      if (missing > 0) this.#place(captured, captured + missing, null, 0, acked, time, now)
      this.#drain(now)
      this.#keepLimits(now)
    }
    this.#settle(before, now)
  }

  /** A FIN at stream position `at`. The first plausible one counts. */
  finish(at: number, time: EventTime, now: EventTime): void {
    if (this.fin >= 0 || at < this.position) return
    const last = this.#disorder?.held.at(-1)
    if (last !== undefined && last.end > at) return // bytes beyond it are known: not the end
    this.fin = at
    if (at === this.position) this.#end(time, now)
    else this.#disordered().finTime = time
    this.#settle(this.position, now)
  }

  /** The peer acknowledged everything before `position`. Past what we have, that is a hole, but perhaps one that fills. */
  acknowledged(position: number, now: EventTime): void {
    this.heard = true
    const disorder = this.#disorder
    const waiting = disorder?.waiting === true
    if (waiting && now > disorder.waitingSince) disorder.heardWaiting = true
    if (position <= this.peerPosition) return
    this.peerPosition = position
    if (position > this.position && !waiting) this.#settle(this.position, now)
  }

  /**
   * Whether the receiver has not got the bytes of the hole either: it was heard since and did not acknowledge them. Then
   * they are still to come, and a gap would hide them; one forged early segment could blind us so.
   */
  isOwed(): boolean {
    return this.#disorder?.heardWaiting === true && this.peerPosition <= this.position
  }

  /** Turns the first hole into a gap and hands on what follows it. `undecided`: the input ended, it might have filled yet. */
  giveUp(now: EventTime, undecided = false): void {
    const before = this.position
    this.#skipHole(now, undecided)
    this.#settle(before, now)
  }

  /** Capture time of the first held piece, for a flush of both directions in time order; Infinity when none is held. */
  get heldSince(): EventTime {
    return this.#disorder?.held[0]?.time ?? Number.POSITIVE_INFINITY
  }

  /** Whether bytes are known to exist beyond `position`. */
  get hasHole(): boolean {
    return this.#holds || this.#peerEnd() > this.position || this.fin > this.position
  }

  /** Drops what is held: the flow is evicted. */
  discard(): void {
    const disorder = this.#disorder
    if (disorder === null) return
    if (disorder.waiting) this.flow.account.holes.remove(disorder)
    while (disorder.held.length > 0) this.#dropLast(disorder)
  }

  get #holds(): boolean {
    return this.#disorder !== null && this.#disorder.held.length > 0
  }

  #disordered(): Disorder {
    this.#disorder ??= new Disorder(this)
    return this.#disorder
  }

  #peerEnd(): number {
    return this.fin >= 0 && this.peerPosition > this.fin ? this.fin : this.peerPosition
  }

  /** Walks [start, end) against what is held: new pieces are handed on or copied, known ones compared and counted. */
  #place(
    start: number,
    end: number,
    bytes: Buffer | null,
    from: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void {
    const { funnel } = this.flow.account.telemetry
    const disorder = this.#disorder
    const shift = from - start // place in `bytes` of a position
    let at = start
    let last = end
    if (this.fin >= 0 && last > this.fin) {
      last = Math.max(at, this.fin)
      funnel.bytes.drop('out_of_window', end - last)
    }
    if (at < this.position) {
      const known = Math.min(last, this.position)
      const late =
        disorder === null ? 0 : Math.max(0, Math.min(known, disorder.gapEnd) - Math.max(at, disorder.gapStart))
      if (late > 0) funnel.bytes.drop('late', late)
      funnel.bytes.drop('retransmitted', known - at - late)
      at = known
    }
    let index = this.#firstHeldAfter(at)
    while (at < last) {
      const piece = this.#disorder?.held[index]
      if (piece !== undefined && piece.start <= at) {
        const covered = Math.min(last, piece.end)
        this.#compare(piece, at, covered, bytes, shift)
        funnel.bytes.drop('retransmitted', covered - at)
        at = covered
        if (piece.start === this.position) this.#handOnFirst(this.#disorder!, now)
        index = this.#firstHeldAfter(at)
        continue
      }
      const until = piece === undefined ? last : Math.min(last, piece.start)
      if (at === this.position) {
        this.#handOn(bytes, at + shift, until - at, acked, time, now)
      } else {
        this.#hold(index, at, until, bytes === null ? null : this.#copy(bytes, at + shift, until + shift), acked, time)
        index++
      }
      at = until
    }
  }

  /** Index of the first held piece that ends after `at`. Pieces are sorted and apart. */
  #firstHeldAfter(at: number): number {
    if (this.#disorder === null) return 0
    const { held } = this.#disorder
    let low = 0
    let high = held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (held[middle]!.end <= at) low = middle + 1
      else high = middle
    }
    return low
  }

  #compare(piece: HeldPiece, from: number, to: number, bytes: Buffer | null, shift: number): void {
    if (bytes === null || piece.bytes === null) return
    const first = from - piece.start
    if (bytes.compare(piece.bytes, first, first + (to - from), from + shift, to + shift) !== 0) {
      this.flow.account.telemetry.weirds.add('tcp.overlap_differs')
    }
  }

  #hold(index: number, start: number, end: number, bytes: Buffer | null, acked: number, time: EventTime): void {
    const { account } = this.flow
    const piece = account.held.take()
    piece.start = start
    piece.end = end
    piece.bytes = bytes
    piece.acked = acked
    piece.time = time
    const disorder = this.#disordered()
    disorder.held.splice(index, 0, piece)
    disorder.heldBytes += end - start
    account.heldBytes += end - start
    account.heldCost += costOf(piece)
  }

  #copy(bytes: Buffer, from: number, to: number): Buffer {
    const owned = this.flow.account.pieces.take(to - from)
    bytes.copy(owned, 0, from, to)
    return owned
  }

  #release(disorder: Disorder, piece: HeldPiece): void {
    const { account } = this.flow
    const length = piece.end - piece.start
    disorder.heldBytes -= length
    account.heldBytes -= length
    account.heldCost -= costOf(piece)
  }

  /** The piece furthest ahead goes unused. */
  #dropLast(disorder: Disorder): void {
    const piece = disorder.held.pop()!
    this.#release(disorder, piece)
    this.flow.account.telemetry.funnel.bytes.drop('held_lost', piece.end - piece.start)
    this.#giveBack(piece)
  }

  /** Nobody looks at the piece any more. */
  #giveBack(piece: HeldPiece): void {
    const { account } = this.flow
    if (piece.bytes !== null) account.pieces.giveBack(piece.bytes)
    piece.bytes = null
    account.held.giveBack(piece)
  }

  /** Hands on the held pieces that have become next. */
  #drain(now: EventTime): void {
    const disorder = this.#disorder
    if (disorder === null) return
    while (disorder.held[0]?.start === this.position) this.#handOnFirst(disorder, now)
  }

  #handOnFirst(disorder: Disorder, now: EventTime): void {
    const piece = disorder.held.shift()!
    this.#release(disorder, piece)
    this.#handOn(piece.bytes, 0, piece.end - piece.start, piece.acked, piece.time, now)
    this.#giveBack(piece)
  }

  #handOn(bytes: Buffer | null, from: number, length: number, acked: number, time: EventTime, now: EventTime): void {
    const { consumer, account, tally } = this.flow
    if (bytes !== null) {
      consumer.data(this.direction, bytes, from, from + length, this.position, acked, time, now)
    } else {
      const { funnel, weirds } = account.telemetry
      funnel.bytes.drop('snap_length', length)
      tally.cutBytes += length
      weirds.add('tcp.snap_length')
      consumer.gap(this.direction, length, this.position, 'snap_length', time, now)
    }
    this.#advance(length)
  }

  #advance(length: number): void {
    this.position += length
    this.next = seqAdd(this.next, length)
  }

  #skipHole(now: EventTime, undecided = false): void {
    const disorder = this.#disordered()
    const first = disorder.held[0]
    const peerEnd = this.#peerEnd()
    const target = first !== undefined ? first.start : peerEnd > this.position ? peerEnd : this.fin
    const length = target - this.position
    if (length <= 0) return
    const { consumer, account, tally } = this.flow
    account.telemetry.weirds.add('tcp.gap')
    // Lost is what the receiver has got and we have not. A direction of which nothing is seen is not lossy but missing.
    const acked = Math.min(target, peerEnd) - this.position
    if (acked > 0 && !undecided && this.hasBytes) tally.lostBehind(this.position - disorder.lost, acked)
    disorder.lost += length
    disorder.gapStart = this.position
    disorder.gapEnd = target
    consumer.gap(this.direction, length, this.position, 'lost', first?.time ?? now, now)
    this.#advance(length)
    this.#drain(now)
  }

  /** Over the limits: what is owed keeps waiting and the furthest piece goes; otherwise the first hole is given up. */
  #keepLimits(now: EventTime): void {
    const disorder = this.#disorder
    if (disorder === null) return
    const { limits, telemetry } = this.flow.account
    const { held } = disorder
    while (
      held.length > 0 &&
      (held.length > limits.heldSegmentsPerDirection || disorder.heldBytes > limits.heldBytesPerDirection)
    ) {
      telemetry.counters.add('reassembly.hold_limit')
      if (disorder.waiting && this.isOwed()) this.#dropLast(disorder)
      else this.#skipHole(now)
    }
  }

  /** After any change: ends the direction when its FIN is reached, and starts, restarts or stops the wait for a hole. */
  #settle(before: number, now: EventTime): void {
    if (this.fin === this.position && !this.ended) this.#end(this.#disordered().finTime, now)
    if (this.hasHole) {
      const disorder = this.#disordered()
      const { holes } = this.flow.account
      if (!disorder.waiting) holes.add(disorder, now)
      else if (this.position !== before) {
        // The next hole waits anew: something arrived, so more may.
        holes.remove(disorder)
        holes.add(disorder, now)
      }
    } else if (this.#disorder?.waiting) {
      this.flow.account.holes.remove(this.#disorder)
    }
  }

  #end(time: EventTime, now: EventTime): void {
    this.ended = true
    this.flow.consumer.end(this.direction, time, now)
  }
}

/** Of keeping a piece. */
function costOf(piece: HeldPiece): number {
  return (piece.bytes === null ? 0 : piece.end - piece.start) + PIECE_OVERHEAD
}
