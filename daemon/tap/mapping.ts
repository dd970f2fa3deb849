import { z } from 'zod'

/** The mapping language: docs/formats.md. A preset is a mapping with a name; there is no code in either. */

const PATH = z.string().min(1).max(256)
const CONSTANT = z.union([z.string().max(1024), z.number()])

/** How a value is read: one key, what to do; its value, where to look. A text alone is a path. */
const FORM = z.union([
  PATH,
  ...[
    'iso',
    'common_log',
    'epoch_s',
    'epoch_ms',
    'epoch_us',
    'epoch_ns',
    's',
    'ms',
    'us',
    'ns',
    'int',
    'text',
    'first',
    'host_port',
    'xff',
    'object',
    'pairs',
    'json_object',
    'prefix',
    'attributes',
    'base64',
  ].map((name) => z.strictObject({ [name]: PATH })),
  z.strictObject({ kafka: z.literal('timestamp') }),
  z.strictObject({ const: CONSTANT }),
])
const FIELD = z.union([FORM, z.array(FORM).max(16)])

export const FIELD_NAMES = [
  'ts',
  'end_ts',
  'duration',
  'client.ip',
  'client.port',
  'client.forwarded',
  'server.ip',
  'server.port',
  'protocol',
  'tls.sni',
  'request.method',
  'request.scheme',
  'request.host',
  'request.target',
  'request.path',
  'request.query',
  'request.headers',
  'request.body',
  'request.body_bytes',
  'response.status',
  'response.headers',
  'response.body',
  'response.body_bytes',
  'identity.consumer',
  'identity.subject',
  'identity.key_id',
  'gateway.service',
  'route_hint',
  'trace_id',
] as const
export type FieldName = (typeof FIELD_NAMES)[number]

/** What a record of this kind does not say, whoever writes it. */
export const LACKS = [
  'request_headers',
  'response_headers',
  'request_body',
  'response_body',
  'authorization',
  'caller_identity',
  'client_address',
  'query',
  'sizes',
  'duration',
  'unsampled',
] as const
export type Lack = (typeof LACKS)[number]

/** A single header: `request.header.user-agent`. */
export const HEADER_FIELD = /^(?:request|response)\.header\.[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/

const STEP = z.union([
  z.enum(['json', 'gunzip', 'gunzip?', 'base64', 'base64?', 'goreplay?', 'otlp?', 'envoy_tap?', 'after_prefix?']),
  z.strictObject({ json: PATH }),
])
const RAW = z.union([z.strictObject({ base64: PATH }), z.strictObject({ text: PATH })])

export const MAPPING = z.strictObject({
  decode: z
    .array(STEP)
    .min(1)
    .max(8)
    .default(['json'])
    .describe('steps from bytes to a record; `?`: if it looks like it'),
  explode: z.array(PATH).max(8).default([]).describe('lists of which each entry is a record; the first that is there'),
  where: z.string().max(512).nullable().default(null).describe('CEL over the record: only where it is true'),
  raw_http: z
    .strictObject({ request: RAW.nullable().default(null), response: RAW.nullable().default(null) })
    .nullable()
    .default(null)
    .describe('messages as they were on the wire'),
  pair: z
    .strictObject({
      key: z.union([PATH, z.array(PATH).max(4)]),
      side: PATH.nullable().default(null),
      request: z.string().max(64).default('request'),
      response: z.string().max(64).default('response'),
      begins: z.array(PATH).max(4).default([]),
      wait_s: z.number().min(0).max(600).default(30),
    })
    .nullable()
    .default(null)
    .describe('several records make one transaction'),
  fields: z.record(z.string().max(100), FIELD).default({}).describe('where each part of a transaction stands'),
  missing: z
    .array(z.union([z.string().max(64), z.number()]))
    .max(32)
    .default(['-', '', -1, 'null'])
    .describe('values that mean: not known'),
  redacted: z
    .array(z.string().max(64))
    .max(32)
    .default(['REDACTED', '[REDACTED]', '<redacted>', '***', '******', '[FILTERED]'])
    .describe('header values that a gateway put in place of a secret: such a header counts as absent'),
  lacks: z.array(z.enum(LACKS)).max(16).default([]).describe('what such records never say'),
})
export type Mapping = z.output<typeof MAPPING>

export const PRESET = MAPPING.extend({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'expected lower-case letters, digits and dashes'),
  title: z.string().min(1).max(100),
  notes: z.array(z.string().max(300)).max(12).default([]),
  recognise: z
    .strictObject({
      all: z.array(PATH).max(12).default([]).describe('every one of these is there'),
      one: z.array(PATH).max(12).default([]).describe('at least one of these is there'),
      any: z.array(PATH).max(24).default([]).describe('the more of these are there, the surer'),
      none: z.array(PATH).max(12).default([]).describe('none of these is there'),
    })
    .default({ all: [], one: [], any: [], none: [] }),
}).strict()
export type Preset = z.output<typeof PRESET>

export type Form = z.output<typeof FORM>
