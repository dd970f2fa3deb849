import type { Batch } from 'kafkajs'
import { UNREADABLE } from './batch-codec.ts'
import type { SourceRecord, UnreadableRange } from './record-source.ts'

type Unreadable = Omit<UnreadableRange, 'topic' | 'partition'>

export interface BatchRecords {
  readonly records: readonly SourceRecord[]
  /** Sum of the values' bytes. */
  readonly bytes: number
  readonly unreadable: readonly Unreadable[]
  /** Records that were handed out before. */
  readonly passedOver: number
}

/** What a fetched batch holds from offset `from` on. */
export function recordsOf({ messages }: Batch, from: number): BatchRecords {
  const records: SourceRecord[] = []
  const unreadable: Unreadable[] = []
  let bytes = 0
  let passedOver = 0
  for (const { offset, timestamp, value, headers } of messages) {
    const at = Number(offset)
    if (at < from) {
      passedOver++
      continue
    }
    const mark = headers?.[UNREADABLE]
    if (mark !== undefined) {
      noteUnreadable(unreadable, at, String(mark))
      continue
    }
    bytes += value?.length ?? 0
    records.push({ offset: at, timestampMs: Number(timestamp), value })
  }
  return { records, bytes, unreadable, passedOver }
}

/** The first record of a broken batch says why; those after it are of the same batch. */
function noteUnreadable(ranges: Unreadable[], at: number, why: string): void {
  const current = ranges.at(-1)
  if (why !== '' || current === undefined) ranges.push({ first: at, last: at, why: why === '' ? 'broken' : why })
  else ranges[ranges.length - 1] = { ...current, last: at }
}
