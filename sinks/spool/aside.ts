import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SealedBatch } from '../store/inserter.ts'

/** Lays a refused batch aside: one line of JSON that says what it is and why, then the bytes as they were. */
export async function writeRefused(path: string, batch: SealedBatch, reason: string): Promise<void> {
  const { bytes, rereadIds: _, ...rest } = batch
  const head = Buffer.from(`${JSON.stringify({ ...rest, reason: reason.slice(0, MAX_REASON) })}\n`)
  await writeFile(path, Buffer.concat([head, bytes]), { mode: 0o600 })
}

const MAX_REASON = 2000

/**
 * Removes the oldest of the files ending in `suffix` until the rest fits `maxBytes`; their names sort by age. Resolves with
 * how many went.
 */
export async function trimFolder(folder: string, suffix: string, maxBytes: number): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix)).sort()
  let bytes = 0
  let removed = 0
  for (const name of names.reverse()) {
    bytes += (await stat(join(folder, name))).size
    if (bytes <= maxBytes) continue
    await rm(join(folder, name), { force: true })
    removed++
  }
  return removed
}
