import { Decoder } from '../decode/decoder.ts'
import { Segment } from '../decode/segment.ts'
import { HttpStage } from '../http/stage.ts'
import { Recorder } from '../identity/recorder.ts'
import { FRAME_BOGUS_TIME, type FrameBatch, type SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import { Reassembler } from '../reassembly/reassembler.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { FlowStageOptions } from './options.ts'

/**
 * Frames to redacted transactions: decode, reassembly, http, redaction. Everything a flow worker runs; synchronous,
 * without I/O or clock. Secrets end here.
 */
export class FlowStage {
  readonly #telemetry: Telemetry
  readonly #segment = new Segment()
  readonly #decoder: Decoder
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
            limits: options.http,
            telemetry,
            emit,
          })
    this.#http = new HttpStage({
      limits: options.http,
      bodies: options.bodies && emit !== null,
      telemetry,
      sink: this.#recorder?.exchange ?? null,
    })
    this.#decoder = new Decoder(telemetry)
    this.#reassembler = new Reassembler({
      limits: options.reassembly,
      open: this.#http.open,
      telemetry,
      source: () => this.#source,
    })
  }

  /** Which source the following frames come from. */
  from(source: SourceInfo): void {
    this.#source = source
    this.#telemetry.funnel.from(source)
  }

  /** One frame, at event time `now`. */
  push(batch: FrameBatch, index: number, now: EventTime): void {
    this.#telemetry.funnel.frames.in++
    if (!this.#decoder.decode(batch, index, this.#segment)) return
    if (batch.flags[index]! & FRAME_BOGUS_TIME) this.#telemetry.counters.add('frames.bogus_time')
    this.#reassembler.push(this.#segment, batch.time[index]!, now)
  }

  tick(now: EventTime): void {
    this.#decoder.tick(now)
    this.#reassembler.tick(now)
    this.#http.tick(now)
  }

  /** End of input: everything still open becomes final at `now`. */
  close(now: EventTime): void {
    this.#decoder.close()
    this.#reassembler.close(now)
  }

  /** Forgets every raw value: nothing that came out of here is read any more. */
  forget(): void {
    this.#recorder?.close()
  }

  sizes(): { readonly flows: number; readonly heldBytes: number } {
    return { flows: this.#reassembler.flows, heldBytes: this.#decoder.heldBytes + this.#reassembler.heldBytes }
  }
}
