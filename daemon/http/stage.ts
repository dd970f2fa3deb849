import { Pool } from '../decode/pool.ts'
import type { EventTime } from '../model/time.ts'
import {
  type CloseReason,
  type Direction,
  type FlowInfo,
  type GapCause,
  KeptBytes,
  type StreamConsumer,
} from '../reassembly/stream.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { HttpContext } from './context.ts'
import type { Delivered } from './delivered.ts'
import type { ExchangeSink } from './exchange.ts'
import { FlowKeep } from './flow-keep.ts'
import { Http1Parser } from './http1-parser.ts'
import type { HttpLimits } from './limits.ts'
import type { HttpMessage } from './message.ts'
import type { MessageReader } from './message-reader.ts'
import { Pairing } from './pairing.ts'
import type { ParserOwner } from './parser-owner.ts'
import { type LineKind, REQUEST_LINE, STATUS_LINE } from './start-line.ts'

export interface HttpStageOptions {
  readonly limits: HttpLimits
  /** Whether body bytes are kept for the exchanges. */
  readonly bodies: boolean
  readonly telemetry: Telemetry
  /** Null: nobody looks at the exchanges; they are paired and counted all the same. */
  readonly sink: ExchangeSink | null
}

/**
 * Ordered bytes in, exchanges out: one HttpFlow per connection, and the timers all of them share.
 *
 * Every byte handed in is accounted for once: used as HTTP, or dropped as not_http, after_upgrade, resync or one_sided.
 */
export class HttpStage {
  readonly #context: HttpContext
  readonly #flows: Pool<HttpFlow>
  /** An OpenStream. */
  readonly open: (flow: FlowInfo, now: EventTime, kept?: KeptBytes) => StreamConsumer

  constructor(options: HttpStageOptions) {
    this.#context = new HttpContext(options.limits, options.bodies, options.telemetry, options.sink)
    this.#flows = new Pool(() => new HttpFlow(this.#context, this.#flows), MAX_FREE_FLOWS)
    this.open = (flow, _now, kept = new KeptBytes()) => {
      const opened = this.#flows.take()
      opened.open(flow, kept)
      return opened
    }
  }

  /** Event time has moved on: requests that waited too long go out alone. */
  tick(now: EventTime): void {
    this.#context.waiting.expire(now)
    this.#context.held.expire(now)
  }

  /** Requests that wait for their answer, over all flows. */
  get waiting(): number {
    return this.#context.waiting.size
  }

  /** Heads that are kept, of whatever waits or is under way. */
  get heldHeads(): number {
    return this.#context.slabs.used
  }
}

/** Skipped bytes of a flow in which no HTTP was seen at all, after which it counts as something else. */
const FOREIGN_AFTER_BYTES = 64 * 1024

const OPEN = 0
const FOREIGN = 1
const UPGRADED = 2
const CLOSED = 3

/** So many closed ones are kept for those that open: a kilobyte each. */
const MAX_FREE_FLOWS = 512

class HttpFlow implements StreamConsumer, ParserOwner, Delivered {
  // What every segment needs comes first, so that it shares a line or two of the cache.
  #mode = CLOSED
  #clientSide: 0 | 1 = 0
  readonly #pairing: Pairing
  readonly #forth: Http1Parser
  readonly #back: Http1Parser
  readonly #context: HttpContext
  readonly #free: Pool<HttpFlow>
  readonly #keep = new FlowKeep()
  /** Some start line was recognised. */
  #decided = false
  /** The parser whose start line told the sides, while that line may have been text in a body: it was come upon midway. */
  #guess: MessageReader | null = null
  /** Bytes skipped before it was known whether this is HTTP. */
  #undecided = 0

  constructor(context: HttpContext, free: Pool<HttpFlow>) {
    this.#context = context
    this.#free = free
    this.#pairing = new Pairing(context, this.#keep, this)
    this.#forth = new Http1Parser(context, this, this.#keep)
    this.#back = new Http1Parser(context, this, this.#keep)
  }

  /** Begins anew, with another connection. */
  open(flow: FlowInfo, kept: KeptBytes): void {
    this.#keep.open(kept)
    this.#pairing.open(flow)
    this.#forth.open(!flow.fromStart)
    this.#back.open(!flow.fromStart)
    this.#mode = OPEN
    this.#decided = false
    this.#clientSide = 0
    this.#guess = null
    this.#undecided = 0
  }

  data(
    direction: Direction,
    bytes: Buffer,
    start: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void {
    if (this.#mode !== OPEN) {
      this.skipped(end - start)
      return
    }
    this.#parser(direction).push(bytes, start, end, position, acked, time, now)
    if (direction === this.#clientSide && this.#pairing.undecided > 0) this.#pairing.resolve(now)
  }

  gap(direction: Direction, length: number, position: number, cause: GapCause, _time: EventTime, now: EventTime): void {
    if (this.#mode !== OPEN) return
    this.#parser(direction).gap(length, position, cause, now)
    if (direction === this.#clientSide && this.#pairing.undecided > 0) this.#pairing.resolve(now)
  }

  end(direction: Direction, _time: EventTime, now: EventTime): void {
    if (this.#mode === OPEN) this.#parser(direction).finish(now)
  }

  close(reason: CloseReason, now: EventTime): void {
    if (this.#mode === CLOSED) return
    if (this.#mode === OPEN) {
      if (reason === 'fin') {
        this.#forth.finish(now)
        this.#back.finish(now)
      }
      // The client's side first: what a response answers must be known when it ends.
      this.#requests.close(now)
      this.#responses.close(now)
    }
    this.#pairing.close(reason, now)
    this.#keep.clear()
    if (this.#undecided > 0) this.#context.telemetry.funnel.bytes.drop('not_http', this.#undecided)
    this.#mode = CLOSED
    this.#free.giveBack(this)
  }

  decided(parser: MessageReader, kind: LineKind): void {
    const side = parser === this.#forth ? 0 : 1
    this.#clientSide = kind === REQUEST_LINE ? side : side === 0 ? 1 : 0
    this.#pairing.clientSide = this.#clientSide
    this.#requests.want = REQUEST_LINE
    this.#responses.want = STATUS_LINE
    this.#decided = true
    this.#guess = parser.found ? parser : null
    if (this.#undecided > 0) this.#context.telemetry.funnel.bytes.drop('resync', this.#undecided)
    this.#undecided = 0
  }

  /**
   * Either side breaks what a start line come upon midway has made of it, and no message of the other side has confirmed
   * that line: it was text in a body, such as a logged request in a response. The sides are open again.
   */
  misread(_parser: MessageReader, now: EventTime): void {
    if (this.#guess === null) return
    this.#guess = null
    this.#forth.undecide(now)
    this.#back.undecide(now)
    this.#pairing.withdraw(now)
    this.#decided = false
  }

  begun(parser: MessageReader, message: HttpMessage, now: EventTime): string {
    if (parser !== this.#guess) this.#guess = null
    if (parser.want === STATUS_LINE) return this.#pairing.responseBegun(message, now)
    this.#pairing.requestBegun(message, now)
    return ''
  }

  interim(parser: MessageReader, message: HttpMessage): void {
    if (parser !== this.#guess) this.#guess = null
    this.#pairing.interim(message)
  }

  ended(parser: MessageReader, message: HttpMessage, now: EventTime): void {
    if (parser.want === STATUS_LINE) this.#pairing.responseEnded(message, now)
    else this.#pairing.requestEnded(message, now)
  }

  lost(parser: MessageReader, now: EventTime): void {
    // Before the sides are known, either may turn out to be the one with the hole.
    if (parser.want !== STATUS_LINE) this.#pairing.requestsLost(now)
    if (parser.want !== REQUEST_LINE) this.#pairing.responsesLost(now)
  }

  notHttp(parser: MessageReader, now: EventTime): boolean {
    if (this.#decided || parser.holed) return false
    this.#becomeForeign(now)
    return true
  }

  upgraded(now: EventTime): void {
    this.#mode = UPGRADED
    this.#stop(now)
  }

  skipped(count: number): void {
    if (count === 0) return
    const { bytes } = this.#context.telemetry.funnel
    if (this.#mode === UPGRADED) bytes.drop('after_upgrade', count)
    else if (this.#mode === FOREIGN) bytes.drop('not_http', count)
    else if (this.#decided) bytes.drop('resync', count)
    else {
      this.#undecided += count
      if (this.#undecided > FOREIGN_AFTER_BYTES) {
        bytes.drop('not_http', this.#undecided)
        this.#undecided = 0
      }
    }
  }

  get requestsDelivered(): number {
    return this.#requests.delivered
  }

  get responsesDelivered(): number {
    return this.#responses.delivered
  }

  #parser(direction: Direction): Http1Parser {
    return direction === 0 ? this.#forth : this.#back
  }

  /** Of the client's side, and of the other one. */
  get #requests(): Http1Parser {
    return this.#clientSide === 0 ? this.#forth : this.#back
  }

  get #responses(): Http1Parser {
    return this.#clientSide === 0 ? this.#back : this.#forth
  }

  #stop(now: EventTime): void {
    this.skipped(this.#forth.stop(now))
    this.skipped(this.#back.stop(now))
  }

  #becomeForeign(now: EventTime): void {
    this.#mode = FOREIGN
    const { bytes } = this.#context.telemetry.funnel
    bytes.drop('not_http', this.#undecided)
    this.#undecided = 0
    this.#stop(now)
  }
}
