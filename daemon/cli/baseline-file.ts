import { stat } from 'node:fs/promises'
import { dataFolder, subFolder } from '../api/data-folder.ts'
import { learningPath, mergedPath } from '../api/learning-path.ts'
import { lockFolder } from '../api/lock.ts'
import { sealedParts } from '../durable/sealed-lines.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { type LearningOutline, outlineOf, RefusedLearning, textLines } from '../topology/learning-file.ts'
import { previousOf, SnapshotKeeper } from '../topology/snapshot-keeper.ts'
import type { CliContext } from './context.ts'

const MAX_BYTES = 512 * 1024 * 1024
const PART = 128 * 1024

/** One snapshot in the data folder. */
export interface SnapshotFacts {
  readonly path: string
  readonly taken_at: string
  readonly bytes: number
  readonly event_time: string | null
  readonly key_id: string | null
  readonly parts: LearningOutline['parts']
  /** Why it cannot be used. */
  readonly refused: string | null
}

/** The last snapshot, the one before it, and what was merged: those that are there. */
export async function snapshotsIn(stateFolder: string): Promise<SnapshotFacts[]> {
  const path = learningPath(stateFolder)
  const found: SnapshotFacts[] = []
  for (const each of [path, previousOf(path), mergedPath(stateFolder)]) {
    const file = await stat(each).catch((error: NodeJS.ErrnoException) => unreadable(each, error))
    if (file === null) continue
    const facts = { path: each, taken_at: file.mtime.toISOString(), bytes: file.size }
    try {
      const { keyId, now, parts } = await outlineOf({ path: each })
      const eventTime = now === null ? null : new Date(now / 1000).toISOString()
      found.push({ ...facts, event_time: eventTime, key_id: keyId, parts, refused: null })
    } catch (error) {
      if (!(error instanceof RefusedLearning)) throw error
      found.push({ ...facts, event_time: null, key_id: null, parts: [], refused: error.message })
    }
  }
  return found
}

/** All lines of a file that is whole. Throws OFFPATH_E_NO_FILE, OFFPATH_E_STATE. */
export async function readLearning(path: string): Promise<string[]> {
  if ((await stat(path).catch((error: NodeJS.ErrnoException) => unreadable(path, error))) === null) {
    throw new OffpathError('OFFPATH_E_NO_FILE', 'nothing that was learnt is there', {
      at: path,
      remedy: 'offpath run writes it every state.snapshot_seconds',
    })
  }
  try {
    return await textLines({ path })
  } catch (error) {
    if (!(error instanceof RefusedLearning)) throw error
    throw new OffpathError('OFFPATH_E_STATE', `it is not used: ${error.message}`, { at: path, cause: error })
  }
}

/** Puts lines in the place of what was learnt (or merged), which stays as the previous file. Refused while a daemon runs. */
export async function replaceLearning(
  stateFolder: string,
  lines: readonly string[],
  context: CliContext,
  pathIn = learningPath,
): Promise<void> {
  const folder = await dataFolder(stateFolder)
  const lock = await lockFolder(folder)
  try {
    await subFolder(folder, 'state')
    const keeper = new SnapshotKeeper({
      path: pathIn(folder),
      what: 'learning',
      maxBytes: MAX_BYTES,
      packed: true,
      keepsPrevious: true,
      logger: context.logger,
    })
    const parts = [...sealedParts(lines, PART)]
    for (const [i, text] of parts.entries()) keeper.take({ text, first: i === 0, last: i === parts.length - 1 })
    await keeper.close()
    if (keeper.failed) throw new OffpathError('OFFPATH_E_DATA_FOLDER', 'it could not be written', { at: folder })
  } finally {
    await lock.release()
  }
}

/** Without the parts that `drop` names. */
export function withoutParts(lines: readonly string[], drop: (name: string) => boolean): string[] {
  let dropping = false
  return lines.filter((line) => {
    if (line.startsWith('{')) {
      const { part } = JSON.parse(line) as { part?: string }
      dropping = part !== undefined && drop(part)
    }
    return !dropping
  })
}

function unreadable(path: string, error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw new OffpathError('OFFPATH_E_DATA_FOLDER', `it cannot be read: ${error.code ?? error.message}`, {
    at: path,
    remedy: 'use the user that the daemon runs as',
    cause: error,
  })
}
