import { isIP } from 'node:net'
import { OffpathError } from '../telemetry/errors.ts'

export interface ListenAddress {
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:7710`, `[::1]:7710`: the value of server.listen. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port > 65_535) {
    throw new OffpathError('OFFPATH_E_CONFIG', 'expected address:port', {
      at: 'server.listen',
      remedy: 'for example 127.0.0.1:7710 or [::1]:7710',
    })
  }
  return { host, port }
}

/** Whether nobody but this host reaches it. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  if (isIP(host) === 6) return host === '::1'
  return host.toLowerCase() === 'localhost'
}

/** The name in a Host header, lower-case, without port and brackets; null when it is none. */
export function hostName(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/@\s[\]]+))(?::\d{1,5})?$/.exec(header ?? '')
  return (match?.[1] ?? match?.[2] ?? null)?.toLowerCase() ?? null
}

/**
 * Whether the server answers to that Host. A page in a browser of this host can have its own name resolve to the loopback (DNS
 * rebinding) and would then be of our origin; but its Host is that name.
 */
export function answersTo(header: string | undefined, allowed: readonly string[]): boolean {
  const name = hostName(header)
  if (name === null) return false
  return isLoopback(name) || allowed.some((host) => host.toLowerCase() === name)
}
