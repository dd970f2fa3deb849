import type { SourceConfig, ValidatedConfig } from '../config/schema.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { EnginePublish } from './engine-protocol.ts'
import { kafkaConnection } from './kafka-settings.ts'

/** Halves of a daemon, with a topic between them: sensors capture and redact, analyzers do the rest. */
export const ROLES = ['sensor', 'analyzer'] as const
export type Role = (typeof ROLES)[number]

const MIB = 1024 * 1024

/** What of a configuration counts in a role. Undefined: the whole daemon. Throws OFFPATH_E_CONFIG where it cannot be. */
export function inRole(role: Role | undefined, config: ValidatedConfig): ValidatedConfig {
  if (role === 'sensor') return asSensor(config)
  if (role === 'analyzer') return asAnalyzer(config)
  return config
}

/** Where a sensor publishes to. Throws OFFPATH_E_CONFIG. */
export function publishSettings(
  { sinks }: ValidatedConfig,
  environment: Readonly<Record<string, string | undefined>>,
): EnginePublish {
  const { kafka } = sinks
  if (kafka === null) {
    throw new OffpathError('OFFPATH_E_CONFIG', 'a sensor needs a topic to publish to', {
      at: 'sinks.kafka',
      remedy: 'Set sinks.kafka, or --kafka broker:9092 --topic transactions.',
    })
  }
  return {
    connection: kafkaConnection(kafka, environment, 'sinks.kafka'),
    topic: kafka.topic,
    compression: kafka.compression,
    maxBytes: kafka.buffer_mib * MIB,
  }
}

/** It stores nothing, opens no incidents, and tells and acts on none. */
function asSensor(config: ValidatedConfig): ValidatedConfig {
  const reads = config.sources.findIndex(({ kind }) => kind === 'kafka')
  if (reads >= 0) {
    throw new OffpathError('OFFPATH_E_CONFIG', 'a sensor captures; it reads no topic', {
      at: `sources[${reads}]`,
      remedy: 'Leave the topic to an analyzer: offpath run --role analyzer.',
    })
  }
  return {
    ...config,
    store: { ...config.store, enabled: false },
    sinks: { ...config.sinks, webhook: [] },
    policies: { ...config.policies, folder: null },
    response: { ...config.response, connectors: {} },
  }
}

/** It reads what sensors publish and nothing else, so the format needs no guess. */
function asAnalyzer(config: ValidatedConfig): ValidatedConfig {
  const sources = config.sources.map((source, index): SourceConfig => {
    if (source.kind === 'kafka') return source.format === 'auto' ? { ...source, format: 'native' } : source
    throw new OffpathError('OFFPATH_E_CONFIG', `an analyzer reads topics, and this source is ${source.kind}`, {
      at: `sources[${index}]`,
      remedy: 'Give it to a sensor: offpath run --role sensor. Without --role one daemon does both.',
    })
  })
  return { ...config, sources }
}
