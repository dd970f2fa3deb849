import { randomFillSync } from 'node:crypto'
import { ACK, FIN, RST, type Segment, SYN } from '../decode/segment.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { Flow } from './flow.ts'
import { FlowHash, shardOf } from './flow-hash.ts'
import { CLOSED, type FlowTable, LASTING, SEQ0_KNOWN, SEQ1_KNOWN } from './flow-table.ts'
import { REASSEMBLY_LIMITS, type ReassemblyLimits, SHARDS } from './limits.ts'
import { belongs } from './same-connection.ts'
import { seqAdd, seqDiff } from './sequence.ts'
import { Shard } from './shard.ts'
import type { Direction, OpenStream } from './stream.ts'

/** Ports that systems give to clients start here at the lowest (Linux; IANA says 49152). */
const FIRST_EPHEMERAL_PORT = 32_768
const LAST_RESERVED_PORT = 1023
/** How far before the expected byte a RST may stand: a server that closed resets with the number its client acknowledged last. */
const RST_BEHIND = 65_535
const RST_AHEAD = 1024 * 1024

export interface ReassemblerOptions {
  readonly open: OpenStream
  readonly telemetry: Telemetry
  /** The source of the frame that is being pushed; asked when a flow opens. */
  readonly source: () => SourceInfo
  /** Whether what a consumer is told of its flow is read when that is over, as by default; else it is used again. */
  readonly infoStays?: boolean
  readonly limits?: Partial<ReassemblyLimits>
  /** Five 32-bit words for the hash; random by default. Nothing that is printed depends on it. */
  readonly hashKey?: ArrayLike<number>
}

/**
 * TCP segments to ordered streams: finds the flow, follows its life, and hands its bytes to the consumer that `open`
 * gives for it. A consumer is opened with the first bytes, so handshakes, scans and SYN floods cost one table row each.
 *
 *     SYN, SYN-ACK --> half-open row --first bytes--> flow --FIN both ways, RST--> closed row
 *     bytes of no known flow (midstream) --> flow                 (remembered for a while)
 *     ACK, FIN, RST of no known flow --> counted, no row
 *
 * Time moves by `now` alone; `tick` may come as often as one likes and changes nothing that a later `push` with the same
 * clock would not have done first. Every frame is counted once: delivered, duplicate or no_flow. Every payload byte of a
 * delivered frame is handed on once or dropped under a cause.
 */
export class Reassembler {
  readonly #open: OpenStream
  readonly #telemetry: Telemetry
  readonly #source: () => SourceInfo
  readonly #limits: ReassemblyLimits
  readonly #hash: FlowHash
  readonly #shards: readonly Shard[]

  constructor(options: ReassemblerOptions) {
    this.#open = options.open
    this.#telemetry = options.telemetry
    this.#source = options.source
    const limits = { ...REASSEMBLY_LIMITS, ...options.limits }
    this.#limits = limits
    this.#hash = new FlowHash(options.hashKey ?? randomFillSync(new Uint32Array(5)))
    this.#shards = Array.from(
      { length: SHARDS },
      (_, number) => new Shard(number, limits, options.telemetry, options.infoStays ?? true),
    )
  }

  /** Flows with a consumer. */
  get flows(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.openFlows, 0)
  }

  /** All rows: half-open and lately closed flows included. */
  get rows(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.table.count, 0)
  }

  /** Payload bytes held behind holes. */
  get heldBytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.heldBytes, 0)
  }

  /** `time`: the frame's own timestamp. `now`: the event clock, which never goes back. */
  push(segment: Segment, time: EventTime, now: EventTime): void {
    const shard = this.#shards[shardOf(segment)]!
    // Its own timers only: what happens in a shard must not depend on which others share its thread.
    if (now >= shard.dueAt) shard.tick(now)
    const { table } = shard
    let hash = this.#hash.of(segment)
    let row = table.find(segment, hash)
    if (row < 0 ? table.apartCount > 0 : table.hasOtherTag(row, segment)) {
      hash = this.#ownHash(table, row, segment, hash)
      row = table.find(segment, hash)
    }
    if (row < 0) {
      const apart = table.apartCount
      this.#pushUnknown(shard, segment, hash, time, now)
      if (table.apartCount > apart) this.#telemetry.counters.add('reassembly.apart_by_tag')
      return
    }
    const flow = table.flows[row]!
    if (flow === null) {
      this.#pushRow(shard, row, segment, hash, time, now)
      return
    }
    if ((segment.flags & (SYN | RST)) !== 0) {
      this.#pushControl(shard, flow, segment, hash, time, now)
      return
    }
    table.touch(row, now, LASTING)
    this.#receive(shard, flow, segment, segment.seq, hash, time, now)
  }

  /** Fires what is due: holes that waited long enough, idle flows. */
  tick(now: EventTime): void {
    for (const shard of this.#shards) shard.tick(now)
  }

  /** End of input: every flow ends, held bytes included. */
  close(now: EventTime): void {
    for (const shard of this.#shards) shard.close(now)
  }

  /**
   * The hash under which the segment's connection stands or is to stand, where `row`, if any, began with another tag. A
   * mirror that copies a packet twice, under two tags, shows one connection; two networks that use the same addresses show
   * two, which give themselves away by sequence numbers that cannot belong together.
   */
  #ownHash(table: FlowTable, row: number, segment: Segment, hash: number): number {
    const own = this.#hash.apart(hash, segment)
    if (table.apartCount > 0 && table.find(segment, own) >= 0) return own
    if (row < 0) return hash
    table.find(segment, hash) // the direction is that of `row` again
    if (table.isJoined(row)) return hash
    if (belongs(table, row, segment)) {
      table.setJoined(row)
      return hash
    }
    table.apartHash = own
    return own
  }

  /** A segment of a flow that is not in the table. */
  #pushUnknown(shard: Shard, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    const { flags } = segment
    if ((flags & RST) !== 0) {
      this.#telemetry.funnel.frames.drop('no_flow')
      return
    }
    if ((flags & SYN) !== 0) {
      this.#addHalfOpen(shard, segment, hash, time, now)
      return
    }
    if (payloadLength(segment) === 0 || isKeepAliveProbe(segment)) {
      this.#telemetry.funnel.frames.drop('no_flow')
      return
    }
    shard.makeRoom(now)
    const row = shard.table.add(segment, hash, looksLikeServer(segment) ? 1 : 0, time, now)
    this.#telemetry.weirds.add('tcp.midstream')
    this.#startFlow(shard, row, segment, segment.seq, hash, time, now)
  }

  /** SYN: its sender is side 0. SYN-ACK: its receiver is, and its acknowledgement tells where side 0 starts. */
  #addHalfOpen(shard: Shard, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    const { table } = shard
    shard.makeRoom(now)
    const isAnswer = (segment.flags & ACK) !== 0
    const row = table.add(segment, hash, isAnswer ? 1 : 0, time, now)
    table.setNextSeq(row, table.direction, seqAdd(segment.seq, 1))
    if (isAnswer) table.setNextSeq(row, 0, segment.ack)
    this.#afterSyn(shard, row, segment, hash, time, now)
  }

  /** A SYN may carry the first bytes (TCP Fast Open, RFC 7413); else it is just a frame of its flow. */
  #afterSyn(shard: Shard, row: number, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    if (payloadLength(segment) > 0) this.#startFlow(shard, row, segment, seqAdd(segment.seq, 1), hash, time, now)
    else this.#telemetry.funnel.frames.delivered++
  }

  /** A segment of a half-open or closed flow, which is only a row. */
  #pushRow(shard: Shard, row: number, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    const { table } = shard
    const { flags } = segment
    const { direction } = table
    const closed = (table.state(row) & CLOSED) !== 0
    if ((flags & SYN) !== 0 && (flags & RST) === 0) {
      this.#pushSyn(shard, row, segment, hash, time, now)
      return
    }
    if ((flags & RST) !== 0) {
      this.#countUnused(segment)
      if (!closed && this.#resetsHalfOpen(shard, row, segment)) table.remove(row)
      return
    }
    const length = payloadLength(segment)
    const known = (table.state(row) & (direction === 0 ? SEQ0_KNOWN : SEQ1_KNOWN)) !== 0
    const offset = known ? seqDiff(segment.seq, table.nextSeq(row, direction)) : 0
    if (length > 0) {
      if (closed && known && offset < 0 && offset >= -this.#limits.holeBytes) {
        this.#telemetry.funnel.frames.delivered++
        this.#telemetry.funnel.bytes.in += length
        this.#telemetry.funnel.bytes.drop('retransmitted', length)
      } else if (closed || offset < -1 || offset > this.#limits.holeBytes) {
        // Bytes that the row cannot explain: a connection whose SYN we missed.
        table.remove(row)
        this.#pushUnknown(shard, segment, hash, time, now)
      } else {
        table.touch(row, now, LASTING)
        this.#startFlow(shard, row, segment, segment.seq, hash, time, now)
      }
      return
    }
    this.#telemetry.funnel.frames.delivered++
    if (closed || offset < -1 || offset > this.#limits.holeBytes) return
    table.touch(row, now)
    if ((flags & FIN) !== 0) {
      table.setNextSeq(row, direction, seqAdd(segment.seq, 1))
      shard.remember(row, now)
    } else if (direction === 0) {
      table.moveTo(LASTING, row) // the handshake's third step
      if ((flags & ACK) !== 0 && (table.state(row) & SEQ1_KNOWN) === 0) table.setNextSeq(row, 1, segment.ack)
    }
  }

  /** SYN or SYN-ACK for a row without a stream. */
  #pushSyn(shard: Shard, row: number, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    const { table } = shard
    const { direction } = table
    const isAnswer = (segment.flags & ACK) !== 0
    const state = table.state(row)
    const first = seqAdd(segment.seq, 1)
    const repeats =
      (state & (direction === 0 ? SEQ0_KNOWN : SEQ1_KNOWN)) !== 0 && table.nextSeq(row, direction) === first
    // The answer, or the same again. An answer to another SYN than the one we saw tells the truth about both sides.
    if ((state & CLOSED) === 0 && (repeats || (isAnswer && direction === 1))) {
      table.setNextSeq(row, direction, first)
      if (isAnswer && direction === 1) table.setNextSeq(row, 0, segment.ack)
      table.touch(row, now)
      this.#afterSyn(shard, row, segment, hash, time, now)
      return
    }
    table.remove(row)
    this.#addHalfOpen(shard, segment, hash, time, now)
  }

  #resetsHalfOpen(shard: Shard, row: number, segment: Segment): boolean {
    const { table } = shard
    const { direction } = table
    const state = table.state(row)
    if ((state & (direction === 0 ? SEQ0_KNOWN : SEQ1_KNOWN)) !== 0) {
      return table.nextSeq(row, direction) === segment.seq
    }
    // A refused SYN: the RST acknowledges it (RFC 9293 §3.10.7.3).
    return (segment.flags & ACK) !== 0 && table.nextSeq(row, (1 - direction) as Direction) === segment.ack
  }

  /** SYN or RST for a flow that carries bytes. */
  #pushControl(shard: Shard, flow: Flow, segment: Segment, hash: number, time: EventTime, now: EventTime): void {
    const { direction } = shard.table
    const half = flow.half(direction)
    if ((segment.flags & RST) !== 0) {
      this.#countUnused(segment)
      if (resets(flow, direction, segment)) shard.finish(flow, 'rst', now)
      else this.#telemetry.counters.add('reassembly.rst_ignored')
      return
    }
    const first = seqAdd(segment.seq, 1)
    // Position 0 of the same connection: a SYN that comes again, or late, or whose other side came first.
    if (!half.known || seqDiff(half.next, first) === (half.position | 0)) {
      if (!half.known) half.startAt(first)
      shard.table.touch(flow.row, now)
      this.#receive(shard, flow, segment, first, hash, time, now)
      return
    }
    shard.remove(flow.row, 'reuse', now)
    this.#pushUnknown(shard, segment, hash, time, now)
  }

  /** Turns a row into a flow with a consumer, and gives it its first segment. */
  #startFlow(
    shard: Shard,
    row: number,
    segment: Segment,
    seq: number,
    hash: number,
    time: EventTime,
    now: EventTime,
  ): void {
    const { table } = shard
    const { direction } = table
    const state = table.state(row)
    const fromStart = (state & (SEQ0_KNOWN | SEQ1_KNOWN)) !== 0
    if (!fromStart) table.moveTo(LASTING, row)
    const firstSeq = fromStart ? table.nextSeq(row, (state & SEQ0_KNOWN) !== 0 ? 0 : 1) : seq
    const flow = shard.openFlow(row, this.#source(), fromStart, firstSeq, this.#open, now)
    if ((state & SEQ0_KNOWN) !== 0) flow.forth.startAt(table.nextSeq(row, 0))
    if ((state & SEQ1_KNOWN) !== 0) flow.back.startAt(table.nextSeq(row, 1))
    table.direction = direction
    this.#receive(shard, flow, segment, seq, hash, time, now)
  }

  #receive(
    shard: Shard,
    flow: Flow,
    segment: Segment,
    seq: number,
    hash: number,
    time: EventTime,
    now: EventTime,
  ): void {
    if (!flow.receive(segment, seq, shard.table.direction, time, now)) {
      shard.remove(flow.row, 'reuse', now)
      this.#pushUnknown(shard, segment, hash, time, now)
      return
    }
    if (flow.finished) shard.finish(flow, 'fin', now)
    shard.keepHeldBudget(now)
    shard.keepKeptBudget(now)
  }

  /** A segment that reached its flow but whose payload, if any, is nothing for it. */
  #countUnused(segment: Segment): void {
    const { funnel } = this.#telemetry
    const length = payloadLength(segment)
    funnel.frames.delivered++
    if (length === 0) return
    funnel.bytes.in += length
    funnel.bytes.drop('out_of_window', length)
  }
}

/** Whether a RST may be believed: only near the expected byte (RFC 5961 §3.2), or hosts and we would disagree on what is alive. */
function resets(flow: Flow, direction: Direction, segment: Segment): boolean {
  const half = direction === 0 ? flow.forth : flow.back
  const peer = direction === 0 ? flow.back : flow.forth
  if (half.known) {
    const offset = seqDiff(segment.seq, half.next)
    return offset >= -RST_BEHIND && offset <= RST_AHEAD
  }
  const ahead = seqDiff(segment.ack, peer.next)
  return (segment.flags & ACK) !== 0 && ahead >= -RST_AHEAD && ahead <= RST_AHEAD
}

/** Midstream the first segment's sender is side 0, unless its port says that it is the server. */
function looksLikeServer(segment: Segment): boolean {
  const { srcPort, dstPort } = segment
  if (srcPort <= LAST_RESERVED_PORT) return dstPort > LAST_RESERVED_PORT
  return srcPort < FIRST_EPHEMERAL_PORT && dstPort >= FIRST_EPHEMERAL_PORT
}

/** One zero byte with a bare ACK: what BSD and Windows send to see whether a peer is alive. No start of a stream. */
function isKeepAliveProbe(segment: Segment): boolean {
  return (
    segment.payloadEnd - segment.payloadStart === 1 &&
    segment.payloadMissing === 0 &&
    segment.flags === ACK &&
    segment.bytes[segment.payloadStart] === 0
  )
}

function payloadLength(segment: Segment): number {
  return segment.payloadEnd - segment.payloadStart + segment.payloadMissing
}
