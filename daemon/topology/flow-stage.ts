import type { Segment } from '../decode/segment.ts'
import { HttpStage } from '../http/stage.ts'
import { Recorder } from '../identity/recorder.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { Reassembler } from '../reassembly/reassembler.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { FlowSizes } from './flows.ts'
import type { FlowStageOptions } from './options.ts'

/**
 * Segments to redacted transactions: reassembly, http, redaction. Everything a flow worker runs; synchronous,
 * without I/O or clock. Secrets end here.
 */
export class FlowStage {
  readonly #telemetry: Telemetry
  readonly #reassembler: Reassembler
  readonly #http: HttpStage
  /** Null when nobody looks at transactions: they are only counted. */
  readonly #recorder: Recorder | null
  #source: SourceInfo = { kind: 'file', name: '' }

  constructor(options: FlowStageOptions, telemetry: Telemetry, emit: ((transaction: Transaction) => void) | null) {
    this.#telemetry = telemetry
    this.#recorder =
      emit === null
        ? null
        : new Recorder({
            key: options.key,
            options: options.identity,
            bodies: options.bodies,
            payloads: options.payloads,
            payloadRules: options.payloadRules,
            limits: options.http,
            hashKey: options.hashKey,
            telemetry,
            emit,
          })
    this.#http = new HttpStage({
      limits: options.http,
      bodies: options.bodies && emit !== null,
      telemetry,
      sink: this.#recorder?.exchange ?? null,
    })
    this.#reassembler = new Reassembler({
      limits: options.reassembly,
      open: this.#http.open,
      infoStays: emit !== null,
      telemetry,
      source: () => this.#source,
    })
  }

  /** Which source the following segments come from. */
  from(source: SourceInfo): void {
    this.#source = source
    this.#telemetry.funnel.from(source)
  }

  /** `time`: the frame's own; `now`: the event clock. */
  push(segment: Segment, time: EventTime, now: EventTime): void {
    this.#reassembler.push(segment, time, now)
  }

  tick(now: EventTime): void {
    this.#reassembler.tick(now)
    this.#http.tick(now)
  }

  /** End of input: everything still open becomes final at `now`. */
  close(now: EventTime): void {
    this.#reassembler.close(now)
  }

  /** Forgets every raw value: nothing that came out of here is read any more. */
  forget(): void {
    this.#recorder?.close()
  }

  sizes(): FlowSizes {
    return { flows: this.#reassembler.flows, heldBytes: this.#reassembler.heldBytes }
  }
}
