import { readFileSync, statSync } from 'node:fs'
import type { SourceConfig } from '../config/schema.ts'
import type { KafkaConnection, KafkaOptions } from '../sources/kafka/kafka-options.ts'
import { OffpathError } from '../telemetry/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>
type KafkaConfig = Extract<SourceConfig, { kind: 'kafka' }>
type ConnectionConfig = Pick<KafkaConfig, 'brokers' | 'sasl' | 'tls'>

/** What it takes to read a source's topics. Reads passwords and certificates; connects to nothing. */
export function kafkaOptions(source: KafkaConfig, environment: Environment): KafkaOptions {
  const { topics, group_id: groupId, session_seconds: sessionSeconds, from } = source
  return {
    ...kafkaConnection(source, environment, 'sources[]'),
    topics,
    groupId,
    sessionMs: sessionSeconds * 1000,
    from,
  }
}

/** `at`: where in the configuration it stands. Throws OFFPATH_E_CONFIG. */
export function kafkaConnection(
  { brokers, sasl, tls }: ConnectionConfig,
  environment: Environment,
  at: string,
): KafkaConnection {
  return {
    brokers,
    sasl:
      sasl === null
        ? null
        : { mechanism: sasl.mechanism, username: sasl.user, password: passwordOf(sasl, environment, at) },
    tls:
      tls === null
        ? null
        : {
            ca: read(`${at}.tls.ca_file`, tls.ca_file, false),
            cert: read(`${at}.tls.cert_file`, tls.cert_file, false),
            key: read(`${at}.tls.key_file`, tls.key_file, true),
          },
  }
}

function passwordOf(sasl: NonNullable<KafkaConfig['sasl']>, environment: Environment, at: string): string {
  const { password_file: file, password_env: variable } = sasl
  const password = file === null ? environment[variable] : read(`${at}.sasl.password_file`, file, true)?.trimEnd()
  if (password !== undefined && password !== '') return password
  throw new OffpathError('OFFPATH_E_CONFIG', `there is no password for the Kafka user ${sasl.user}`, {
    at: `${at}.sasl`,
    remedy: `Set the environment variable ${variable}, or password_file.`,
  })
}

function read(at: string, file: string | null, secret: boolean): string | null {
  if (file === null) return null
  try {
    if (secret && (statSync(file).mode & 0o077) !== 0) throw new Error('others than its owner can read it')
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `${file} cannot be used: ${(cause as Error).message}`, {
      at,
      remedy: secret ? `chmod 600 ${file}` : 'Check the path.',
      cause,
    })
  }
}
