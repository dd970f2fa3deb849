import { readFileSync, statSync } from 'node:fs'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { type EffectiveConfig, effectiveConfig } from '../config/effective.ts'
import { type ConfigFile, readConfigText } from '../config/load.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { MAX_FILE_BYTES } from '../yaml/document.ts'

/** Read from the current folder by the commands that run here, when no --config is given. */
export const DEFAULT_CONFIG_FILE = 'offpath.yaml'

/** Defaults, then the file, then flags. `path` undefined: no file. */
export function loadSettings(path: string | undefined, flags: Readonly<Record<string, unknown>> = {}): EffectiveConfig {
  return effectiveConfig(CONFIG_SCHEMA, path === undefined ? null : readConfigFile(path), flags)
}

/** The file named, else the one of the current folder if there is one. */
export function configPath(named: string | undefined): string | undefined {
  if (named !== undefined) return named
  return statSync(DEFAULT_CONFIG_FILE, { throwIfNoEntry: false })?.isFile() ? DEFAULT_CONFIG_FILE : undefined
}

function readConfigFile(path: string): ConfigFile {
  let text: string
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new Error('it is no regular file')
    text = stat.size > MAX_FILE_BYTES ? ' '.repeat(MAX_FILE_BYTES + 1) : readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `the configuration file cannot be read: ${reason(cause)}`, {
      at: path,
      remedy: 'offpath init writes one; without --config the defaults hold',
      cause,
    })
  }
  return readConfigText(text, path)
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  if ('code' in cause && cause.code === 'ENOENT') return 'there is no such file'
  if ('code' in cause && cause.code === 'EACCES') return 'permission denied'
  return cause.message
}
