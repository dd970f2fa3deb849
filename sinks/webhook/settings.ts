import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { EndpointOptions } from './endpoint.ts'
import type { EventKind } from './events.ts'
import { resolveSecret } from './secret.ts'

/** One entry of `sinks.webhook`, as the configuration has it. */
export interface WebhookSettings {
  readonly name: string
  readonly url: string
  readonly secret_env: string | null
  readonly secret_file: string | null
  readonly previous_secret_env: string | null
  readonly previous_secret_file: string | null
  readonly events: readonly EventKind[]
  readonly ca_file: string | null
  readonly timeout_seconds: number
}

/** Endpoints with their secrets, from the environment and files. OFFPATH_E_CONFIG names the entry that is wrong. */
export function webhookEndpoints(
  settings: readonly WebhookSettings[],
  environment: Readonly<Record<string, string | undefined>>,
): EndpointOptions[] {
  return settings.map((entry, index) => {
    const at = `sinks.webhook[${index}]`
    if (settings.findIndex(({ name }) => name === entry.name) !== index) {
      throw new OffpathError('OFFPATH_E_CONFIG', `two webhooks are named ${entry.name}`, {
        at: `${at}.name`,
        remedy: 'deliveries are kept by name: give each its own',
      })
    }
    const newest = resolveSecret({ env: entry.secret_env, file: entry.secret_file, at }, environment)
    if (newest === null) {
      throw new OffpathError('OFFPATH_E_CONFIG', `the webhook ${entry.name} has no signing secret`, {
        at,
        remedy: 'name one with secret_env or secret_file; make one with: echo "whsec_$(openssl rand -base64 32)"',
      })
    }
    const previous = resolveSecret(
      { env: entry.previous_secret_env, file: entry.previous_secret_file, at },
      environment,
    )
    return {
      name: entry.name,
      url: entry.url,
      secrets: previous === null ? [newest] : [newest, previous],
      events: entry.events,
      caFile: entry.ca_file,
      timeoutMs: entry.timeout_seconds * 1000,
    }
  })
}
