import type { EventTime } from '../model/time.ts'
import type { GapCause } from '../reassembly/stream.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { type BodyReader, BROKEN, NEXT_HEAD, STATUS_PREFIX, WHOLE } from './body-reader.ts'
import type { HttpContext } from './context.ts'
import type { FlowKeep } from './flow-keep.ts'
import { type BodyKind, LENGTH_BODY, NO_BODY, UPGRADE } from './framing.ts'
import type { Gather } from './gather.ts'
import { type HttpMessage, isBogus } from './message.ts'
import type { ParserOwner } from './parser-owner.ts'
import { type LineKind, NO_LINE } from './start-line.ts'

/** What one direction is in the middle of. */
export const START = 0
export const LINE = 1
export const HEAD = 2
export const BODY = 3
export const RESYNC = 4
export const STOPPED = 5

/**
 * Where one direction of a flow stands among its messages: from a head that was read to the end of its body, over holes, to
 * the end of the flow. How heads are found and read is the parser's (http1-parser.ts).
 *
 * A hole in a body whose framing gives its length is counted and passed over; any other hole loses the framing, and the next
 * start line is looked for line by line.
 */
export abstract class MessageReader {
  // What every segment needs comes first, so that it shares few lines of the cache.
  /** Stream position after the last byte (or hole) seen. */
  delivered = 0
  protected state = START
  protected message: HttpMessage | null = null
  /** Null but in a body. */
  protected body: BodyReader | null = null
  /** Null but in the states LINE, HEAD and RESYNC. */
  protected gather: Gather | null = null
  /** NO_LINE until it is known which side this direction is. */
  want: LineKind = NO_LINE
  /** This head was come upon while looking for one: only a flawless one counts, and it may be text in a body. */
  found = false
  /** The interim responses before the next final one: where they begin, -1 without any. */
  protected chainStart = -1
  protected chainAtSegmentStart = false
  /** The last message said that nothing follows it. */
  protected afterClose = false
  protected readonly context: HttpContext
  protected readonly owner: ParserOwner
  protected readonly keep: FlowKeep
  /** Some bytes of this direction are missing, so it need not begin with a start line. */
  holed = false

  constructor(context: HttpContext, owner: ParserOwner, keep: FlowKeep) {
    this.context = context
    this.owner = owner
    this.keep = keep
  }

  /** Begins anew, with a direction of another connection. */
  open(holed: boolean): void {
    this.delivered = 0
    this.state = START
    this.message = null
    this.body = null
    this.gather = null
    this.want = NO_LINE
    this.found = false
    this.chainStart = -1
    this.chainAtSegmentStart = false
    this.afterClose = false
    this.holed = holed
  }

  /** Charges the flow for the storage of what is gathered as it is now. */
  protected charge(gather: Gather): void {
    const size = gather.bytes.length
    if (size === gather.charged) return
    this.keep.add(size - gather.charged)
    gather.charged = size
  }

  /** What it gathers from here on. */
  protected gathering(): Gather {
    this.gather ??= this.context.gathers.take()
    return this.gather
  }

  /** Returns how many bytes were gathered, which nobody has accounted for. */
  protected dropGathered(): number {
    const gather = this.gather
    if (gather === null) return 0
    this.gather = null
    const { length } = gather
    this.giveBack(gather)
    return length
  }

  /** Nobody looks at what was gathered any more. */
  protected giveBack(gather: Gather): void {
    gather.clear()
    if (gather.charged > 0) this.keep.add(-gather.charged)
    gather.charged = 0
    this.context.gathers.giveBack(gather)
  }

  /** `mayPeek`: the body may be none, see BodyReader. */
  protected startBody(kind: BodyKind, length: number, mayPeek: boolean, headEnd: number, now: EventTime): void {
    const message = this.message
    if (message === null) {
      this.state = START
      return
    }
    if (kind === NO_BODY) {
      this.endMessage(true, headEnd, now)
      return
    }
    if (kind === UPGRADE) {
      message.upgrade = true
      this.endMessage(true, headEnd, now)
      this.owner.upgraded(now)
      return
    }
    if (kind === LENGTH_BODY) message.announced = length
    this.body = this.context.bodyReaders.take()
    this.body.start(kind, length, mayPeek, this.keep)
    this.state = BODY
  }

  protected readBody(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    const message = this.message!
    const body = this.body!
    const i = body.read(message, bytes, from, end)
    const { outcome } = body
    if (outcome === NEXT_HEAD) {
      this.answerToHead(message, position + i - from - STATUS_PREFIX.length, acked, time, now, i - from)
      return i
    }
    if (body.peeking) return i
    message.lastByte = time
    message.ackedLast = acked
    if (isBogus(time, now)) message.bogusTime = true
    if (outcome === WHOLE) this.endMessage(true, position + i - from, now)
    else if (outcome === BROKEN) {
      const { leftOver } = body
      this.endMessage(false, -1, now)
      this.toResync(now)
      // The line that was taken for the beginning of a status line goes on in this segment.
      if (leftOver > 0) this.resync(STATUS_PREFIX, 0, leftOver, position - leftOver, acked, time, now)
    }
    return i
  }

  /** A message begins where the body should, at `next`: there is no body, the request was a HEAD. */
  protected answerToHead(
    message: HttpMessage,
    next: number,
    acked: number,
    time: EventTime,
    now: EventTime,
    inThisSegment: number,
  ): void {
    message.answersHead = true
    this.endMessage(true, next, now)
    const gather = this.gathering()
    gather.start.at(next, acked, time, now, inThisSegment === STATUS_PREFIX.length)
    gather.append(STATUS_PREFIX, 0, STATUS_PREFIX.length)
    this.found = false
    this.state = LINE
  }

  protected endMessage(whole: boolean, end: number, now: EventTime): void {
    const message = this.message!
    this.message = null
    this.state = START
    const body = this.body
    if (body !== null) {
      this.body = null
      this.context.bodyReaders.giveBack(body)
    }
    message.whole = whole
    message.end = end
    message.complete = true
    this.owner.ended(this, message, now)
  }

  /** `length` bytes at `position` will never come. */
  gap(length: number, position: number, cause: GapCause, now: EventTime): void {
    this.delivered = position + length
    this.holed = true
    const message = this.message
    switch (this.state) {
      case STOPPED:
        return
      case LINE:
      case HEAD:
        this.giveUpHead('gap', now)
        return
      case RESYNC:
        this.owner.skipped(this.dropGathered())
        this.gathering()
        this.owner.lost(this, now)
        return
      case START:
        this.toResync(now)
        return
      default:
    }
    message!.gap = true
    message!.weird(cause === 'lost' ? 'tcp.gap' : 'tcp.snap_length')
    const body = this.body!
    if (body.peeking) {
      // Whether the hole is this body or, after an answer to a HEAD, the next message: not known.
      this.unpeek()
      this.endMessage(false, -1, now)
      this.toResync(now)
      return
    }
    const covered = body.skip(message!, length)
    const { outcome } = body
    if (outcome === WHOLE) {
      this.endMessage(true, position + covered, now)
      if (covered === length) return
    } else if (outcome === BROKEN) this.endMessage(false, -1, now)
    else return
    this.toResync(now)
  }

  /** Whether this is a body stays open for good. */
  protected unpeek(): void {
    this.body!.unpeek(this.message!)
    this.message!.answersHead = true
  }

  /** FIN: what lasts until close is whole now. */
  finish(now: EventTime): void {
    if (this.body?.untilClose) this.endMessage(true, this.delivered, now)
  }

  /** Which side this is is open again: what is half done ends, and either kind of start line is looked for. */
  undecide(now: EventTime): void {
    if (this.body?.peeking) this.body.unpeek(this.message!)
    if (this.message !== null) {
      this.endMessage(false, -1, now)
      this.toResync(now)
    }
    this.want = NO_LINE
  }

  /** The flow is over: whatever is half done ends here. */
  close(now: EventTime): void {
    switch (this.state) {
      case STOPPED:
      case START:
        break
      case LINE:
      case HEAD:
        this.giveUpHead('closed', now)
        break
      case RESYNC:
        this.owner.skipped(this.dropGathered())
        break
      default:
        if (this.body?.peeking) this.unpeek()
        this.endMessage(false, -1, now)
    }
    this.dropGathered()
    this.state = STOPPED
  }

  /** What comes from here on is not HTTP. Returns how many bytes were gathered and not accounted for. */
  stop(now: EventTime): number {
    if (this.body?.peeking) this.body.unpeek(this.message!)
    if (this.message !== null) this.endMessage(false, -1, now)
    this.state = STOPPED
    return this.dropGathered()
  }

  protected giveUpHead(cause: 'gap' | 'limit' | 'closed', now: EventTime): void {
    const { funnel } = this.context.telemetry
    if (this.state === HEAD && this.want !== NO_LINE) {
      funnel.messages.in++
      funnel.messages.drop(cause)
      funnel.bytes.drop('one_sided', this.dropGathered())
    } else this.owner.skipped(this.dropGathered())
    this.toResync(now)
  }

  protected toResync(now: EventTime): void {
    this.gathering().clear()
    this.message = null
    this.state = RESYNC
    this.chainStart = -1
    this.owner.lost(this, now)
  }

  protected weird(name: Weird): void {
    this.context.telemetry.weirds.add(name)
  }

  /** Looks for a start line in [from, end) of `bytes`, which stand at `position`; returns how far it came. */
  protected abstract resync(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number
}
