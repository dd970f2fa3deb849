import type { FrameBatch } from '../model/frame.ts'
import { formatTime, parseTime, SECOND_US } from '../model/time.ts'
import type { OpenedInput } from '../sources/capture-file.ts'
import type { NativeBatch } from '../sources/native-file.ts'

/** A recording moved in time: as if it had happened `byUs` later. */
export function shifted(opened: OpenedInput, byUs: number): OpenedInput {
  if (opened.kind === 'frames') {
    const { source } = opened
    return {
      kind: 'frames',
      source: {
        info: source.info,
        get tail() {
          return source.tail
        },
        async *batches(stop: AbortSignal) {
          for await (const batch of source.batches(stop)) yield shiftFrames(batch, byUs)
        },
      },
    }
  }
  const { source } = opened
  return {
    kind: 'native',
    source: {
      info: source.info,
      badLines: source.badLines,
      get tail() {
        return source.tail
      },
      async *batches(stop: AbortSignal) {
        for await (const batch of source.batches(stop)) yield shiftRecords(batch, byUs)
      },
    },
  }
}

/** In place: the columns are the source's own and are filled anew for the next batch. */
function shiftFrames(batch: FrameBatch, byUs: number): FrameBatch {
  for (let i = 0; i < batch.count; i++) {
    batch.time[i]! += byUs
    batch.clock[i]! += byUs
  }
  return batch
}

function shiftRecords(batch: NativeBatch, byUs: number): NativeBatch {
  for (let i = 0; i < batch.count; i++) batch.clock[i]! += byUs
  return {
    ...batch,
    records: batch.records.map((record) => ({
      ...record,
      clock: record.clock + byUs,
      record: { ...record.record, ...shiftTimes(record.record, byUs), ...shiftClaims(record.record, byUs) },
    })),
  }
}

function shiftTimes(record: Record<string, unknown>, byUs: number): Record<string, string> {
  const times: Record<string, string> = {}
  for (const key of ['ts', 'end_ts']) {
    const text = record[key]
    const time = typeof text === 'string' ? parseTime(text) : null
    if (time !== null) times[key] = formatTime(time + byUs)
  }
  return times
}

/** Tokens of a recording were good then, and are good now. */
function shiftClaims(record: Record<string, unknown>, byUs: number): Record<string, unknown> {
  const { claims } = record
  if (typeof claims !== 'object' || claims === null) return {}
  const moved: Record<string, unknown> = { ...claims }
  for (const key of ['iat', 'exp']) {
    const seconds = moved[key]
    if (typeof seconds === 'number') moved[key] = seconds + Math.round(byUs / SECOND_US)
  }
  return { claims: moved }
}
