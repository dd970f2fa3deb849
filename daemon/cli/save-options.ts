import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { Document, parseDocument } from 'yaml'
import type { TuneResult } from './detector-tune.ts'

/** Writes options of one detector into a configuration file, which keeps its comments; made where there is none. Its path. */
export function saveOptions(path: string, id: string, changes: TuneResult['changes']): string {
  const exists = existsSync(path)
  const document = exists ? parseDocument(readFileSync(path, 'utf8')) : new Document({})
  for (const { key, to } of changes) document.setIn(['detectors', id, key], to)
  const beside = `${path}.new`
  // Whole or not at all: a daemon may read it at any time.
  writeFileSync(beside, document.toString({ lineWidth: 0 }), { mode: exists ? statSync(path).mode : 0o644 })
  renameSync(beside, path)
  return path
}
