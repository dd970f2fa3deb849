import type { FrameBatch } from '../../daemon/model/frame.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { CapturedFrame } from './capture-file.ts'

/** One frame as the decoder takes it, at `now`. */
export function batchOf(frame: CapturedFrame, now: EventTime): FrameBatch {
  return {
    bytes: frame.bytes,
    count: 1,
    offset: Uint32Array.of(0),
    captured: Uint32Array.of(frame.bytes.length),
    original: Uint32Array.of(frame.original),
    time: Float64Array.of(now),
    clock: Float64Array.of(now),
    linkType: Uint16Array.of(frame.linkType),
    flags: Uint8Array.of(0),
  }
}
