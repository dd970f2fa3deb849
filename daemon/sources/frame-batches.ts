import type { FrameBatch } from '../model/frame.ts'
import type { ByteWindow } from './byte-window.ts'
import { type ClockGuard, judgeRows } from './clock-guard.ts'
import { FrameColumns } from './frame-columns.ts'
import type { CaptureReader } from './pcap-reader.ts'

/** What an input ended with that could not be used. Ordinary for captures: say so and go on. */
export interface DamagedTail {
  /** Bytes at the end that belong to no whole record. */
  readonly truncatedBytes: number
  readonly message: string
}

/**
 * What to do with bytes that follow damage. `count`: read a file to its end, to say how much is lost. `leave`: end at
 * once; the writer of a live capture then fails and is started again, instead of being read in vain for ever.
 */
export type AfterDamage = 'count' | 'leave'

/** One read of a capture; with it two frames held back and a partial record always fit (see MAX_CAPTURED). */
export const CHUNK_BYTES = 2 * 1024 * 1024
/** Rows of one batch: enough for a chunk of ordinary frames, bounded for a chunk of empty ones. */
export const BATCH_ROWS = 16_384

/**
 * Reads `window` to its end as frame batches. Batches are borrowed: buffer and columns are reused. The generator returns
 * what was wrong with the tail, or null. Batch boundaries depend on how the bytes arrive; frames, clocks and flags do not.
 */
export async function* frameBatches(
  window: ByteWindow,
  reader: CaptureReader,
  guard: ClockGuard,
  stop: AbortSignal,
  afterDamage: AfterDamage,
): AsyncGenerator<FrameBatch, DamagedTail | null, undefined> {
  const columns = new FrameColumns(window.buffer, BATCH_ROWS)
  while (!stop.aborted) {
    window.start = reader.parse(window.buffer, window.start, window.end, columns)
    const full = columns.filled === columns.capacity
    const last = !full && (window.ended || reader.corrupt !== null)
    columns.count = last ? columns.filled : Math.max(0, columns.filled - guard.lookAhead)
    if (columns.count > 0) {
      judgeRows(guard, columns, columns.count, columns.filled)
      yield columns
      columns.release()
    }
    if (last) return tailOf(window, reader, afterDamage === 'count' ? await window.drain(stop) : window.available)
    if (!full) columns.moved(await window.fill(columns.gather(window.start)))
  }
  return null
}

function tailOf(window: ByteWindow, reader: CaptureReader, truncatedBytes: number): DamagedTail | null {
  if (reader.corrupt !== null) return { truncatedBytes, message: `${reader.corrupt}; ${truncatedBytes} bytes unread` }
  if (window.damage !== null) return { truncatedBytes, message: window.damage }
  if (truncatedBytes === 0 && reader.skipping === 0) return null
  return { truncatedBytes, message: `the last record is cut off; ${truncatedBytes} bytes unread` }
}
