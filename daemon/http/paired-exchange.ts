import type { EventTime } from '../model/time.ts'
import type { PairingGrade, TransactionState } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Weird } from '../telemetry/weirds.ts'
import type { Exchange, Message } from './exchange.ts'
import type { ParsedHead } from './head.ts'
import type { HttpMessage } from './message.ts'

/**
 * What a message says, without what pairing knows of it: a flow remembers its last messages, and would keep their heads and bodies
 * for as long as it is idle.
 */
class HandedMessage implements Message {
  readonly head: ParsedHead
  readonly firstByte: EventTime
  readonly lastByte: EventTime
  readonly position: number
  readonly bogusTime: boolean
  readonly bodyBytes: number
  readonly body: Buffer | null
  readonly bodyCut: boolean
  readonly gap: boolean
  readonly whole: boolean

  constructor(message: HttpMessage) {
    this.head = message.head
    this.firstByte = message.firstByte
    this.lastByte = message.lastByte
    this.position = message.position
    this.bogusTime = message.bogusTime
    this.bodyBytes = message.bodyBytes
    this.body = message.store === null ? null : copyOf(message.store, message.stored)
    this.bodyCut = message.bodyCut
    this.gap = message.gap
    this.whole = message.whole
  }
}

function copyOf(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length)
  bytes.copy(copy, 0, 0, length)
  return copy
}

/** What pairing hands over: its state and weirds follow from the two halves, which may be used again afterwards. */
export class PairedExchange implements Exchange {
  readonly flow: FlowInfo
  readonly clientSide: 0 | 1
  readonly request: Message | null
  readonly response: Message | null
  readonly state: TransactionState
  readonly pairing: PairingGrade
  readonly weirds: readonly Weird[]
  readonly endTime: EventTime

  constructor(
    flow: FlowInfo,
    clientSide: 0 | 1,
    request: HttpMessage | null,
    response: HttpMessage | null,
    pairing: PairingGrade,
    weirds: readonly Weird[],
    endTime: EventTime,
  ) {
    this.flow = flow
    this.clientSide = clientSide
    this.request = request === null ? null : new HandedMessage(request)
    this.response = response === null ? null : new HandedMessage(response)
    this.pairing = pairing
    this.endTime = endTime
    this.state = stateOf(request, response)
    this.weirds = weirds
  }
}

const NO_WEIRDS: readonly Weird[] = []

/** In order of appearance, each once. */
export function mergeWeirds(first: Weird[] | null, second: Weird[] | null): readonly Weird[] {
  if (first === null) return second ?? NO_WEIRDS
  if (second === null) return first
  return [...new Set([...first, ...second])]
}

function stateOf(request: HttpMessage | null, response: HttpMessage | null): TransactionState {
  if (request === null) return 'response_only'
  if (response === null) return 'request_only'
  if (response.upgrade) return 'upgraded'
  if (request.gap || response.gap) return 'gap'
  return request.whole && response.whole ? 'complete' : 'truncated'
}
