import { readFileSync, statSync } from 'node:fs'
import type { SourceConfig } from '../config/schema.ts'
import type { KafkaOptions } from '../sources/kafka/kafka-options.ts'
import { OffpathError } from '../telemetry/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>
type KafkaConfig = Extract<SourceConfig, { kind: 'kafka' }>

/** What it takes to reach a source's brokers. Reads passwords and certificates; connects to nothing. */
export function kafkaOptions(source: KafkaConfig, environment: Environment): KafkaOptions {
  const { brokers, topics, group_id: groupId, session_seconds: sessionSeconds, from, sasl, tls } = source
  return {
    brokers,
    topics,
    groupId,
    sessionMs: sessionSeconds * 1000,
    from,
    sasl:
      sasl === null
        ? null
        : { mechanism: sasl.mechanism, username: sasl.user, password: passwordOf(sasl, environment) },
    tls:
      tls === null
        ? null
        : {
            ca: read('ca_file', tls.ca_file, false),
            cert: read('cert_file', tls.cert_file, false),
            key: read('key_file', tls.key_file, true),
          },
  }
}

function passwordOf(sasl: NonNullable<KafkaConfig['sasl']>, environment: Environment): string {
  const { password_file: file, password_env: variable } = sasl
  const password = file === null ? environment[variable] : read('password_file', file, true)?.trimEnd()
  if (password !== undefined && password !== '') return password
  throw new OffpathError('OFFPATH_E_CONFIG', `there is no password for the Kafka user ${sasl.user}`, {
    at: 'sources[].sasl',
    remedy: `Set the environment variable ${variable}, or password_file.`,
  })
}

function read(key: string, file: string | null, secret: boolean): string | null {
  if (file === null) return null
  try {
    if (secret && (statSync(file).mode & 0o077) !== 0) throw new Error('others than its owner can read it')
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `${file} cannot be used: ${(cause as Error).message}`, {
      at: `sources[].${key}`,
      remedy: secret ? `chmod 600 ${file}` : 'Check the path.',
      cause,
    })
  }
}
