import { readFileSync } from 'node:fs'
import type { EndpointOptions } from '../../sinks/webhook/endpoint.ts'
import { resolveSecret } from '../../sinks/webhook/secret.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { OffpathError } from '../telemetry/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The receivers of webhooks with their signing secrets, the newest first. */
export function webhookEndpoints(config: ValidatedConfig, environment: Environment): EndpointOptions[] {
  return config.sinks.webhook.map((webhook, index) => {
    const at = `sinks.webhook[${index}]`
    const newest = resolveSecret({ env: webhook.secret_env, file: webhook.secret_file, at }, environment)
    if (newest === null) {
      throw new OffpathError('OFFPATH_E_CONFIG', `the webhook ${webhook.name} has no signing secret`, {
        at,
        remedy: 'Set secret_env or secret_file; make a secret with: echo "whsec_$(openssl rand -base64 32)"',
      })
    }
    const before = { env: webhook.previous_secret_env, file: webhook.previous_secret_file, at }
    const previous = resolveSecret(before, environment)
    return {
      name: webhook.name,
      url: webhook.url,
      secrets: previous === null ? [newest] : [newest, previous],
      events: webhook.events,
      caFile: webhook.ca_file,
      timeoutMs: webhook.timeout_seconds * 1000,
    }
  })
}

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
