import { ACK, FIN, type Segment, SYN } from '../decode/segment.ts'
import type { EventTime } from '../model/time.ts'
import type { SidesSeen, SourceTally } from '../telemetry/source-tallies.ts'
import { HalfStream, type HoldAccount } from './half-stream.ts'
import { DIFFERENT, DUPLICATE, fingerprint } from './recent-segments.ts'
import type { RowInfo } from './row-info.ts'
import { seqDiff } from './sequence.ts'
import type { CloseReason, Direction, StreamConsumer } from './stream.ts'

/** So many implausible segments in a row mean that the flow has moved to another sequence space, not that they are forged. */
const STRAYS = 16

const NO_ROW = -1
/** Of a flow that is over. */
const NOBODY: StreamConsumer = { data() {}, gap() {}, end() {}, close() {} }

/** A flow that carries bytes: two ordered directions and their consumer. Used again for another connection when it is over. */
export class Flow {
  row = NO_ROW
  /** What its consumer is told of it. */
  info: RowInfo | null = null
  /** The direction 0 and the direction 1. No array of them: it would be two more lines of cold memory for each segment. */
  readonly forth: HalfStream
  readonly back: HalfStream
  consumer: StreamConsumer = NOBODY
  readonly account: HoldAccount
  /** Of the source that brought its first segment. */
  tally: SourceTally
  /** Whether it was told already if both of its directions are seen. */
  judged = false
  /** How many connections have been this object: who remembers one can tell whether it still is. */
  life = 0
  /** Of `account.recent`: the direction 0, and after it the direction 1. */
  #slots = 0

  constructor(account: HoldAccount) {
    this.account = account
    this.tally = account.telemetry.funnel.sources.current
    this.forth = new HalfStream(this, 0)
    this.back = new HalfStream(this, 1)
  }

  /** Begins anew, with another connection. */
  open(row: number, consumer: StreamConsumer): void {
    this.row = row
    this.consumer = consumer
    this.tally = this.account.telemetry.funnel.sources.current
    this.judged = false
    this.life++
    this.forth.open()
    this.back.open()
    this.#slots = this.account.recent.take()
  }

  /** Both directions have ended. */
  get finished(): boolean {
    return this.forth.ended && this.back.ended
  }

  half(direction: Direction): HalfStream {
    return direction === 0 ? this.forth : this.back
  }

  /**
   * Which directions were seen, or null where that cannot be told. A direction counts as missing when the other one
   * acknowledges more and more of it: a host that is silent is acknowledged nothing.
   */
  sidesSeen(): SidesSeen | null {
    const { forth, back } = this
    const first = forth.hasBytes || back.heard
    const second = back.hasBytes || forth.heard
    if (first && second) return 'both'
    const seen = first ? forth : back
    if (!seen.hasBytes || !this.account.recent.acknowledgesMore(this.#slots + seen.direction)) return null
    return first ? 'first' : 'second'
  }

  /**
   * One segment without RST, its first payload byte at `seq` (a SYN takes a number of its own). False,
   * and nothing counted: the segment belongs to another connection on the same ports.
   */
  receive(segment: Segment, seq: number, direction: Direction, time: EventTime, now: EventTime): boolean {
    const half = direction === 0 ? this.forth : this.back
    const peer = direction === 0 ? this.back : this.forth
    const { recent } = this.account
    const slot = this.#slots + direction
    const { funnel, weirds, counters } = this.account.telemetry
    const { holeBytes } = this.account.limits
    const length = segment.payloadEnd - segment.payloadStart + segment.payloadMissing
    if (!half.known) half.startAt(seq)

    const offset = seqDiff(seq, half.next)
    if (offset > holeBytes || offset < -holeBytes) {
      if (length > 0 && ++half.strays >= STRAYS) return false
      funnel.frames.delivered++
      funnel.bytes.in += length
      if (length > 0) funnel.bytes.drop('out_of_window', length)
      counters.add('reassembly.stray_segments')
      return true
    }

    const print = fingerprint(segment)
    if (offset !== 0 || length === 0) {
      const sighting = recent.seen(slot, segment, print, now)
      if (sighting === DUPLICATE) {
        funnel.frames.drop('duplicate')
        return true
      }
      // A keep-alive probe repeats the place of the last byte with any byte (RFC 9293 §3.8.4).
      if (sighting === DIFFERENT && !(length === 1 && offset === -1)) weirds.add('tcp.overlap_differs')
    }
    recent.note(slot, segment, print, now)
    funnel.frames.delivered++

    let acked = -1
    if ((segment.flags & ACK) !== 0 && peer.known) {
      const ahead = seqDiff(segment.ack, peer.next)
      if (ahead <= holeBytes) {
        acked = peer.position + ahead
        if (acked < 0) acked = 0
        if (peer.fin >= 0 && acked > peer.fin) acked = peer.fin
        peer.acknowledged(acked, now)
      }
    }
    const start = half.position + offset
    if (length > 0) {
      half.strays = 0
      funnel.bytes.in += length
      const { bytes, payloadStart, payloadEnd, payloadMissing } = segment
      half.accept(start, bytes, payloadStart, payloadEnd, payloadMissing, acked, time, now)
    }
    // SYN and FIN together is no end: hosts drop it.
    if ((segment.flags & (FIN | SYN)) === FIN) half.finish(start + length, time, now)
    return true
  }

  /** Ends the flow. What is held goes on behind explicit gaps, except from an evicted flow: its memory is wanted. */
  close(reason: CloseReason, now: EventTime): void {
    const { forth, back } = this
    if (reason !== 'evicted') {
      // Each step gives one hole up, so it ends; the earlier bytes first, as the wire had them.
      while (forth.hasHole || back.hasHole) {
        const half = !back.hasHole || (forth.hasHole && forth.heldSince <= back.heldSince) ? forth : back
        half.giveUp(now, reason === 'end_of_input')
      }
    }
    this.account.recent.giveBack(this.#slots)
    forth.discard()
    back.discard()
    this.consumer.close(reason, now)
    this.consumer = NOBODY
  }
}
