import { z } from 'zod'
import { ROLES } from '../model/transaction.ts'
import { MOST_ROUTES } from './inventory-file.ts'
import { count, counts, named, text, time } from './schema-parts.ts'

/** The inventory in the JSON of the API. */

export const FieldSchema = named(
  'Field',
  z.strictObject({
    in: z.enum(['path', 'query', 'header', 'body', 'response']),
    name: z.string(),
    type: z.enum(['null', 'bool', 'int', 'number', 'uuid', 'date', 'email', 'string', 'object', 'array', 'mixed']),
    types: counts(),
    seen: count(),
    share: z.number().min(0).max(1),
    min: z.number().nullable(),
    max: z.number().nullable(),
    min_length: z.number().nullable(),
    max_length: z.number().nullable(),
    enum: z.array(z.string()).nullable(),
    sensitive: counts(),
    object_id: z.boolean(),
    shared: z.boolean(),
  }),
)

export const RouteSchema = named(
  'Route',
  z.strictObject({
    service: z.string(),
    endpoint: z.string(),
    method: z.string(),
    path: z.string(),
    state: z.enum(['established', 'candidate']),
    first_seen: time(),
    last_seen: time(),
    requests: count(),
    statuses: counts(),
    callers: count(),
    authentication: z.strictObject({
      seen: counts(),
      anonymous: z.strictObject({ requests: count(), granted: count(), refused: count() }),
      enforced: z.enum(['yes', 'no', 'unknown']),
    }),
    request_types: z.array(z.string()),
    response_types: z.array(z.string()),
    samples: z.strictObject({ taken: count(), requests: count(), responses: count() }),
    fields: z.array(FieldSchema),
    sensitive: counts(),
    privilege: z.array(z.string()),
    deprecated: z.strictObject({ seen: count(), sunset: z.string().nullable() }).nullable(),
    documented: z
      .boolean()
      .nullable()
      .describe('Whether `endpoints.descriptions` have it; null: nothing is written about its service.'),
  }),
)

export const ClientSchema = named(
  'Client',
  z.strictObject({
    kind: z.string(),
    id: z.string(),
    display: z.string(),
    via: z.string(),
    first_seen: time(),
    last_seen: time(),
    requests: count(),
    endpoints: count(),
    addresses: count(),
    refused_share: z.number().min(0).max(1),
    role: z.enum(ROLES).nullable(),
    reasons: z.array(z.string()),
    labels: z.array(z.string()),
    calls: z.array(z.strictObject({ service: z.string(), endpoint: z.string(), share: z.number().min(0).max(1) })),
    networks: z.array(z.string()),
    asns: z.array(z.strictObject({ number: z.int().min(1), organisation: z.string().nullable() })),
    agents: z.array(z.string()),
    devices: count(),
    credentials: count(),
    shared: z.boolean(),
  }),
)

export const Routes = z.strictObject({ routes: z.array(RouteSchema).max(MOST_ROUTES) })
export const Clients = z.strictObject({ clients: z.array(ClientSchema).max(MOST_ROUTES) })
const mostRoutes = z.int().min(1).max(MOST_ROUTES).optional().describe('Default 1000.')
export const RouteQuery = z.strictObject({ service: text(300).optional(), limit: mostRoutes })
export const ClientQuery = z.strictObject({ limit: mostRoutes })
