import type { NativeReader } from '../identity/native-reader.ts'
import type { FrameBatch, SourceInfo } from '../model/frame.ts'
import type { CaptureFile, OpenedInput } from '../sources/capture-file.ts'
import type { NativeBatch, NativeSource } from '../sources/native-file.ts'
import { mergeTimeline, type TimedSource } from '../sources/timeline.ts'
import type { Chain } from './chain.ts'
import { NativeOrder } from './native-order.ts'

/** An opened input, ready to be merged with others. */
export interface Input {
  readonly opened: OpenedInput
  readonly info: SourceInfo
  /** Reads this input's native records; may be null where it has frames. */
  readonly reader: NativeReader | null
}

/** Called between batches: where a writer waits for its output to drain, and where a paced replay sleeps. */
export type BetweenBatches = (eventTime: number) => Promise<void> | void

type AnyBatch = FrameBatch | NativeBatch

/** Some 300 pairs: the young generation of V8 may double twice over a whole batch, while connections open. */
const ROWS_OF_PROGRESS = 1024

/**
 * Drives the chain with several inputs as one timeline. Native records pass a small sorter first, since gateway logs are
 * written in the order in which requests started; frames need none. `progressed` is called after every
 * ROWS_OF_PROGRESS frames or records, however the inputs cut their batches and however finely they are merged.
 */
export async function drive(
  chain: Chain,
  inputs: readonly Input[],
  stop: AbortSignal,
  between: BetweenBatches,
  progressed: () => void = () => {},
): Promise<void> {
  const sorters = inputs.map(({ reader }) => (reader === null ? null : new NativeOrder(reader, chain)))
  const sources = inputs.map(({ opened, info }) => announcingEnd(opened.source, () => chain.ended(info)))
  let left = ROWS_OF_PROGRESS
  for await (const run of mergeTimeline(sources, stop)) {
    for (let from = run.from; from < run.to; ) {
      const to = Math.min(run.to, from + left)
      if ('records' in run.batch) {
        const sorter = sorters[run.source]
        for (let i = from; i < to; i++) sorter?.push(run.batch.records[i]!)
      } else {
        chain.frames(inputs[run.source]!.info, run.batch, from, to)
      }
      left -= to - from
      from = to
      if (left > 0) continue
      left = ROWS_OF_PROGRESS
      progressed()
    }
    const waiting = between(chain.now)
    if (waiting !== undefined) await waiting
    const room = chain.room()
    if (room !== undefined) await room
  }
  for (const sorter of sorters) sorter?.flush()
  for (const { reader } of inputs) reader?.close()
}

/** The same source, which says when it has nothing more. */
function announcingEnd(source: TimedSource<AnyBatch>, ended: () => void): TimedSource<AnyBatch> {
  return {
    async *batches(stop) {
      yield* source.batches(stop)
      ended()
    },
  }
}

/** What an operator should know about how an input ended, as sentences. Known once it has been read. */
export function endOf(source: CaptureFile | NativeSource): string[] {
  const messages: string[] = []
  if (source.tail !== null) messages.push(`${source.info.name}: ${source.tail.message}`)
  if ('badLines' in source) {
    for (const [reason, count] of source.badLines)
      messages.push(`${source.info.name}: ${count} lines passed over: ${reason}`)
  }
  return messages
}
