import { readFileSync } from 'node:fs'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { EventKind } from './events.ts'

export interface EndpointOptions {
  readonly name: string
  readonly url: string
  /** Signing secrets (resolveSecret), the newest first; two while receivers change over. */
  readonly secrets: readonly Buffer[]
  readonly events: readonly EventKind[]
  /** File with certificates (PEM); null: the system's authorities. */
  readonly caFile: string | null
  readonly timeoutMs: number
}

/** One receiver as JSON of the API. */
export interface EndpointStatus {
  readonly endpoint: string
  readonly url: string
  readonly state: 'ok' | 'failing' | 'open' | 'disabled'
  readonly pending: number
  readonly dead: number
  /** Since the process started. */
  readonly delivered: number
  readonly last_error: string | null
}

export function readCa({ name, caFile }: EndpointOptions): string | null {
  if (caFile === null) return null
  let text: string
  try {
    text = readFileSync(caFile, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `ca_file of the webhook ${name} cannot be read: ${codeOf(cause)}`, {
      at: caFile,
      remedy: 'name a file in PEM form',
      cause,
    })
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new OffpathError('OFFPATH_E_CONFIG', `ca_file of the webhook ${name} holds no certificate`, {
    at: caFile,
    remedy: 'name a file in PEM form',
  })
}

/** Without query and user information, which may hold secrets. */
export function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
