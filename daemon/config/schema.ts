import { z } from 'zod'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { snakeCase } from '../../analyzers/option-names.ts'
import { endpoints } from './endpoints-schema.ts'
import { identity } from './identity-schema.ts'
import { kafkaSink } from './kafka-schema.ts'
import { sources } from './source-schema.ts'
import { file, wholeNumber } from './values.ts'

/**
 * Every key of offpath.yaml, its default and what it means. This is the one place: docs/configuration.md, the JSON Schema and
 * `offpath config show` are made from it. Unknown keys are refused at every level, and a key that does nothing does not exist.
 */

const privacy = z
  .strictObject({
    key_file: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'File with the key of the pseudonyms, mode 0600. Null: the environment variable OFFPATH_PRIVACY_KEY, else a key made once ' +
          'for this user and host.',
      ),
    previous_key_ids: z
      .array(z.string().regex(/^k[0-9a-f]{8}$/, { error: 'expected a key id such as k1a2b3c4d' }))
      .max(8)
      .default([])
      .describe(
        'While a new key is brought in: ids of the keys before it, as `key_id` in records. What was recorded or learnt under them is still taken.',
      ),
    bodies: z
      .enum(['evidence', 'all', 'none'])
      .default('evidence')
      .describe('Which transactions are stored whole, with headers and bodies: those behind incidents, all, or none.'),
  })
  .prefault({})
  .describe('How secrets become pseudonyms.')

const policies = z
  .strictObject({
    folder: file.describe('Folder of your own policy files (*.yaml). One with the id of a shipped policy replaces it.'),
    environment: z
      .string()
      .regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a name such as staging' })
      .nullable()
      .default(null)
      .describe('Name of this environment: picks the `overrides` of policies.'),
    modes: z
      .record(z.string(), z.enum(['observe', 'simulate', 'stage', 'enforce']))
      .default({})
      .describe('Mode by policy id, over what the policy says.'),
  })
  .prefault({})
  .describe('How signals become incidents, and what is done about them.')

const webhook = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a short lower-case name' }),
    url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }).describe('Where events are posted.'),
    secret_env: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('Environment variable with the signing secret (`whsec_…`). It or secret_file is needed.'),
    secret_file: file.describe('File with the signing secret.'),
    previous_secret_env: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('The same for the secret before, while receivers change over: events carry both signatures.'),
    previous_secret_file: file.describe('File with the secret before.'),
    events: z
      .array(z.enum(['incident', 'action']))
      .min(1)
      .default(['incident', 'action'])
      .describe('Which events it gets.'),
    ca_file: file.describe('Certificates (PEM) of the authority that signed the receiver’s, when it is your own.'),
    timeout_seconds: wholeNumber(1, 60).default(10).describe('How long an answer may take.'),
  })
  .describe('A receiver of signed events.')

const sinks = z
  .strictObject({
    clickhouse: z
      .strictObject({
        url: z
          .url({ protocol: /^https?$/, error: 'expected an http or https URL' })
          .nullable()
          .default(null)
          .describe(
            'HTTP address of a ClickHouse server. Null: the embedded engine (package chdb) in the data folder.',
          ),
        user: z.string().min(1).default('default').describe('User of the server.'),
        password_env: z
          .string()
          .min(1)
          .default('OFFPATH_CLICKHOUSE_PASSWORD')
          .describe('Environment variable with the password.'),
        password_file: file.describe('File with the password; goes before the variable.'),
        database: z
          .string()
          .regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/, { error: 'expected the name of a database' })
          .default('offpath')
          .describe('Database, made when it is not there.'),
        ca_file: file.describe('Certificates (PEM) of the authority that signed the server’s, when it is your own.'),
      })
      .prefault({})
      .describe('Where the store is.'),
    webhook: z.array(webhook).max(16).default([]).describe('Receivers of signed events.'),
    kafka: kafkaSink,
  })
  .prefault({})
  .describe('Where results go.')

const days = (most: number) => wholeNumber(1, most)

const store = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether anything is stored.'),
    spool_mib: wholeNumber(16, 1_048_576)
      .default(1024)
      .describe('Most bytes that wait on disk while the store is down, in MiB; the oldest go first, counted.'),
    keep_days: z
      .strictObject({
        transactions: days(3650).default(30).describe('Transactions, and their roll-ups by the hour.'),
        evidence: days(3650).default(14).describe('Whole transactions behind incidents.'),
        signals: days(3650).default(30).describe('Signals and capture quality.'),
        incidents: days(3650).default(730).describe('Incidents, their events and actions.'),
      })
      .prefault({})
      .describe('How long rows are kept, in days.'),
  })
  .prefault({})
  .describe('What is kept, and for how long.')

const response = z
  .strictObject({
    never: z
      .array(z.string().regex(/^(ip|cidr|user|session|api_key|consumer|endpoint|service):\S+$/))
      .max(1024)
      .default([])
      .describe('What no action is ever pointed at: `cidr:10.0.0.0/8`, `user:u_17`, `service:pay.shop.test`.'),
    max_active: wholeNumber(0, 10_000).default(50).describe('Live actions over all policies; more are refused.'),
    connectors: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a short lower-case name' }),
        z.strictObject({
          recipe: z.string().min(1).describe('A shipped recipe such as `crowdsec`, or the path of one of your own.'),
          params: z.record(z.string(), z.string()).default({}).describe('What the recipe asks for.'),
          secret_env: z
            .record(z.string(), z.string())
            .default({})
            .describe('Environment variables by the name of the secret they hold.'),
          secret_file: z
            .record(z.string(), z.string())
            .default({})
            .describe('Files by the name of the secret they hold.'),
        }),
      )
      .default({})
      .describe('What carries actions out, by the name that policies use. `webhook` is always there.'),
  })
  .prefault({})
  .describe('Acting on incidents.')

const server = z
  .strictObject({
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$/, { error: 'expected address:port' })
      .nullable()
      .default('127.0.0.1:7710')
      .describe('Address of the HTTP API; null: only the unix socket in the data folder.'),
    hosts: z
      .array(z.string().min(1))
      .max(64)
      .default([])
      .describe('Names the API answers to in Host, besides the loopback ones.'),
    token_file: file.describe('File with the token of the API; null: made once in the data folder.'),
    tls_cert_file: file.describe('Certificate chain (PEM). Needed to listen beyond the loopback.'),
    tls_key_file: file.describe('Its key (PEM).'),
    allow_plain: z.boolean().default(false).describe('Listen beyond the loopback without TLS.'),
  })
  .prefault({})
  .describe('The HTTP API, health and metrics.')

const state = z
  .strictObject({
    folder: z
      .string()
      .min(1)
      .default('./offpath-data')
      .describe('Data folder: embedded store, spool, what must survive a restart. One daemon at a time.'),
    snapshot_seconds: z
      .int()
      .min(5)
      .max(86_400)
      .default(60)
      .describe('How often what was learnt is written down. A kill loses what was learnt since.'),
  })
  .prefault({})
  .describe('Where things are kept.')

/**
 * Of limits.memory_mib, what is no share of its own, in MiB: the program (80), rows on their way to the store (64), fragments
 * (16), and, each at its default limit, credentials, endpoints and what detectors know (under 300, measured under floods).
 */
const REST_MIB = 448

const limits = z
  .strictObject({
    memory_mib: wholeNumber(512, 1_048_576)
      .default(1024)
      .describe(
        'The budget: resident memory of the process that reads traffic, in MiB. `reassembly_mib`, `connections_mib`, `evidence_mib` ' +
          `and ${REST_MIB} for all else must fit in it.`,
      ),
    workers: wholeNumber(0, 16)
      .nullable()
      .default(null)
      .describe(
        'Threads that follow connections (reassembly, HTTP, redaction) beside the one that analyses. 0: that one does it all. Null: 0 ' +
          'on one or two cores, else two less than there are, at most 4. What comes out is the same.',
      ),
    reassembly_mib: wholeNumber(16, 65_536).default(256).describe('Bytes held for reordering over all flows, in MiB.'),
    connections_mib: wholeNumber(16, 65_536)
      .default(160)
      .describe('What open connections keep between packets (heads under way, requests without response), in MiB.'),
    hold_kib: wholeNumber(16, 65_536).default(1024).describe('Bytes held behind a hole per flow direction, in KiB.'),
    hold_segments: wholeNumber(4, 65_536).default(256).describe('Segments held behind a hole per flow direction.'),
    hold_seconds: wholeNumber(1, 4).default(2).describe('How long a hole may wait for its bytes, in packet time.'),
    flows: wholeNumber(256, 10_000_000).default(262_144).describe('Flows known at once; the longest idle goes first.'),
    idle_seconds: wholeNumber(10, 300).default(300).describe('A flow without packets for this long is closed.'),
    response_seconds: wholeNumber(1, 300).default(120).describe('How long a request waits for its response.'),
    pending_requests: wholeNumber(1, 10_000)
      .default(100)
      .describe('Pipelined requests of one connection without response.'),
    head_kib: wholeNumber(1, 64).default(64).describe('Start line and header fields of one message, in KiB.'),
    headers: wholeNumber(8, 10_000).default(256).describe('Header fields of one message.'),
    field_kib: wholeNumber(1, 64).default(16).describe('One header field, in KiB.'),
    body_kib: wholeNumber(0, 65_536)
      .default(64)
      .describe('Body kept per message, as sent, in KiB; the rest is counted and marked.'),
    body_decode_kib: wholeNumber(1, 65_536)
      .default(1024)
      .describe('Body kept per message once it is decompressed, in KiB.'),
    evidence_mib: wholeNumber(1, 65_536)
      .default(64)
      .describe('Newest transactions kept whole for incidents that may still open, in MiB.'),
  })
  .refine((parts) => parts.memory_mib >= needOf(parts), {
    path: ['memory_mib'],
    error: ({ input }) =>
      `expected at least ${needOf(input as MemoryShares)}: reassembly_mib, connections_mib, evidence_mib and ${REST_MIB}`,
  })
  .prefault({})
  .describe('Bounds on memory. What goes over one is counted under a name of its own.')

interface MemoryShares {
  readonly reassembly_mib: number
  readonly connections_mib: number
  readonly evidence_mib: number
}

function needOf({ reassembly_mib, connections_mib, evidence_mib }: MemoryShares): number {
  return reassembly_mib + connections_mib + evidence_mib + REST_MIB
}

/** The schema over a list of detectors: each id of the list is a key, with `enabled` and the detector's own options. */
export function buildConfigSchema(declarations: readonly DetectorDeclaration[]) {
  return z
    .strictObject({
      sources,
      identity,
      privacy,
      endpoints,
      detectors: z
        .strictObject(Object.fromEntries(declarations.map((declaration) => [declaration.id, detector(declaration)])))
        .prefault({})
        .describe('The detectors, by id: `offpath detector list`.'),
      policies,
      sinks,
      store,
      response,
      server,
      limits,
      state,
    })
    .describe('Offpath configuration.')
}

/** The detector's own options under names in snake case, as everywhere in the file, and `enabled`. */
function detector(declaration: DetectorDeclaration): z.ZodType<DetectorSettings> {
  const { id, options, title } = declaration
  if (!(options instanceof z.ZodObject)) throw new TypeError(`options of ${id} are no zod object`)
  const own = Object.entries(options.shape).map(([name, option]) => [snakeCase(name), option] as const)
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe('Whether the detector runs.'),
      ...(Object.fromEntries(own) as Record<string, z.ZodType>),
    })
    .prefault({})
    .describe(title) as unknown as z.ZodType<DetectorSettings>
}

/** `enabled`, and the options of one detector, checked by its own schema. */
export type DetectorSettings = Readonly<{ enabled: boolean } & Record<string, unknown>>

type Shape = z.infer<ReturnType<typeof buildConfigSchema>>

/** A configuration that passed the schema: every key is present. */
export type ValidatedConfig = Readonly<Omit<Shape, 'detectors'>> & {
  readonly detectors: Readonly<Record<string, DetectorSettings>>
}
export type SourceConfig = ValidatedConfig['sources'][number]

/** The options of one detector under the names its `create` takes, or null when it is switched off. */
export function detectorOptions(config: ValidatedConfig, id: string): Record<string, unknown> | null {
  const settings = config.detectors[id]
  if (settings === undefined || !settings.enabled) return null
  const own = Object.entries(settings).filter(([key]) => key !== 'enabled')
  return Object.fromEntries(own.map(([key, value]) => [camelCase(key), value]))
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
