import { PieceBuffers } from '../decode/piece-buffers.ts'
import { Pool } from '../decode/pool.ts'
import type { SourceInfo } from '../model/frame.ts'
import { type EventTime, SECOND_US } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { HeldPiece } from './disorder.ts'
import { Flow } from './flow.ts'
import { type Age, BRIEF, FlowTable, LASTING } from './flow-table.ts'
import type { HalfStream, HoldAccount } from './half-stream.ts'
import { HoleQueue } from './hole-queue.ts'
import { type ReassemblyLimits, SHARDS } from './limits.ts'
import { RecentSegments } from './recent-segments.ts'
import { RowInfo } from './row-info.ts'
import { seqAdd } from './sequence.ts'
import { type CloseReason, KeptBytes, type OpenStream } from './stream.ts'

/** What a flow with a consumer costs before it keeps anything: two directions, two parsers, who and where. */
const FLOW_COST = 4096
/** A connection that lasts is judged after this long whether both of its directions are seen; others when they end. */
const JUDGED_AFTER_US = 10 * SECOND_US
/** Connections that wait for that at once, per shard; what comes on top is judged when it ends. */
const MAX_UNJUDGED = 64

/** Of held pieces: a few bytes, part of a packet, all of one. */
const PIECE_SIZES = [64, 512, 1536]
/** Half a megabyte of a shard at most. */
const PIECES_KEPT = 256

/** Flows that are over, kept for those that open: 400 bytes each. */
const MAX_FREE_FLOWS = 256

/** A flow that waits to be judged, and the connection that it was then. */
interface Unjudged {
  readonly flow: Flow
  readonly life: number
  readonly since: EventTime
}

/** One of the 16 parts of the flow table, with its share of every limit, its timers and its evictions. */
export class Shard implements HoldAccount {
  readonly number: number
  readonly table = new FlowTable()
  readonly holes = new HoleQueue()
  readonly recent = new RecentSegments()
  readonly held = new Pool(() => new HeldPiece(), PIECES_KEPT)
  readonly pieces = new PieceBuffers(PIECE_SIZES, PIECES_KEPT)
  readonly limits: ReassemblyLimits
  readonly telemetry: Telemetry
  heldBytes = 0
  heldCost = 0
  /** What the consumers of this shard keep. */
  readonly kept = new KeptBytes()
  /** Flows with a consumer. */
  openFlows = 0
  /** Nothing is due in `tick` before. */
  dueAt: EventTime = Number.NEGATIVE_INFINITY
  /** Oldest first. */
  readonly #unjudged: Unjudged[] = []
  readonly #freeFlows = new Pool(() => new Flow(this), MAX_FREE_FLOWS)
  readonly #infoStays: boolean
  readonly #maxRows: number
  readonly #maxBrief: number
  readonly #maxHeldCost: number
  readonly #maxKept: number

  /** `infoStays`: as in ReassemblerOptions. */
  constructor(number: number, limits: ReassemblyLimits, telemetry: Telemetry, infoStays: boolean) {
    this.#infoStays = infoStays
    this.number = number
    this.limits = limits
    this.telemetry = telemetry
    this.#maxRows = Math.max(1, Math.floor(limits.flows / SHARDS))
    this.#maxBrief = Math.max(1, Math.floor(limits.halfOpenFlows / SHARDS))
    this.#maxHeldCost = Math.floor(limits.heldBytes / SHARDS)
    this.#maxKept = Math.floor(limits.keptBytes / SHARDS)
  }

  /** The row becomes a flow that carries bytes; `fromStart` and `firstSeq` as in RowInfo. */
  openFlow(
    row: number,
    source: SourceInfo,
    fromStart: boolean,
    firstSeq: number,
    open: OpenStream,
    now: EventTime,
  ): Flow {
    const flow = this.#freeFlows.take()
    flow.info ??= new RowInfo(this.number, source)
    flow.info.describe(this.table, row, source, fromStart, firstSeq)
    flow.open(row, open(flow.info, now, this.kept))
    this.table.flows[row] = flow
    this.openFlows++
    if (this.#unjudged.length < MAX_UNJUDGED) this.#unjudged.push({ flow, life: flow.life, since: now })
    return flow
  }

  /** Makes room for one more row: half-open and closed flows go first, then the one that has been idle longest. */
  makeRoom(now: EventTime): void {
    const { table } = this
    if (table.briefCount >= this.#maxBrief) this.#evict(table.oldest(BRIEF), now)
    else if (table.count >= this.#maxRows) this.#evict(table.oldest(table.briefCount > 0 ? BRIEF : LASTING), now)
  }

  /** Over the held budget the longest wait ends first: that frees memory at the price of one gap. */
  keepHeldBudget(now: EventTime): void {
    while (this.heldCost > this.#maxHeldCost && this.holes.head !== null) {
      this.telemetry.counters.add('reassembly.held_budget')
      this.#giveUp(this.holes.head.half, now)
    }
  }

  /** Over the budget of what consumers keep, the flow that has been idle longest goes, but never the last one. */
  keepKeptBudget(now: EventTime): void {
    const { table, kept } = this
    while (kept.bytes + this.openFlows * FLOW_COST > this.#maxKept && this.openFlows > 1) {
      this.telemetry.counters.add('reassembly.kept_budget')
      const row = table.oldest(LASTING)
      this.#evict(row >= 0 ? row : table.oldest(BRIEF), now)
    }
  }

  /** Holes that have waited long enough, then flows that have been idle long enough. */
  tick(now: EventTime): void {
    const { holes, limits } = this
    for (let hole = holes.head; hole !== null && now - hole.waitingSince >= limits.holeUs; hole = holes.head) {
      if (hole.half.isOwed()) {
        holes.remove(hole)
        holes.add(hole, now)
      } else {
        this.#giveUp(hole.half, now)
      }
    }
    while (this.#unjudged.length > 0 && now - this.#unjudged[0]!.since >= JUDGED_AFTER_US) {
      const { flow, life } = this.#unjudged.shift()!
      if (flow.life === life) this.#judge(flow)
    }
    this.#expire(LASTING, limits.idleUs, now)
    this.#expire(BRIEF, limits.halfOpenUs, now)
    // What is added from here on is due no earlier than the shortest timer from now.
    this.dueAt = Math.min(this.#due(), now + Math.min(limits.holeUs, limits.halfOpenUs, limits.idleUs))
  }

  #due(): EventTime {
    const { table, limits } = this
    const brief = table.oldest(BRIEF)
    const lasting = table.oldest(LASTING)
    return Math.min(
      this.holes.head === null ? Number.POSITIVE_INFINITY : this.holes.head.waitingSince + limits.holeUs,
      brief < 0 ? Number.POSITIVE_INFINITY : table.lastSeen[brief]! + limits.halfOpenUs,
      lasting < 0 ? Number.POSITIVE_INFINITY : table.lastSeen[lasting]! + limits.idleUs,
    )
  }

  /** Ends a flow but remembers where its streams stood, so that late copies of its segments are known as such. */
  finish(flow: Flow, reason: CloseReason, now: EventTime): void {
    const { row } = flow
    this.#closeFlow(flow, reason, now)
    this.#rememberNext(row, flow.forth)
    this.#rememberNext(row, flow.back)
    this.#free(flow)
    this.remember(row, now)
  }

  #rememberNext(row: number, half: HalfStream): void {
    if (half.known) this.table.setNextSeq(row, half.direction, seqAdd(half.next, half.ended ? 1 : 0))
  }

  /** Makes the row a closed one. */
  remember(row: number, now: EventTime): void {
    const { table } = this
    table.setClosed(row)
    table.moveTo(BRIEF, row)
    if (table.briefCount > this.#maxBrief) this.#evict(table.oldest(BRIEF), now)
  }

  /** Ends what the row holds and forgets it. */
  remove(row: number, reason: CloseReason, now: EventTime): void {
    const flow = this.table.flows[row]
    if (flow != null) {
      this.#closeFlow(flow, reason, now)
      this.#free(flow)
    }
    this.table.remove(row)
  }

  /** Ends every flow, oldest activity first. */
  close(now: EventTime): void {
    for (const age of [LASTING, BRIEF] as const) {
      for (let row = this.table.oldest(age); row >= 0; row = this.table.oldest(age))
        this.remove(row, 'end_of_input', now)
    }
  }

  #closeFlow(flow: Flow, reason: CloseReason, now: EventTime): void {
    this.#judge(flow)
    this.table.flows[flow.row] = null
    this.openFlows--
    flow.close(reason, now)
  }

  #free(flow: Flow): void {
    if (this.#infoStays) flow.info = null
    this.#freeFlows.giveBack(flow)
  }

  #judge(flow: Flow): void {
    if (flow.judged) return
    flow.judged = true
    const sides = flow.sidesSeen()
    if (sides !== null) flow.tally.judged(this.table.vlan(flow.row), this.table.vni(flow.row), sides)
  }

  #giveUp(half: HalfStream, now: EventTime): void {
    half.giveUp(now)
    if (half.flow.finished) this.finish(half.flow, 'fin', now)
  }

  #evict(row: number, now: EventTime): void {
    const open = this.table.flows[row] !== null
    this.telemetry.counters.add(open ? 'reassembly.evicted_flows' : 'reassembly.evicted_half_open')
    this.remove(row, 'evicted', now)
  }

  #expire(age: Age, afterUs: EventTime, now: EventTime): void {
    const { table } = this
    for (let row = table.oldest(age); row >= 0 && now - table.lastSeen[row]! >= afterUs; row = table.oldest(age)) {
      this.remove(row, 'idle', now)
    }
  }
}
