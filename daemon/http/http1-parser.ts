import type { EventTime } from '../model/time.ts'
import { STATUS_PREFIX } from './body-reader.ts'
import { CHUNKED_BODY, NO_BODY, UNTIL_CLOSE, UPGRADE } from './framing.ts'
import { methodName, NO_HEAD } from './head.ts'
import { type HeadScanner, INVALID, SLOTS } from './head-scanner.ts'
import { CONNECTION, equalsLowerCase, HOST } from './known-headers.ts'
import { type HttpMessage, isBogus } from './message.ts'
import { HEAD, LINE, MessageReader, RESYNC, START, STOPPED } from './message-reader.ts'
import type { MessageStart } from './message-start.ts'
import { NO_LINE, REQUEST_LINE } from './start-line.ts'

const LF = 0x0a
const CR = 0x0d

/**
 * The HTTP/1 messages of one direction of a flow (RFC 9112), from ordered bytes with holes.
 *
 * A head that lies whole in the delivered view is read in place; otherwise its bytes gather here, up to maxHeadBytes.
 * Gathered bytes are watched by a one-byte state machine and scanned when the head is whole, so each byte is looked at
 * a fixed number of times however small the pieces.
 */
export class Http1Parser extends MessageReader {
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
      switch (this.state) {
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
          i = this.resync(bytes, i, end, position + i - start, acked, time, now)
          break
        case STOPPED:
          this.owner.skipped(end - i)
          i = end
          break
        default:
          i = this.readBody(bytes, i, end, position + i - start, acked, time, now)
      }
    }
    if (this.gather !== null) this.charge(this.gather)
    if (this.message !== null) this.context.slabs.keep(this.message.head)
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
      if (this.want === NO_LINE) this.owner.skipped(i - from)
      else this.context.telemetry.funnel.bytes.delivered += i - from
      if (i === end) return end
    }
    const begun = this.context.start
    begun.at(position + i - start, acked, time, now, i === start)
    this.found = false
    const scanned = this.context.scanner.scan(bytes, i, end, this.want, this.want === NO_LINE)
    if (scanned >= 0 && scanned - i <= this.context.limits.maxHeadBytes) {
      this.#headRead(begun, bytes, i, scanned, acked, time, now)
      return scanned
    }
    if (scanned === INVALID) {
      if (this.owner.notHttp(this, now)) return i
      this.#badStartLine(now)
      this.toResync(now)
      return i
    }
    this.gathering().start.copy(begun)
    this.state = LINE
    return i
  }

  /** Gathers the start line; it is judged as soon as it is whole, so that what is no HTTP does not pile up. */
  #line(bytes: Buffer, from: number, end: number, acked: number, time: EventTime, now: EventTime): number {
    const gather = this.gather!
    const { limits, scanner } = this.context
    const i = gather.takeLine(bytes, from, end, limits.maxHeadBytes)
    if (isBogus(time, now)) gather.start.bogus = true
    const { lineEnd } = gather
    if (lineEnd >= 0) {
      const kind = scanner.line.read(gather.bytes, 0, lineEnd, this.want, this.want === NO_LINE)
      if (kind !== NO_LINE) {
        if (this.want === NO_LINE) this.owner.decided(this, kind)
        this.state = HEAD
        return i
      }
    } else if (gather.length < limits.maxHeadBytes && gather.mayBegin(this.want)) return i
    if (this.owner.notHttp(this, now)) return i
    this.#badStartLine(now)
    this.state = RESYNC
    this.chainStart = -1
    this.owner.lost(this, now)
    this.#resyncGathered(gather.start.position, acked, time, now, gather.start.position)
    return i
  }

  #badStartLine(now: EventTime): void {
    if (this.want === NO_LINE) return
    this.weird('http.bad_start_line')
    this.owner.misread(this, now)
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
    const gather = this.gather!
    const i = gather.takeHead(bytes, from, end, this.context.limits.maxHeadBytes)
    if (isBogus(time, now)) gather.start.bogus = true
    if (!gather.whole) {
      if (i === end && gather.length < this.context.limits.maxHeadBytes) return i
      this.weird('http.head_too_large')
      this.giveUpHead('limit', now)
      return i
    }
    const strict = this.found || this.want === NO_LINE
    const scanned = this.context.scanner.scan(gather.bytes, 0, gather.length, this.want, strict)
    if (scanned < 0 || (this.found && this.context.scanner.malformed)) {
      this.owner.skipped(gather.length)
      gather.clear()
      this.state = RESYNC
      return i
    }
    const length = gather.length
    gather.start.position = position + (i - from) - length
    // Accounted for by what follows, even if that stops this parser.
    this.gather = null
    this.#headRead(gather.start, gather.bytes, 0, length, acked, time, now)
    this.giveBack(gather)
    return i
  }

  /** The head at [from, to) was just scanned, `acked` and `time` are those of its last byte. */
  #headRead(
    start: MessageStart,
    bytes: Buffer,
    from: number,
    to: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): void {
    const { scanner, telemetry, slabs, framing, sink, messages } = this.context
    const kind = scanner.line.kind
    if (this.want === NO_LINE) this.owner.decided(this, kind)
    telemetry.funnel.bytes.delivered += to - from
    telemetry.funnel.messages.in++
    const interimStart = this.chainStart
    const { line } = scanner
    const message = messages.take()
    message.begin(
      sink === null ? NO_HEAD : slabs.copy(scanner, bytes, from, to),
      kind === REQUEST_LINE ? methodName(bytes, from, line.methodEnd) : '',
      kind === REQUEST_LINE ? 0 : line.status,
      to - from,
      start.position,
      start.time,
      time,
      start.bogus,
      start.acked,
      acked,
      interimStart >= 0 ? interimStart : start.position,
      interimStart >= 0 ? this.chainAtSegmentStart : start.atSegmentStart,
    )
    this.keep.take(message)
    for (const weird of scanner.weirds) message.weird(weird)
    if (this.found) message.weird('http.resynchronised')
    if (this.afterClose) message.weird('http.body_after_close')
    this.afterClose = closes(scanner, bytes, from)
    this.message = message
    const headEnd = start.position + to - from
    let mayPeek = false
    if (kind === REQUEST_LINE) this.#requestRead(message, bytes, from, now)
    else mayPeek = this.#responseRead(message, bytes, from, now)
    // The flow may have stopped this parser while it was told.
    if (this.state === STOPPED) return
    this.startBody(framing.kind, framing.length, mayPeek, headEnd, now)
  }

  #requestRead(message: HttpMessage, bytes: Buffer, from: number, now: EventTime): void {
    const { framing, scanner } = this.context
    if (scanner.known[HOST] === 0 && scanner.line.major === 1 && scanner.line.minor >= 1)
      message.weird('http.missing_host')
    framing.ofRequest(scanner, bytes, from, message)
    const { kind, length } = framing
    this.owner.begun(this, message, now)
    framing.kind = kind
    framing.length = length
  }

  /** Whether its body may turn out to be none. */
  #responseRead(message: HttpMessage, bytes: Buffer, from: number, now: EventTime): boolean {
    const { framing, scanner } = this.context
    const { status } = message
    if (status < 200 && status !== 101) {
      this.chainStart = message.chainStart
      this.chainAtSegmentStart = message.atSegmentStart
      this.context.telemetry.funnel.messages.drop('interim')
      this.owner.interim(this, message)
      this.keep.drop(message)
      this.message = null
      framing.kind = NO_BODY
      return false
    }
    this.chainStart = -1
    const method = this.owner.begun(this, message, now)
    framing.ofResponse(scanner, bytes, from, message, method)
    const longEnough = framing.kind === CHUNKED_BODY || framing.length >= STATUS_PREFIX.length
    return method === '' && longEnough && framing.kind !== UNTIL_CLOSE && framing.kind !== UPGRADE
  }

  protected resync(
    bytes: Buffer,
    from: number,
    end: number,
    position: number,
    acked: number,
    time: EventTime,
    now: EventTime,
  ): number {
    const gather = this.gather!
    const i = this.context.search.gather(gather, bytes, from, end)
    this.#resyncGathered(position + i - from - gather.length, acked, time, now, position)
    return i
  }

  /** What is gathered begins at `linePosition`, this segment's bytes at `position`. */
  #resyncGathered(linePosition: number, acked: number, time: EventTime, now: EventTime, position: number): void {
    const { search } = this.context
    const found = search.judge(this.gather!, this.want)
    this.owner.skipped(search.skipped)
    if (!found) return
    const start = linePosition + search.skipped
    this.gather!.start.at(start, acked, time, now, start === position)
    this.found = true
    this.state = HEAD
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
