import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from './engine.ts'

/** One part of a table, by the name of its folder: partition, first and last block, level. */
const PART = /^(.+)_(\d+)_(\d+)_\d+(?:_\d+)?$/
const LOGS = 'deduplication_logs'
/** `1 \t part \t block id`, 2 for one that was dropped. */
const ADDED = '1\t'

interface Blocks {
  readonly partition: string
  readonly first: number
  readonly last: number
}

/**
 * Lets blocks be inserted again that were noted and never made. The embedded engine writes a token down before it gives the part
 * its name, so a process that is killed in between leaves a token without its rows: sent again, they would be taken for a repeat
 * and lost. Such notes are struck out of the tables' logs, and these tables loaded anew. To be called before the first insert,
 * by the process that holds the folder.
 */
export async function forgetUnfinished(engine: Engine, folder: string, database: string): Promise<void> {
  const { data } = await engine.ask(`SELECT name, toString(uuid) FROM system.tables WHERE database = '${database}'`)
  for (const [name, uuid] of data) {
    const place = join(folder, 'store', String(uuid).slice(0, 3), String(uuid))
    const stale = staleLogs(place)
    if (stale.length === 0) continue
    const table = `${database}.${String(name)}`
    await engine.command(`DETACH TABLE ${table} SYNC`)
    for (const { path, text } of stale) {
      writeFileSync(`${path}.new`, text, { mode: 0o600 })
      renameSync(`${path}.new`, path)
    }
    await engine.command(`ATTACH TABLE ${table}`)
  }
}

/** The logs of a table that have such notes, as they should be. */
function staleLogs(place: string): { readonly path: string; readonly text: string }[] {
  const parts = namesIn(place).flatMap(blocksOf)
  return namesIn(join(place, LOGS)).flatMap((name) => {
    const path = join(place, LOGS, name)
    const lines = readFileSync(path, 'utf8').split('\n')
    const kept = lines.filter((line) => !line.startsWith(ADDED) || isMade(line.split('\t')[1] ?? '', parts))
    return kept.length === lines.length ? [] : [{ path, text: kept.join('\n') }]
  })
}

/** Whether the part is there, or was merged into one that is. What cannot be read is left alone. */
function isMade(name: string, parts: readonly Blocks[]): boolean {
  const [own] = blocksOf(name)
  return (
    own === undefined ||
    parts.some(({ partition, first, last }) => partition === own.partition && first <= own.first && own.last <= last)
  )
}

function blocksOf(name: string): Blocks[] {
  // Of an insert that did not come to its end: engine's own to clear away.
  if (name.startsWith('tmp_')) return []
  const [, partition, first, last] = PART.exec(name) ?? []
  return partition === undefined ? [] : [{ partition, first: Number(first), last: Number(last) }]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // A view has no folder, and a table without such a log none of these.
    return []
  }
}
