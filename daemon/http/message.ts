import { type EventTime, NO_TIME } from '../model/time.ts'
import type { Weird } from '../telemetry/weirds.ts'
import type { BodyBuffers } from './body-buffers.ts'
import { NO_HEAD, type ParsedHead } from './head.ts'

/** A capture timestamp this far from the event clock is bogus (contracts.md, the event clock). */
const BOGUS_US = 3_600_000_000

/** One message while it is parsed and paired. Positions are stream positions of its direction, -1 while unknown. */
export class HttpMessage {
  /** Without anything in it when nobody looks at the exchanges: what pairing needs of it stands beside it. */
  head: ParsedHead = NO_HEAD
  /** Requests only, else ''. */
  method = ''
  /** Responses only, else 0. */
  status = 0
  headBytes = 0
  firstByte: EventTime = NO_TIME
  lastByte: EventTime = NO_TIME
  position = 0
  bogusTime = false
  bodyBytes = 0
  bodyCut = false
  gap = false
  whole = false

  /** First stream byte after the message; -1 while it is still read, or when its framing was lost. */
  end = -1
  complete = false
  /** Bytes of the other direction that the segment with this message's first, and with its last byte acknowledged. */
  acked = -1
  ackedLast = -1
  /** Where the interim responses before this one begin; `position` when there are none. */
  chainStart = 0
  /** The message, or the interim responses before it, begin where a segment begins. */
  atSegmentStart = false
  /** Messages of this direction may be missing right before this one. */
  breakBefore = false
  weirds: Weird[] | null = null

  /** The other half, once known. */
  partner: HttpMessage | null = null
  /** The partner was found after a loss, by acknowledgements only. */
  tentative = false
  /** Already handed over on its own: still holds its place in the order of requests. */
  emitted = false
  /** It was decided whose answer this is. Responses only. */
  resolved = false
  upgrade = false
  /** The announced body did not come, or nothing shows that it did: what was asked may have been a HEAD. */
  answersHead = false

  /** Body bytes announced by Content-Length, 0 when none were. */
  announced = 0
  /** Kept body storage and how much of it is used. */
  store: Buffer | null = null
  stored = 0

  /** What the flow was charged for keeping it. */
  cost = 0

  /** The one after it in the queue it stands in. */
  following: HttpMessage | null = null

  /** Place in the timer queue this message waits in, and whom that tells; it waits in none while `waiter` is null. */
  timerPlace = 0
  waiter: Waiter | null = null

  /** A message of which the head has just been read. */
  begin(
    head: ParsedHead,
    method: string,
    status: number,
    headBytes: number,
    position: number,
    firstByte: EventTime,
    lastByte: EventTime,
    bogusTime: boolean,
    acked: number,
    ackedLast: number,
    chainStart: number,
    atSegmentStart: boolean,
  ): void {
    this.head = head
    this.method = method
    this.status = status
    this.headBytes = headBytes
    this.position = position
    this.firstByte = firstByte
    this.lastByte = lastByte
    this.bogusTime = bogusTime
    this.acked = acked
    this.ackedLast = ackedLast
    this.chainStart = chainStart
    this.atSegmentStart = atSegmentStart
  }

  /** Makes it as good as new, for another message. Nobody may know it any more, and it waits in no queue. */
  clear(): void {
    this.bodyBytes = 0
    this.bodyCut = false
    this.gap = false
    this.whole = false
    this.end = -1
    this.complete = false
    this.breakBefore = false
    this.weirds = null
    this.partner = null
    this.tentative = false
    this.emitted = false
    this.resolved = false
    this.upgrade = false
    this.answersHead = false
    this.announced = 0
    this.store = null
    this.stored = 0
    this.cost = 0
  }

  /** It was handed over: what is still to come of it is not kept. */
  letGo(buffers: BodyBuffers): void {
    this.head = NO_HEAD
    if (this.store !== null) buffers.giveBack(this.store)
    this.store = null
    this.stored = 0
    this.bodyCut = true
  }

  weird(name: Weird): void {
    if (this.weirds === null) this.weirds = [name]
    else if (!this.weirds.includes(name)) this.weirds.push(name)
  }
}

/** Whom a timer queue calls when a message has waited too long. */
export interface Waiter {
  expired(message: HttpMessage, now: EventTime): void
}

export function isBogus(time: EventTime, now: EventTime): boolean {
  const difference = time - now
  return difference > BOGUS_US || difference < -BOGUS_US
}
