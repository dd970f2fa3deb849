import type { RowBatch } from '../../daemon/model/row-batch.ts'

/**
 * Leaves out the rows of a batch whose id is in `known`, and the second of two with one id. A row is a line: neither format
 * has a line feed within one. Returns null when none is left, and the batch itself when all are.
 */
export function withoutKnown(batch: RowBatch, known: ReadonlySet<string>): RowBatch | null {
  const ids = batch.rereadIds ?? []
  const seen = new Set<string>()
  const keep = ids.map((id) => !known.has(id) && !seen.has(id) && seen.add(id) !== undefined)
  if (seen.size === ids.length) return batch
  if (seen.size === 0) return null
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength)
  const parts: Buffer[] = []
  let at = 0
  for (const kept of keep) {
    const end = bytes.indexOf(LINE_FEED, at) + 1
    if (end === 0) throw new Error(`a batch of ${batch.table} has fewer lines than ids`)
    if (kept) parts.push(bytes.subarray(at, end))
    at = end
  }
  return { ...batch, rows: seen.size, bytes: Buffer.concat(parts), rereadIds: [...seen] }
}

const LINE_FEED = 0x0a
