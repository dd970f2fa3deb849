import type { EventTime } from '../model/time.ts'
import type { PairingGrade, TransactionState } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Weird } from '../telemetry/weirds.ts'
import type { Exchange } from './exchange.ts'
import type { HttpMessage } from './message.ts'

/** What pairing hands over: its state and weirds follow from the two halves. */
export class PairedExchange implements Exchange {
  readonly flow: FlowInfo
  readonly clientSide: 0 | 1
  readonly request: HttpMessage | null
  readonly response: HttpMessage | null
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
    this.request = request
    this.response = response
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
