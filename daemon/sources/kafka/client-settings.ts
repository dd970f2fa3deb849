import { type KafkaConfig, logLevel } from 'kafkajs'
import type { KafkaConnection } from './kafka-options.ts'

/** Of every client made here, so that doctor connects as the daemon does. */
export function clientSettings({ brokers, sasl, tls }: KafkaConnection): KafkaConfig {
  return {
    clientId: 'offpath',
    brokers: [...brokers],
    connectionTimeout: 5000,
    requestTimeout: 30_000,
    logLevel: logLevel.NOTHING,
    ...(tls === null
      ? {}
      : {
          ssl: {
            ...(tls.ca === null ? {} : { ca: [tls.ca] }),
            ...(tls.cert === null ? {} : { cert: tls.cert }),
            ...(tls.key === null ? {} : { key: tls.key }),
          },
        }),
    ...(sasl === null ? {} : { sasl: { ...sasl } as NonNullable<KafkaConfig['sasl']> }),
  }
}

export function reasonOf(error: unknown): string {
  const { message } = error as Error
  if (/not implemented/.test(message)) return `a record is compressed in a way that cannot be read (${message})`
  return message
}
