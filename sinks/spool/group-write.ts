import type { FileHandle } from 'node:fs/promises'

/** Takes the first batches off the queue, as many as share one write. */
export function takeGroup<One extends { readonly size: number }>(waiting: One[]): One[] {
  let bytes = 0
  let count = 0
  while (count < waiting.length && (count === 0 || bytes + waiting[count]!.size <= MAX_GROUP_BYTES)) {
    bytes += waiting[count++]!.size
  }
  return waiting.splice(0, count)
}

/** Writes all of it: `writev` may write less than it was given. */
export async function writeWhole(file: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = [...buffers]
  let at = position
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest.slice(0, MAX_VECTORS), at)
    at += bytesWritten
    let passed = bytesWritten
    while (rest.length > 0 && passed >= rest[0]!.length) passed -= rest.shift()!.length
    if (passed > 0) rest = [rest[0]!.subarray(passed), ...rest.slice(1)]
  }
}

/** IOV_MAX of Linux. */
const MAX_VECTORS = 1024

/** Bytes that share one write and sync, at least one batch. */
const MAX_GROUP_BYTES = 16 * 1024 * 1024
