import type { EventTime } from '../model/time.ts'
import type { GapCause } from '../reassembly/stream.ts'
import type { Weird } from '../telemetry/weirds.ts'
import { type BodyReader, BROKEN, NEXT_HEAD, STATUS_PREFIX, WHOLE } from './body-reader.ts'
import type { HttpContext } from './context.ts'
import type { FlowKeep } from './flow-keep.ts'
import { type BodyKind, CHUNKED_BODY, LENGTH_BODY, NO_BODY, UNTIL_CLOSE, UPGRADE } from './framing.ts'
import type { Gather } from './gather.ts'
import { methodName, NO_HEAD } from './head.ts'
import { type HeadScanner, INVALID, SLOTS } from './head-scanner.ts'
import { CONNECTION, equalsLowerCase, HOST } from './known-headers.ts'
import { type HttpMessage, isBogus } from './message.ts'
import { type LineKind, NO_LINE, REQUEST_LINE } from './start-line.ts'

/** What a parser tells its flow. `begun` comes once the head is read, `ended` exactly once for each message begun. */
export interface ParserOwner {
  /** The first start line of the flow tells which side is the client: sets `want` of both parsers. */
  decided(parser: Http1Parser, kind: LineKind): void
  /** The method of the request this response answers; '' when that is not known (yet). Requests: ignored. */
  begun(parser: Http1Parser, message: HttpMessage, now: EventTime): string
  interim(parser: Http1Parser, message: HttpMessage): void
  ended(parser: Http1Parser, message: HttpMessage, now: EventTime): void
  /** From here on heads may be missing. */
  lost(parser: Http1Parser, now: EventTime): void
  /** No start line where one should be, in a flow whose sides are thought to be known. */
  misread(parser: Http1Parser, now: EventTime): void
  /** No start line where one should be: true when the flow is therefore taken for something else. */
  notHttp(parser: Http1Parser, now: EventTime): boolean
  upgraded(now: EventTime): void
  /** `count` bytes were skipped on the way to a start line. */
  skipped(count: number): void
}

const START = 0
const LINE = 1
const HEAD = 2
const BODY = 3
const RESYNC = 4
const STOPPED = 5

const LF = 0x0a
const CR = 0x0d

/**
 * The HTTP/1 messages of one direction of a flow (RFC 9112), from ordered bytes with holes.
 *
 * A head that lies whole in the delivered view is read in place; otherwise its bytes gather here, up to maxHeadBytes.
 * Gathered bytes are watched by a one-byte state machine and scanned when the head is whole, so each byte is looked at
 * a fixed number of times however small the pieces. A hole in a body whose framing gives its length is counted and
 * passed over; any other hole loses the framing, and the next start line is looked for line by line.
 */
export class Http1Parser {
  // What every segment needs comes first, so that it shares few lines of the cache.
  /** Stream position after the last byte (or hole) seen. */
  delivered = 0
  #state = START
  /** What of the gathered bytes the flow was charged for. */
  #gatherCost = 0
  #message: HttpMessage | null = null
  /** Null but in a body. */
  #body: BodyReader | null = null
  /** Null but in the states LINE, HEAD and RESYNC. */
  #gather: Gather | null = null
  /** NO_LINE until it is known which side this direction is. */
  want: LineKind = NO_LINE
  #position = 0
  #firstByte: EventTime = 0
  #bogus = false
  #acked = -1
  #atSegmentStart = false
  /** This head was found by looking for it: only a flawless one counts. */
  #found = false
  /** The interim responses before the next final one: where they begin, -1 without any. */
  #chainStart = -1
  #chainAtSegmentStart = false
  /** The last message said that nothing follows it. */
  #afterClose = false
  /** The body that begins may be none: see BodyReader. */
  #mayPeek = false
  readonly #context: HttpContext
  readonly #owner: ParserOwner
  readonly #keep: FlowKeep
  /** Some bytes of this direction are missing, so it need not begin with a start line. */
  holed = false

  constructor(context: HttpContext, owner: ParserOwner, keep: FlowKeep) {
    this.#context = context
    this.#owner = owner
    this.#keep = keep
  }

  /** Begins anew, with a direction of another connection. */
  open(holed: boolean): void {
    this.delivered = 0
    this.#state = START
    this.#gatherCost = 0
    this.#message = null
    this.#body = null
    this.#gather = null
    this.want = NO_LINE
    this.#position = 0
    this.#firstByte = 0
    this.#bogus = false
    this.#acked = -1
    this.#atSegmentStart = false
    this.#found = false
    this.#chainStart = -1
    this.#chainAtSegmentStart = false
    this.#afterClose = false
    this.#mayPeek = false
    this.holed = holed
  }

  push(
    bytes: Buffer,
    start: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void {
    this.delivered = position + end - start
    let i = start
    while (i < end) {
      switch (this.#state) {
        case START:
          i = this.#start(bytes, i, start, end, position, acked, time, now)
          break
        case LINE:
          i = this.#line(bytes, i, end, acked, time, now)
          break
        case HEAD:
          i = this.#head(bytes, i, end, position + i - start, acked, time, now)
          break
        case RESYNC:
          i = this.#resync(bytes, i, end, position + i - start, acked, time, now)
          break
        case STOPPED:
          this.#owner.skipped(end - i)
          i = end
          break
        default:
          i = this.#readBody(bytes, i, end, position + i - start, acked, time, now)
      }
    }
    if (this.#gather !== null || this.#gatherCost > 0) this.#charge()
  }

  /** The last start line was come upon while looking for one: it may be text in a body. */
  get found(): boolean {
    return this.#found
  }

  #charge(): void {
    const size = this.#gather === null ? 0 : this.#gather.bytes.length
    if (size === this.#gatherCost) return
    this.#keep.add(size - this.#gatherCost)
    this.#gatherCost = size
  }

  /** What it gathers from here on. */
  #gathering(): Gather {
    this.#gather ??= this.#context.gathers.take()
    return this.#gather
  }

  /** Returns how many bytes were gathered, which nobody has accounted for. */
  #dropGathered(): number {
    const gather = this.#gather
    if (gather === null) return 0
    this.#gather = null
    const { length } = gather
    gather.clear()
    this.#context.gathers.giveBack(gather)
    return length
  }

  #start(
    bytes: Buffer,
    from: number,
    start: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    let i = from
    // RFC 9112 §2.2: empty lines before a start line are ignored.
    while (i < end && (bytes[i] === CR || bytes[i] === LF)) i++
    if (i > from) {
      if (this.want === NO_LINE) this.#owner.skipped(i - from)
      else this.#context.telemetry.funnel.bytes.delivered += i - from
      if (i === end) return end
    }
    this.#position = position + i - start
    this.#begin(acked, time, now, i === start)
    const scanned = this.#context.scanner.scan(bytes, i, end, this.want, this.want === NO_LINE)
    if (scanned >= 0 && scanned - i <= this.#context.limits.maxHeadBytes) {
      this.#headRead(bytes, i, scanned, acked, time, now)
      return scanned
    }
    if (scanned === INVALID) {
      if (this.#owner.notHttp(this, now)) return i
      this.#badStartLine(now)
      this.#toResync(now)
      return i
    }
    this.#gathering()
    this.#state = LINE
    return i
  }

  #begin(acked: number, time: EventTime, now: EventTime, atSegmentStart: boolean): void {
    this.#firstByte = time
    this.#bogus = isBogus(time, now)
    this.#acked = acked
    this.#atSegmentStart = atSegmentStart
    this.#found = false
  }

  /** Gathers the start line; it is judged as soon as it is whole, so that what is no HTTP does not pile up. */
  #line(bytes: Buffer, from: number, end: number, acked: number, time: EventTime, now: EventTime): number {
    const gather = this.#gather!
    const { limits, scanner } = this.#context
    const i = gather.takeLine(bytes, from, end, limits.maxHeadBytes)
    if (isBogus(time, now)) this.#bogus = true
    const { lineEnd } = gather
    if (lineEnd >= 0) {
      const kind = scanner.line.read(gather.bytes, 0, lineEnd, this.want, this.want === NO_LINE)
      if (kind !== NO_LINE) {
        if (this.want === NO_LINE) this.#owner.decided(this, kind)
        this.#state = HEAD
        return i
      }
    } else if (gather.length < limits.maxHeadBytes && gather.mayBegin(this.want)) return i
    if (this.#owner.notHttp(this, now)) return i
    this.#badStartLine(now)
    this.#state = RESYNC
    this.#chainStart = -1
    this.#owner.lost(this, now)
    this.#resyncGathered(this.#position, acked, time, now, this.#position)
    return i
  }

  #badStartLine(now: EventTime): void {
    if (this.want === NO_LINE) return
    this.#weird('http.bad_start_line')
    this.#owner.misread(this, now)
  }

  #head(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    const gather = this.#gather!
    const i = gather.takeHead(bytes, from, end, this.#context.limits.maxHeadBytes)
    if (isBogus(time, now)) this.#bogus = true
    if (!gather.whole) {
      if (i === end && gather.length < this.#context.limits.maxHeadBytes) return i
      this.#weird('http.head_too_large')
      this.#giveUpHead('limit', now)
      return i
    }
    const strict = this.#found || this.want === NO_LINE
    const scanned = this.#context.scanner.scan(gather.bytes, 0, gather.length, this.want, strict)
    if (scanned < 0 || (this.#found && this.#context.scanner.malformed)) {
      this.#owner.skipped(gather.length)
      gather.clear()
      this.#state = RESYNC
      return i
    }
    const length = gather.length
    this.#position = position + (i - from) - length
    // Accounted for by what follows, even if that stops this parser.
    this.#gather = null
    this.#headRead(gather.bytes, 0, length, acked, time, now)
    gather.clear()
    this.#context.gathers.giveBack(gather)
    return i
  }

  /** The head at [from, to) was just scanned. */
  #headRead(bytes: Buffer, from: number, to: number, acked: number, time: EventTime, now: EventTime): void {
    const { scanner, telemetry, slabs, framing, sink, messages } = this.#context
    const kind = scanner.line.kind
    if (this.want === NO_LINE) this.#owner.decided(this, kind)
    telemetry.funnel.bytes.delivered += to - from
    telemetry.funnel.messages.in++
    const interimStart = this.#chainStart
    const { line } = scanner
    const message = messages.take()
    message.begin(
      sink === null ? NO_HEAD : slabs.copy(scanner, bytes, from, to),
      kind === REQUEST_LINE ? methodName(bytes, from, line.methodEnd) : '',
      kind === REQUEST_LINE ? 0 : line.status,
      to - from,
      this.#position,
      this.#firstByte,
      time,
      this.#bogus,
      this.#acked,
      acked,
      interimStart >= 0 ? interimStart : this.#position,
      interimStart >= 0 ? this.#chainAtSegmentStart : this.#atSegmentStart,
    )
    this.#keep.take(message)
    for (const weird of scanner.weirds) message.weird(weird)
    if (this.#found) message.weird('http.resynchronised')
    if (this.#afterClose) message.weird('http.body_after_close')
    this.#afterClose = closes(scanner, bytes, from)
    this.#message = message
    const headEnd = this.#position + to - from
    if (kind === REQUEST_LINE) this.#requestRead(message, bytes, from, now)
    else this.#responseRead(message, bytes, from, now)
    // The flow may have stopped this parser while it was told.
    if (this.#state === STOPPED) return
    this.#startBody(framing.kind, framing.length, headEnd, now)
  }

  #requestRead(message: HttpMessage, bytes: Buffer, from: number, now: EventTime): void {
    const { framing, scanner } = this.#context
    if (scanner.known[HOST] === 0 && scanner.line.major === 1 && scanner.line.minor >= 1)
      message.weird('http.missing_host')
    framing.ofRequest(scanner, bytes, from, message)
    const { kind, length } = framing
    this.#owner.begun(this, message, now)
    framing.kind = kind
    framing.length = length
  }

  #responseRead(message: HttpMessage, bytes: Buffer, from: number, now: EventTime): void {
    const { framing, scanner } = this.#context
    const { status } = message
    if (status < 200 && status !== 101) {
      this.#chainStart = message.chainStart
      this.#chainAtSegmentStart = message.atSegmentStart
      this.#context.telemetry.funnel.messages.drop('interim')
      this.#owner.interim(this, message)
      this.#keep.drop(message)
      this.#message = null
      framing.kind = NO_BODY
      return
    }
    this.#chainStart = -1
    const method = this.#owner.begun(this, message, now)
    framing.ofResponse(scanner, bytes, from, message, method)
    const longEnough = framing.kind === CHUNKED_BODY || framing.length >= STATUS_PREFIX.length
    this.#mayPeek = method === '' && longEnough && framing.kind !== UNTIL_CLOSE && framing.kind !== UPGRADE
  }

  #startBody(kind: BodyKind, length: number, headEnd: number, now: EventTime): void {
    const message = this.#message
    if (message === null) {
      this.#state = START
      return
    }
    if (kind === NO_BODY) {
      this.#end(true, headEnd, now)
      return
    }
    if (kind === UPGRADE) {
      message.upgrade = true
      this.#end(true, headEnd, now)
      this.#owner.upgraded(now)
      return
    }
    if (kind === LENGTH_BODY) message.announced = length
    this.#body = this.#context.bodyReaders.take()
    this.#body.start(kind, length, this.#mayPeek, this.#keep)
    this.#state = BODY
  }

  #readBody(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    const message = this.#message!
    const body = this.#body!
    const i = body.read(message, bytes, from, end)
    const { outcome } = body
    if (outcome === NEXT_HEAD) {
      this.#answerToHead(message, position + i - from - STATUS_PREFIX.length, acked, time, now, i - from)
      return i
    }
    if (body.peeking) return i
    message.lastByte = time
    message.ackedLast = acked
    if (isBogus(time, now)) message.bogusTime = true
    if (outcome === WHOLE) this.#end(true, position + i - from, now)
    else if (outcome === BROKEN) {
      const { leftOver } = body
      this.#end(false, -1, now)
      this.#toResync(now)
      // The line that was taken for the beginning of a status line goes on in this segment.
      if (leftOver > 0) this.#resync(STATUS_PREFIX, 0, leftOver, position - leftOver, acked, time, now)
    }
    return i
  }

  /** A message begins where the body should, at `next`: there is no body, the request was a HEAD. */
  #answerToHead(
    message: HttpMessage,
    next: number,
    acked: number,
    time: EventTime,
    now: EventTime,
    inThisSegment: number,
  ): void {
    message.answersHead = true
    this.#end(true, next, now)
    this.#position = next
    this.#begin(acked, time, now, inThisSegment === STATUS_PREFIX.length)
    this.#gathering().append(STATUS_PREFIX, 0, STATUS_PREFIX.length)
    this.#state = LINE
  }

  #end(whole: boolean, end: number, now: EventTime): void {
    const message = this.#message!
    this.#message = null
    this.#state = START
    const body = this.#body
    if (body !== null) {
      this.#body = null
      this.#context.bodyReaders.giveBack(body)
    }
    message.whole = whole
    message.end = end
    message.complete = true
    this.#owner.ended(this, message, now)
  }

  /** `length` bytes at `position` will never come. */
  gap(length: number, position: number, cause: GapCause, now: EventTime): void {
    this.delivered = position + length
    this.holed = true
    const message = this.#message
    switch (this.#state) {
      case STOPPED:
        return
      case LINE:
      case HEAD:
        this.#giveUpHead('gap', now)
        return
      case RESYNC:
        this.#owner.skipped(this.#dropGathered())
        this.#gathering()
        this.#owner.lost(this, now)
        return
      case START:
        this.#toResync(now)
        return
      default:
    }
    message!.gap = true
    message!.weird(cause === 'lost' ? 'tcp.gap' : 'tcp.snap_length')
    const body = this.#body!
    if (body.peeking) {
      // Whether the hole is this body or, after an answer to a HEAD, the next message: not known.
      this.#unpeek()
      this.#end(false, -1, now)
      this.#toResync(now)
      return
    }
    const covered = body.skip(message!, length)
    const { outcome } = body
    if (outcome === WHOLE) {
      this.#end(true, position + covered, now)
      if (covered === length) return
    } else if (outcome === BROKEN) this.#end(false, -1, now)
    else return
    this.#toResync(now)
  }

  /** Whether this is a body stays open for good. */
  #unpeek(): void {
    this.#body!.unpeek(this.#message!)
    this.#message!.answersHead = true
  }

  /** FIN: what lasts until close is whole now. */
  finish(now: EventTime): void {
    if (this.#body?.untilClose) this.#end(true, this.delivered, now)
  }

  /** Which side this is is open again: what is half done ends, and either kind of start line is looked for. */
  undecide(now: EventTime): void {
    if (this.#body?.peeking) this.#body.unpeek(this.#message!)
    if (this.#message !== null) {
      this.#end(false, -1, now)
      this.#toResync(now)
    }
    this.want = NO_LINE
  }

  /** The flow is over: whatever is half done ends here. */
  close(now: EventTime): void {
    switch (this.#state) {
      case STOPPED:
      case START:
        break
      case LINE:
      case HEAD:
        this.#giveUpHead('closed', now)
        break
      case RESYNC:
        this.#owner.skipped(this.#dropGathered())
        break
      default:
        if (this.#body?.peeking) this.#unpeek()
        this.#end(false, -1, now)
    }
    this.#dropGathered()
    this.#state = STOPPED
  }

  /** What comes from here on is not HTTP. Returns how many bytes were gathered and not accounted for. */
  stop(now: EventTime): number {
    if (this.#body?.peeking) this.#body.unpeek(this.#message!)
    if (this.#message !== null) this.#end(false, -1, now)
    this.#state = STOPPED
    return this.#dropGathered()
  }

  #giveUpHead(cause: 'gap' | 'limit' | 'closed', now: EventTime): void {
    const { funnel } = this.#context.telemetry
    if (this.#state === HEAD && this.want !== NO_LINE) {
      funnel.messages.in++
      funnel.messages.drop(cause)
      funnel.bytes.drop('one_sided', this.#dropGathered())
    } else this.#owner.skipped(this.#dropGathered())
    this.#toResync(now)
  }

  #toResync(now: EventTime): void {
    this.#gathering().clear()
    this.#message = null
    this.#state = RESYNC
    this.#chainStart = -1
    this.#owner.lost(this, now)
  }

  #resync(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    const gather = this.#gather!
    const i = this.#context.search.gather(gather, bytes, from, end)
    this.#resyncGathered(position + i - from - gather.length, acked, time, now, position)
    return i
  }

  /** What is gathered begins at `linePosition`, this segment's bytes at `position`. */
  #resyncGathered(linePosition: number, acked: number, time: EventTime, now: EventTime, position: number): void {
    const { search } = this.#context
    const found = search.judge(this.#gather!, this.want)
    this.#owner.skipped(search.skipped)
    if (!found) return
    this.#begin(acked, time, now, linePosition + search.skipped === position)
    this.#found = true
    this.#state = HEAD
  }

  #weird(name: Weird): void {
    this.#context.telemetry.weirds.add(name)
  }
}

const CLOSE = Buffer.from('close', 'latin1')

/** `Connection: close`, alone as it is usually sent (RFC 9112 §9.6). */
function closes(scanner: HeadScanner, bytes: Buffer, from: number): boolean {
  const field = scanner.known[CONNECTION]!
  if (field === 0) return false
  const start = scanner.offsets[(field - 1) * SLOTS + 2]!
  const end = scanner.offsets[(field - 1) * SLOTS + 3]!
  return end - start === CLOSE.length && equalsLowerCase(CLOSE, bytes, from + start)
}
