import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { OffpathError } from '../telemetry/errors.ts'

/**
 * The one key of a deployment, from which every pseudonym is made. At least 32 bytes, from OFFPATH_PRIVACY_KEY, from
 * `privacy.key_file` (mode 0600), or made once for this user and host, outside any data folder.
 */
export interface PrivacyKey {
  /** Names the key in every record, and says nothing about it. */
  readonly id: string
  readonly bytes: Buffer
  /** Ids of keys before it: what was made under them is still taken. */
  readonly previous: readonly string[]
}

export const MIN_KEY_BYTES = 32
const MAX_KEY_FILE_BYTES = 4096

/** Published for tests and golden files, so it protects nothing: `run` refuses it. */
export const TEST_KEY: PrivacyKey = keyFrom(
  Buffer.from('offpath published test key, never use it for real traffic', 'latin1'),
)

export function isTestKey(key: PrivacyKey): boolean {
  return key.bytes.equals(TEST_KEY.bytes)
}

export function keyFrom(bytes: Buffer, previous: readonly string[] = []): PrivacyKey {
  const digest = createHash('sha256').update('offpath key id\0').update(bytes).digest('hex')
  return { id: `k${digest.slice(0, 8)}`, bytes, previous }
}

/** Whether records and learning made under this key id are taken. */
export function takesKey(key: Pick<PrivacyKey, 'id' | 'previous'>, id: string): boolean {
  return id === key.id || key.previous.includes(id)
}

/** Key text as hex (64 digits or more) or base64 (with or without padding, also the URL alphabet); null when it is neither or too short. */
export function parseKey(text: string): PrivacyKey | null {
  const trimmed = text.trim()
  if (trimmed.length > MAX_KEY_FILE_BYTES) return null
  let bytes: Buffer | null = null
  if (/^[0-9a-fA-F]+$/.test(trimmed) && trimmed.length % 2 === 0) bytes = Buffer.from(trimmed, 'hex')
  else if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed)) bytes = Buffer.from(trimmed, 'base64')
  return bytes !== null && bytes.length >= MIN_KEY_BYTES ? keyFrom(bytes) : null
}

/** Where the key made for this user and host stands. */
export function defaultKeyPath(environment: Readonly<Record<string, string | undefined>>): string {
  const config = environment.XDG_CONFIG_HOME
  return join(config?.startsWith('/') ? config : join(homedir(), '.config'), 'offpath', 'privacy.key')
}

export interface KeySettings {
  /** `privacy.key_file`. */
  readonly keyFile: string | null
  /** `privacy.previous_key_ids`. */
  readonly previousKeyIds: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Whether the published test key may be used: replays and tests, never `run`. */
  readonly allowTestKey: boolean
}

export interface LoadedKey {
  readonly key: PrivacyKey
  readonly origin: 'environment' | 'file' | 'generated'
  /** File it stands in; null for the environment. */
  readonly path: string | null
}

/** The only function here that touches files. A named file wins over the environment; without either, a key is made once. */
export function loadPrivacyKey(settings: KeySettings): LoadedKey {
  const loaded = findKey(settings)
  if (!settings.allowTestKey && isTestKey(loaded.key)) {
    throw new OffpathError('OFFPATH_E_KEY', 'The published test key protects nothing, so it is refused here.', {
      at: loaded.path ?? 'OFFPATH_PRIVACY_KEY',
      remedy: 'Unset it, or make a key with: openssl rand -hex 32',
    })
  }
  return { ...loaded, key: { ...loaded.key, previous: settings.previousKeyIds } }
}

function findKey(settings: KeySettings): LoadedKey {
  if (settings.keyFile !== null) return { key: readKeyFile(settings.keyFile), origin: 'file', path: settings.keyFile }
  const text = settings.environment.OFFPATH_PRIVACY_KEY
  if (text !== undefined && text !== '') {
    const key = parseKey(text)
    if (key === null) throw badKey('OFFPATH_PRIVACY_KEY', 'is not 32 bytes or more in hex or base64')
    return { key, origin: 'environment', path: null }
  }
  return generatedKey(defaultKeyPath(settings.environment))
}

/** Makes the file, or reads it when another process was first: `wx` decides, so two starts never make two keys. */
function generatedKey(path: string): LoadedKey {
  const fresh = randomBytes(MIN_KEY_BYTES)
  try {
    makeFolder(dirname(path))
    const file = openSync(path, 'wx', 0o600)
    try {
      writeSync(file, `${fresh.toString('hex')}\n`)
    } finally {
      closeSync(file)
    }
    chmodSync(path, 0o600)
    return { key: keyFrom(fresh), origin: 'generated', path }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      return { key: readKeyFile(path), origin: 'file', path }
    }
    throw new OffpathError('OFFPATH_E_KEY', 'A privacy key could not be made.', {
      at: path,
      remedy: 'Set OFFPATH_PRIVACY_KEY, or privacy.key_file, to a key from: openssl rand -hex 32',
      cause,
    })
  }
}

/** Parents first. Node's own `recursive` never returns where a folder cannot be made below one that is there, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another start made it meanwhile.
    if (!existsSync(path)) throw error
  }
}

function readKeyFile(path: string): PrivacyKey {
  let text: string
  try {
    const file = openSync(path, 'r')
    try {
      const stat = fstatSync(file)
      if (!stat.isFile() || stat.size > MAX_KEY_FILE_BYTES) throw badKey(path, 'is no key file')
      if ((stat.mode & 0o077) !== 0) throw badKey(path, 'can be read by others than its owner', `chmod 600 ${path}`)
      text = readFileSync(file, 'latin1')
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof OffpathError) throw cause
    throw new OffpathError('OFFPATH_E_KEY', 'The privacy key file cannot be read.', {
      at: path,
      remedy: `Make one with: (umask 077; openssl rand -hex 32 > ${path})`,
      cause,
    })
  }
  const key = parseKey(text)
  if (key === null) throw badKey(path, 'is not 32 bytes or more in hex or base64')
  return key
}

function badKey(at: string, what: string, remedy = 'Make a key with: openssl rand -hex 32'): OffpathError {
  return new OffpathError('OFFPATH_E_KEY', `The privacy key ${what}.`, { at, remedy })
}
