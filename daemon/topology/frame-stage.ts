import { Decoder } from '../decode/decoder.ts'
import { Segment } from '../decode/segment.ts'
import { FRAME_BOGUS_TIME, type FrameBatch, type SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'

/** Frames to TCP segments, fragments put together: what is done once, before flows are told apart. */
export class FrameStage {
  /** What `decode` found. *Borrowed*: the next frame overwrites it. */
  readonly segment = new Segment()
  readonly #telemetry: Telemetry
  readonly #decoder: Decoder

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
    this.#decoder = new Decoder(telemetry)
  }

  /** Which source the following frames come from. */
  from(source: SourceInfo): void {
    this.#telemetry.funnel.from(source)
  }

  /** False: frame `index` gave no segment, which is counted or held. */
  decode(batch: FrameBatch, index: number): boolean {
    this.#telemetry.funnel.frames.in++
    if (!this.#decoder.decode(batch, index, this.segment)) return false
    if (batch.flags[index]! & FRAME_BOGUS_TIME) this.#telemetry.counters.add('frames.bogus_time')
    return true
  }

  tick(now: EventTime): void {
    this.#decoder.tick(now)
  }

  /** End of input: what is held will never be whole. */
  close(): void {
    this.#decoder.close()
  }

  get heldBytes(): number {
    return this.#decoder.heldBytes
  }
}
