import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { OffpathError } from '../../daemon/telemetry/errors.ts'

/** Signing secrets: `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks), from an environment variable or a file. */

const PREFIX = 'whsec_'
const MIN_BYTES = 24
const MAX_BYTES = 64
const MAX_FILE_BYTES = 4096
const HOW_TO_MAKE = 'make one with: echo "whsec_$(openssl rand -base64 32)"'

export interface SecretPlace {
  readonly env: string | null
  readonly file: string | null
  /** Where the configuration names it, for the error: `sinks.webhook[0].secret_env`. */
  readonly at?: string
}

/** The secret's bytes, null when neither a variable nor a file is named. What is named must be there. A file goes before a variable. */
export function resolveSecret(
  place: SecretPlace,
  environment: Readonly<Record<string, string | undefined>>,
): Buffer | null {
  if (place.file !== null) return checked(readSecretFile(place.file, place.at), `${place.file}`, place.at)
  if (place.env === null) return null
  const text = environment[place.env]
  if (text === undefined || text === '') {
    throw wrong(`the environment variable ${place.env} is not set`, place.at, `set it, or ${HOW_TO_MAKE}`)
  }
  return checked(text, `the environment variable ${place.env}`, place.at)
}

/** The bytes of a `whsec_…` text; null when it is none. */
export function parseSecret(text: string): Buffer | null {
  const trimmed = text.trim()
  if (!trimmed.startsWith(PREFIX)) return null
  const encoded = trimmed.slice(PREFIX.length)
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null
  const bytes = Buffer.from(encoded, 'base64')
  return bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES ? bytes : null
}

function checked(text: string, where: string, at: string | undefined): Buffer {
  const bytes = parseSecret(text)
  if (bytes !== null) return bytes
  throw wrong(`${where} holds no signing secret: whsec_ and 24 to 64 bytes in base64`, at, HOW_TO_MAKE)
}

function readSecretFile(path: string, at: string | undefined): string {
  try {
    const file = openSync(path, 'r')
    try {
      const stat = fstatSync(file)
      if (!stat.isFile() || stat.size > MAX_FILE_BYTES) throw wrong(`${path} is no file with a secret`, at, HOW_TO_MAKE)
      if ((stat.mode & 0o077) !== 0) {
        throw wrong(`${path} can be read by others than its owner`, at, `chmod 600 ${path}`)
      }
      return readFileSync(file, 'latin1')
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof OffpathError) throw cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw wrong(`${path} cannot be read: ${code}`, at, HOW_TO_MAKE, cause)
  }
}

function wrong(message: string, at: string | undefined, remedy: string, cause?: unknown): OffpathError {
  return new OffpathError('OFFPATH_E_CONFIG', message, {
    remedy,
    ...(at === undefined ? {} : { at }),
    ...(cause === undefined ? {} : { cause }),
  })
}
