import { z } from 'zod'
import { wholeNumber } from './values.ts'

/** How to reach Kafka: the same for topics that are read and for the one that a sensor writes. */

export const topicName = z.string().regex(/^[a-zA-Z0-9._-]{1,249}$/, { error: 'expected the name of a topic' })

export const brokers = z
  .array(z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^:\s/]+):\d{1,5}$/, { error: 'expected host:port' }))
  .min(1)
  .max(64)
  .describe('Brokers to start from, as host:port.')

export const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('How the user proves who it is.'),
    user: z.string().min(1).describe('User.'),
    password_env: z
      .string()
      .min(1)
      .default('OFFPATH_KAFKA_PASSWORD')
      .describe('Environment variable with the password.'),
    password_file: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('File with the password, mode 0600; goes before the variable.'),
  })
  .nullable()
  .default(null)
  .describe('User and password; null: none.')

export const tls = z
  .strictObject({
    ca_file: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('Certificates (PEM) of the authority that signed the brokers’, when it is your own.'),
    cert_file: z.string().min(1).nullable().default(null).describe('Client certificate (PEM).'),
    key_file: z.string().min(1).nullable().default(null).describe('Its key (PEM), mode 0600.'),
  })
  .refine((tls) => (tls.cert_file === null) === (tls.key_file === null), {
    error: 'cert_file and key_file go together',
  })
  .nullable()
  .default(null)
  .describe('Encryption; null: none. `{}` trusts the authorities that Node.js knows.')

/** `sinks.kafka`: where `offpath run --role sensor` publishes. */
export const kafkaSink = z
  .strictObject({
    brokers,
    topic: topicName.describe('Topic of the transactions; it has to be there.'),
    compression: z.enum(['gzip', 'none']).default('gzip').describe('How batches are packed.'),
    buffer_mib: wholeNumber(1, 16_384)
      .default(64)
      .describe('Most bytes that wait while the brokers are away, in MiB; the oldest go first, counted.'),
    sasl,
    tls,
  })
  .nullable()
  .default(null)
  .describe('Topic that a sensor (`offpath run --role sensor`) publishes its transactions to.')
