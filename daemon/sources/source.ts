import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'

/** Frames, in capture order. A batch is *borrowed*: valid until the next one is asked for. */
export interface FrameSource {
  readonly info: SourceInfo
  /** Ends at end of input or when `stop` fires. Throws OffpathError for what an operator can fix. */
  batches(stop: AbortSignal): AsyncIterable<FrameBatch>
}

/** One item of a live source: frames, or the host's clock moving on while the wire is idle. */
export type LiveEvent =
  | { readonly kind: 'frames'; readonly batch: FrameBatch }
  | { readonly kind: 'clock'; readonly now: EventTime }
