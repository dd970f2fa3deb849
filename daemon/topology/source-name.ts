import { basename } from 'node:path'
import type { SourceConfig } from '../config/schema.ts'
import { captureName } from './capture-command.ts'

/** What a source is called in records and in status. */
export function sourceName(source: SourceConfig): string {
  if (source.kind === 'kafka') return source.topics.join(',')
  return source.kind === 'file' ? fileName(source.path) : captureName(source)
}

/** What a file is called; `-` is standard input. */
export function fileName(path: string): string {
  return path === '-' ? 'stdin' : basename(path)
}
