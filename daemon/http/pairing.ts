import type { EventTime } from '../model/time.ts'
import type { PairingGrade } from '../model/transaction.ts'
import type { CloseReason, FlowInfo } from '../reassembly/stream.ts'
import type { HttpContext } from './context.ts'
import type { Delivered } from './delivered.ts'
import type { OneSided } from './exchange-outlet.ts'
import type { FlowKeep } from './flow-keep.ts'
import { type HeldOwner, HeldPairs } from './held-pairs.ts'
import type { HttpMessage } from './message.ts'
import { MessageQueue } from './message-queue.ts'

/**
 * Which response answers which request of one connection.
 *
 * Whole streams: in order (RFC 9112 §9.3.2), and each pair is checked: the segment that begins the response must
 * acknowledge bytes of the request, else the response cannot answer it. It acknowledges all of it: exact. Only a part:
 * an early answer, inferred. A response may be seen before its request (mirrors reorder, lost segments are waited for);
 * one that acknowledges requests we have not been given yet waits for them.
 *
 * After a loss that may have hidden a head, order says nothing any more. Requests from before the hole are still
 * answered in order; beyond, only *lockstep* pairs: the request begins where a message is known to begin, acknowledges
 * every byte up to the first of the response, and the response's first segment acknowledges exactly up to the request's
 * end. Even that fits a client that always keeps one more request outstanding, so such a pair is held until the next
 * request shows that nothing else was answered in between, and is believed once several such pairs follow each other,
 * when there was a quiet second before the request, or when the connection falls silent or ends in order: an answer
 * still owed would have shown by then. A client seen pipelining is never believed. Whatever is refused goes out as two
 * one-sided exchanges.
 */
export class Pairing implements HeldOwner {
  readonly #context: HttpContext
  #flow: FlowInfo | null = null
  readonly #keep: FlowKeep
  readonly #delivered: Delivered
  clientSide: 0 | 1 = 0
  /** Requests without an answer, oldest first; those already handed over keep their place. */
  readonly #requests = new MessageQueue()
  /** Responses of which it is open whose answer they are, oldest first. */
  readonly #responses = new MessageQueue()
  /** Null before the first loss, as on most connections for good. */
  #held: HeldPairs | null = null
  #requestsSeen = 0
  /** Null also once it is half of a pair: then it tells nothing more. */
  #lastRequest: HttpMessage | null = null
  /** The last response of which it was decided whose answer it is, until it is half of a pair; */
  #previousResponse: HttpMessage | null = null
  /** then where it ended, and what its last segment acknowledged. -1: there was none. */
  #previousEnd = -1
  #previousAcked = -1
  #aligned = false
  /** The first exchange still has to tell that the connection was picked up midway. */
  #midstream = false
  #requestBreak = false
  #responseBreak = false
  #pipelined = false
  /** Nothing more will come: what waits for requests is decided without them. */
  #allSeen = false

  constructor(context: HttpContext, keep: FlowKeep, delivered: Delivered) {
    this.#context = context
    this.#keep = keep
    this.#delivered = delivered
  }

  /** Begins anew, with another connection. */
  open(flow: FlowInfo): void {
    this.#flow = flow
    this.clientSide = 0
    this.#requests.clear()
    this.#responses.clear()
    this.#held = null
    this.#requestsSeen = 0
    this.#lastRequest = null
    this.#previousResponse = null
    this.#previousEnd = -1
    this.#previousAcked = -1
    this.#aligned = flow.fromStart
    this.#midstream = !flow.fromStart
    this.#requestBreak = false
    this.#responseBreak = false
    this.#pipelined = false
    this.#allSeen = false
  }

  /** Responses that wait for requests still to come. */
  get undecided(): number {
    return this.#responses.length
  }

  /** Requests may be missing from here on. */
  requestsLost(now: EventTime): void {
    this.#requestBreak = true
    this.#held?.refuse(now)
  }

  responsesLost(now: EventTime): void {
    this.#responseBreak = true
    this.#held?.refuse(now)
  }

  requestBegun(request: HttpMessage, now: EventTime): void {
    request.breakBefore = this.#requestBreak
    this.#requestBreak = false
    this.#requestsSeen++
    this.#notePipelining(request)
    if (this.#held !== null && this.#held.last !== null) this.#judgeHeld(this.#held, request, now)
    if (this.#requests.length >= this.#context.limits.maxPending) this.#overflow(request, now)
    this.#requests.push(request)
    this.#lastRequest = request
    if (this.#responses.length > 0) this.resolve(now)
  }

  requestEnded(request: HttpMessage, now: EventTime): void {
    const response = request.partner
    if (response === null) {
      if (!request.emitted) this.#context.waiting.add(request, this, now)
      if (this.#responses.length > 0) this.resolve(now)
    } else if (response.complete) this.#finishPair(request, response, now)
  }

  /** Returns the method of the request it answers, '' while that is unknown. */
  responseBegun(response: HttpMessage, now: EventTime): string {
    response.breakBefore = this.#responseBreak
    this.#responseBreak = false
    if (this.#held !== null && response.acked === this.#held.last?.acked) {
      // A second answer with no further request in between: several requests were outstanding.
      this.#pipelined = true
      this.#held?.refuse(now)
    }
    if (this.#responses.length >= this.#context.limits.maxPending) {
      const oldest = this.#responses.shift()
      oldest.resolved = true
      this.#aligned = false
      if (oldest.complete) this.#emitAlone(null, oldest, 'response_only_ambiguous', now)
    }
    this.#responses.push(response)
    this.resolve(now)
    const request = response.partner
    if (request === null) return ''
    const { method } = request
    // A pair that is only likely: look whether the announced body comes, which also tells the answer to another HEAD.
    return request.tentative && method !== 'HEAD' && method !== 'CONNECT' ? '' : method
  }

  responseEnded(response: HttpMessage, now: EventTime): void {
    if (response.resolved) this.#finishResponse(response, now)
  }

  /** A response other than the final one. */
  interim(response: HttpMessage): void {
    const request = this.#requests.first
    if (request !== null && response.status !== 100) request.weird('http.interim_response')
  }

  /** Decides about waiting responses as far as what has been delivered allows. */
  resolve(now: EventTime): void {
    for (let response = this.#responses.first; response !== null; response = this.#responses.first) {
      if (!this.#assign(response, now)) return
      this.#responses.shift()
      response.resolved = true
      this.#previousResponse = response
      if (response.complete) this.#finishResponse(response, now)
    }
  }

  expired(message: HttpMessage, now: EventTime): void {
    if (message.status === 0) {
      // It stays in the order of requests: a late answer must not be taken for the next request's.
      this.#emitAlone(message, null, 'request_only_timeout', now)
      this.#keep.remain(message)
      message.emitted = true
    } else this.#held?.release(now)
  }

  /** Which side is the client is open again: what one side has said so far stands alone. */
  withdraw(now: EventTime): void {
    this.#allSeen = true
    this.resolve(now)
    this.#allSeen = false
    this.#held?.refuse(now)
    this.#dropRequests(this.#requests.length, 'request_only_ambiguous', now)
    this.#aligned = false
    this.#requestBreak = true
    this.#responseBreak = true
    this.#pipelined = false
    this.#lastRequest = null
    this.#previousResponse = null
    this.#previousEnd = -1
  }

  close(reason: CloseReason, now: EventTime): void {
    this.#allSeen = true
    this.resolve(now)
    if (this.#held?.believed || reason === 'fin' || reason === 'idle') this.#held?.release(now)
    else this.#held?.refuse(now)
    const cause = reason === 'end_of_input' ? 'request_only_end' : 'request_only_close'
    this.#lastRequest = null
    this.#dropRequests(this.#requests.length, cause, now)
    // Nothing of it is held on to while this waits for another connection.
    this.#flow = null
    this.#held = null
    this.#previousResponse = null
  }

  /** True when it is decided whose answer this is; false when it must wait for requests still to come. */
  #assign(response: HttpMessage, now: EventTime): boolean {
    if (response.breakBefore) this.#aligned = false
    if (this.#aligned) {
      const request = this.#requests.first
      if (request === null) {
        if (this.#mayAnswerLater(response)) return false
        if (this.#requestBreak) this.#aligned = false
        else {
          if (this.#requestsSeen > 0) response.weird('http.unexpected_response')
          return true
        }
      } else if (request.breakBefore) this.#aligned = false
      else {
        // Sent before the request arrived: an answer to nothing, such as 408 on an idle connection.
        if (response.acked >= 0 && response.acked <= request.position) {
          response.weird('http.unexpected_response')
          return true
        }
        this.#requests.shift()
        this.#marry(request, response)
        return true
      }
    }
    return this.#assignByAcks(response, now)
  }

  /** It acknowledges requests that have not been delivered yet. */
  #mayAnswerLater(response: HttpMessage): boolean {
    return !this.#allSeen && response.acked > this.#delivered.requestsDelivered
  }

  #marry(request: HttpMessage, response: HttpMessage): void {
    this.#context.waiting.remove(request)
    request.partner = response
    response.partner = request
  }

  #assignByAcks(response: HttpMessage, now: EventTime): boolean {
    if (this.#mayAnswerLater(response)) return false
    // Of those it can answer, the last, and how many come before it.
    let request: HttpMessage | null = null
    let before = -1
    for (let next = this.#requests.first; next !== null; next = next.following) {
      if (response.acked >= 0 && next.position >= response.acked) break
      request = next
      before++
    }
    if (request === null) {
      this.#held?.refuse(now)
      return true
    }
    if (!request.complete) return false
    if (this.#inLockstep(request, response)) {
      this.#dropRequests(before, 'request_only_gap', now)
      this.#requests.shift()
      this.#marry(request, response)
      request.tentative = true
      return true
    }
    this.#held?.refuse(now)
    response.tentative = true
    this.#dropRequests(before + 1, 'request_only_ambiguous', now)
    return true
  }

  #inLockstep(request: HttpMessage, response: HttpMessage): boolean {
    if (this.#pipelined || request.emitted || request.end !== response.acked) return false
    if (!request.atSegmentStart || !response.atSegmentStart) return false
    const startsBoth = !this.#flow!.fromStart && request.position === 0
    if (request.acked !== response.chainStart && !(startsBoth && request.acked < 0 && response.chainStart === 0)) {
      return false
    }
    if (!request.breakBefore && !startsBoth) return true
    if (startsBoth) return true
    const previous = this.#previousResponse
    if (previous === null) {
      return this.#previousEnd === response.chainStart && this.#previousAcked === request.position
    }
    return previous.complete && previous.end === response.chainStart && previous.ackedLast === request.position
  }

  #notePipelining(request: HttpMessage): void {
    const before = this.#lastRequest
    if (before === null || this.#pipelined) return
    const answer = before.partner
    if (answer === null) {
      // An emitted request was given up by us; otherwise no response byte came between the two.
      if (!before.emitted && request.acked === before.acked) this.#pipelined = true
    } else if (!answer.complete && request.acked >= 0 && request.acked <= this.#delivered.responsesDelivered) {
      this.#pipelined = true
    }
  }

  #finishResponse(response: HttpMessage, now: EventTime): void {
    const request = response.partner
    if (request === null) {
      this.#emitAlone(null, response, response.tentative ? 'response_only_ambiguous' : 'response_only', now)
    } else if (request.tentative) this.#hold(request, response, now)
    else if (request.emitted) {
      // Its request went out alone when its time was up.
      this.#keep.drop(request)
      this.#emitAlone(null, response, 'response_only', now)
    } else if (request.complete) this.#finishPair(request, response, now)
  }

  #finishPair(request: HttpMessage, response: HttpMessage, now: EventTime): void {
    const whole = request.end >= 0 && response.acked >= request.end
    if (!whole && response.acked >= 0 && request.end >= 0) response.weird('http.early_response')
    this.#emitPair(request, response, whole ? 'exact' : 'inferred', now)
  }

  #hold(request: HttpMessage, response: HttpMessage, now: EventTime): void {
    this.#held ??= new HeldPairs(this, this.#context.held)
    this.#held.add(response)
    const following = this.#responses.first
    if (following !== null && following.acked === response.acked) this.#pipelined = true
    const broken = following === null ? this.#responseBreak : following.breakBefore
    if (response.answersHead || this.#pipelined || broken) {
      this.#held?.refuse(now)
      return
    }
    const next = this.#requests.first
    if (next !== null) this.#judgeHeld(this.#held, next, now)
    else if (this.#requestBreak) this.#held?.refuse(now)
    else if (this.#lastRequest !== request) this.#held?.refuse(now)
    else this.#held.wait(response, now)
  }

  #judgeHeld(held: HeldPairs, next: HttpMessage, now: EventTime): void {
    if (held.judge(next, this.#pipelined, now)) this.#pipelined = true
  }

  believed(response: HttpMessage, now: EventTime): void {
    this.#emitPair(response.partner!, response, 'inferred', now)
  }

  refused(response: HttpMessage, now: EventTime): void {
    this.#emitAlone(response.partner, null, 'request_only_ambiguous', now)
    this.#emitAlone(null, response, 'response_only_ambiguous', now)
  }

  /** The oldest `count` requests will get no answer. */
  #dropRequests(count: number, cause: OneSided, now: EventTime): void {
    for (let i = 0; i < count; i++) {
      const request = this.#requests.shift()
      this.#context.waiting.remove(request)
      if (request.emitted) this.#keep.drop(request)
      else this.#emitAlone(request, null, cause, now)
      request.emitted = true
      // Whoever still reads it, or asks what came before the next one, knows it.
      if (request.complete && request !== this.#lastRequest) this.#giveBack(request)
    }
  }

  #overflow(request: HttpMessage, now: EventTime): void {
    request.weird('http.pipeline_limit')
    this.#dropRequests(this.#requests.length, 'request_only_limit', now)
    request.breakBefore = true
  }

  #emitPair(request: HttpMessage, response: HttpMessage, grade: PairingGrade, now: EventTime): void {
    this.#noteMidstream(request)
    this.#context.outlet.pair(this.#flow!, this.clientSide, this.#keep, request, response, grade, now)
    this.#forget(request, response)
  }

  /** Nobody else knows the two halves of a pair any more. What an idle connection would keep of them is a few numbers. */
  #forget(request: HttpMessage, response: HttpMessage): void {
    if (request === this.#lastRequest) this.#lastRequest = null
    if (response === this.#previousResponse) {
      this.#previousResponse = null
      this.#previousEnd = response.end
      this.#previousAcked = response.ackedLast
    }
    this.#giveBack(request)
    this.#giveBack(response)
  }

  /** At once, while it is in the cache: the next message takes it. */
  #giveBack(message: HttpMessage): void {
    message.clear()
    this.#context.messages.giveBack(message)
  }

  #emitAlone(request: HttpMessage | null, response: HttpMessage | null, cause: OneSided, now: EventTime): void {
    this.#noteMidstream(request ?? response)
    this.#context.outlet.alone(this.#flow!, this.clientSide, this.#keep, request, response, cause, now)
  }

  #noteMidstream(first: HttpMessage | null): void {
    if (!this.#midstream) return
    this.#midstream = false
    first?.weird('tcp.midstream')
  }
}
