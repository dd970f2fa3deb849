import { readFileSync } from 'node:fs'
import type { ValidatedConfig } from '../config/schema.ts'
import { OffpathError } from '../telemetry/errors.ts'

/** Certificate and key of the API as PEM texts. */
export function serverTls({ server }: ValidatedConfig): { cert: string; key: string } | null {
  const { tls_cert_file: cert, tls_key_file: key } = server
  if (cert === null && key === null) return null
  if (cert === null || key === null) {
    throw new OffpathError('OFFPATH_E_CONFIG', 'a certificate needs its key, and a key its certificate', {
      at: 'server',
      remedy: 'Set both server.tls_cert_file and server.tls_key_file, or neither.',
    })
  }
  return { cert: pem(cert, 'server.tls_cert_file'), key: pem(key, 'server.tls_key_file') }
}

function pem(path: string, at: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `${path} cannot be read: ${(cause as Error).message}`, {
      at,
      remedy: 'Make it readable for the user of the daemon, or correct the path.',
      cause,
    })
  }
}
