import { Option } from 'commander'
import { escapeJson } from '../../sinks/escape.ts'
import { StoreDown } from '../../sinks/store/inserter.ts'
import { type Connection, connectOperations } from '../api/connect.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { CliContext } from './context.ts'
import { offlineSources } from './offline-sources.ts'
import { configPath, loadSettings } from './settings.ts'
import { writeText } from './write-text.ts'

export type ListFormat = 'table' | 'json' | 'jsonl'

export interface ConnectFlags {
  readonly config?: string
}

/** How a command reaches the daemon or its data folder; tests give their own. */
export type Connect = (flags: ConnectFlags, offline: 'allowed' | 'refused') => Promise<Connection>

export const connectByConfig: Connect = (flags, offline) => {
  const { config } = loadSettings(configPath(flags.config))
  return connectOperations({ ...offlineSources(config, process.env), offline })
}

/** Asks, and lets go of whatever was opened for it. */
export async function asking<Answer>(
  connection: Promise<Connection>,
  ask: (operations: Connection) => Promise<Answer>,
): Promise<Answer> {
  const operations = await connection
  try {
    return await ask(operations)
  } finally {
    await operations.close()
  }
}

/** A store that is down is no bug. */
export async function answered<Answer>(answer: Promise<Answer>, where?: string): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof StoreDown)) throw error
    const at = where === undefined ? {} : { at: where }
    throw new OffpathError('OFFPATH_E_STORE', `the store does not answer: ${error.message}`, at)
  }
}

export function configOption(): Option {
  return new Option('--config <file>', 'default: offpath.yaml in this folder, else the defaults')
}

export function outputOption(formats: readonly string[]): Option {
  const names = `${formats.slice(0, -1).join(', ')} or ${formats.at(-1)}`
  return new Option('-o, --output <format>', names).choices(formats).default('table')
}

/** A result as JSON, for a program; on a terminal nothing in it can act on the terminal. */
export function writeJson(context: CliContext, value: unknown): Promise<void> {
  return writeEscaped(context, `${JSON.stringify(value, null, 2)}\n`)
}

/** One line of JSON each. */
export function writeJsonLines(context: CliContext, values: readonly unknown[]): Promise<void> {
  return writeEscaped(context, values.map((value) => `${JSON.stringify(value)}\n`).join(''))
}

function writeEscaped(context: CliContext, text: string): Promise<void> {
  return writeText(context.stdout, context.stdout.isTTY === true ? escapeJson(text) : text)
}
