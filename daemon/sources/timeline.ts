import type { EventTime } from '../model/time.ts'

/** What can be merged: rows with a clock, FrameBatch and NativeBatch alike. */
export interface TimedBatch {
  readonly count: number
  readonly clock: Float64Array
}

export interface TimedSource<Batch extends TimedBatch> {
  batches(stop: AbortSignal): AsyncIterable<Batch>
}

/** Rows `from` to `to` of a batch of source number `source`. Borrowed until the next run is asked for. */
export interface TimelineRun<Batch extends TimedBatch> {
  readonly source: number
  readonly batch: Batch
  readonly from: number
  readonly to: number
}

/**
 * Merges several sources into one timeline by their `clock` columns: always the source whose next row is earliest, the
 * first named one on a tie. The order of rows depends on their clocks alone, never on how sources cut their batches;
 * only the length of runs does. Rows of one source keep their order, even where its clock steps back.
 */
export async function* mergeTimeline<Batch extends TimedBatch>(
  sources: readonly TimedSource<Batch>[],
  stop: AbortSignal,
): AsyncGenerator<TimelineRun<Batch>, void, undefined> {
  const lanes = sources.map((source, index) => new Lane(index, source.batches(stop)[Symbol.asyncIterator]()))
  try {
    await Promise.all(lanes.map((lane) => lane.advance()))
    while (!stop.aborted) {
      const first = earliest(lanes, null)
      if (first === null || first.batch === null) return
      const to = runEnd(first, earliest(lanes, first))
      const { batch, at: from } = first
      first.at = to
      yield { source: first.index, batch, from, to }
      if (to === batch.count) await first.advance()
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()))
  }
}

class Lane<Batch extends TimedBatch> {
  readonly index: number
  batch: Batch | null = null
  at = 0
  readonly #batches: AsyncIterator<Batch>

  constructor(index: number, batches: AsyncIterator<Batch>) {
    this.index = index
    this.#batches = batches
  }

  get clock(): EventTime {
    return this.batch!.clock[this.at]!
  }

  async advance(): Promise<void> {
    this.at = 0
    do {
      const next = await this.#batches.next()
      this.batch = next.done === true ? null : next.value
    } while (this.batch !== null && this.batch.count === 0)
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}

/** The lane whose next row is earliest, `except` left out; lanes are in source order, so a tie goes to the first. */
function earliest<Batch extends TimedBatch>(
  lanes: readonly Lane<Batch>[],
  except: Lane<Batch> | null,
): Lane<Batch> | null {
  let first: Lane<Batch> | null = null
  for (const lane of lanes) {
    if (lane === except || lane.batch === null) continue
    if (first === null || lane.clock < first.clock) first = lane
  }
  return first
}

/** How far `lane` may run before `rival` comes first. */
function runEnd<Batch extends TimedBatch>(lane: Lane<Batch>, rival: Lane<Batch> | null): number {
  const { clock, count } = lane.batch!
  if (rival === null) return count
  const limit = rival.clock
  const winsTies = lane.index < rival.index
  let to = lane.at + 1
  while (to < count && (clock[to]! < limit || (winsTies && clock[to]! === limit))) to++
  return to
}
