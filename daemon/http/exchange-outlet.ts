import type { EventTime } from '../model/time.ts'
import type { PairingGrade } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { BodyBuffers } from './body-buffers.ts'
import type { ExchangeSink } from './exchange.ts'
import type { FlowKeep } from './flow-keep.ts'
import type { HeadSlabs } from './head-slabs.ts'
import type { HttpMessage } from './message.ts'
import { mergeWeirds, PairedExchange } from './paired-exchange.ts'

/** Why an exchange has one side only: causes of the loss funnel. */
export type OneSided =
  | 'request_only_timeout'
  | 'request_only_close'
  | 'request_only_end'
  | 'request_only_gap'
  | 'request_only_ambiguous'
  | 'request_only_limit'
  | 'response_only'
  | 'response_only_ambiguous'

/** Where exchanges leave the HTTP stage: counts them and hands them to whoever looks at them; their flow keeps them no longer. All flows share one. */
export class ExchangeOutlet {
  readonly #telemetry: Telemetry
  readonly #sink: ExchangeSink | null
  readonly #slabs: HeadSlabs
  readonly #buffers: BodyBuffers

  constructor(telemetry: Telemetry, sink: ExchangeSink | null, slabs: HeadSlabs, buffers: BodyBuffers) {
    this.#telemetry = telemetry
    this.#sink = sink
    this.#slabs = slabs
    this.#buffers = buffers
  }

  pair(
    flow: FlowInfo,
    clientSide: 0 | 1,
    keep: FlowKeep,
    request: HttpMessage,
    response: HttpMessage,
    grade: PairingGrade,
    now: EventTime,
  ): void {
    const { funnel } = this.#telemetry
    funnel.pairs.in++
    funnel.pairs.delivered++
    funnel.messages.delivered += 2
    this.#handOn(flow, clientSide, keep, request, response, grade, now)
  }

  alone(
    flow: FlowInfo,
    clientSide: 0 | 1,
    keep: FlowKeep,
    request: HttpMessage | null,
    response: HttpMessage | null,
    cause: OneSided,
    now: EventTime,
  ): void {
    const { funnel } = this.#telemetry
    funnel.pairs.in++
    funnel.pairs.drop(cause)
    funnel.messages.delivered++
    const ambiguous = cause === 'request_only_ambiguous' || cause === 'response_only_ambiguous'
    this.#handOn(flow, clientSide, keep, request, response, ambiguous ? 'ambiguous' : 'exact', now)
  }

  #handOn(
    flow: FlowInfo,
    clientSide: 0 | 1,
    keep: FlowKeep,
    request: HttpMessage | null,
    response: HttpMessage | null,
    grade: PairingGrade,
    now: EventTime,
  ): void {
    const weirds = mergeWeirds(request === null ? null : request.weirds, response === null ? null : response.weirds)
    // Reassembly has counted its own.
    for (let i = 0; i < weirds.length; i++) if (!weirds[i]!.startsWith('tcp.')) this.#telemetry.weirds.add(weirds[i]!)
    if (this.#sink !== null) {
      if (request !== null) this.#slabs.handOver(request.head)
      if (response !== null) this.#slabs.handOver(response.head)
      this.#sink(new PairedExchange(flow, clientSide, request, response, grade, weirds, now))
      request?.letGo(this.#buffers)
      response?.letGo(this.#buffers)
    }
    if (request !== null) keep.drop(request)
    if (response !== null) keep.drop(response)
  }
}
