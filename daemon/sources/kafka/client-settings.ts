import { type ConsumerConfig, type KafkaConfig, logLevel } from 'kafkajs'
import { type KafkaConnection, type KafkaOptions, MAX_PARTITION_BYTES } from './kafka-options.ts'

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

/** Of a member of the group. */
export function consumerSettings({ groupId, sessionMs }: Pick<KafkaOptions, 'groupId' | 'sessionMs'>): ConsumerConfig {
  return {
    groupId,
    sessionTimeout: sessionMs,
    heartbeatInterval: Math.min(MAX_HEARTBEAT_MS, sessionMs / 5),
    maxWaitTimeInMs: Math.min(MAX_WAIT_MS, sessionMs / 5),
    maxBytesPerPartition: MAX_PARTITION_BYTES,
    maxBytes: MAX_FETCH_BYTES,
    allowAutoTopicCreation: false,
    // Whether to go on after an error is decided by the source, not there.
    retry: { retries: 3, maxRetryTime: 2000, restartOnFailure: async () => false },
  }
}

const MAX_HEARTBEAT_MS = 3000
/** With everything paused this is also the pause between two heartbeats. */
const MAX_WAIT_MS = 500
const MAX_FETCH_BYTES = 32 * 1024 * 1024

export function reasonOf(error: unknown): string {
  const { message } = error as Error
  if (/not implemented/.test(message)) return `a record is compressed in a way that cannot be read (${message})`
  return message
}
