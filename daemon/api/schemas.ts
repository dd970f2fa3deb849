import { z } from 'zod'
import { DEFAULT_ROWS, MAX_ROWS } from '../../sinks/clickhouse/query.ts'
import { ACTION_STATES } from '../model/action.ts'
import { VERDICTS } from '../model/verdict.ts'
import { MOST_LISTED } from './json-forms.ts'
import { count, counts, named, share, text, time } from './schema-parts.ts'

/**
 * The JSON of the API as schemas: the document is made from them, requests are checked by them, and a test checks every answer against
 * them. A type-level test keeps them equal to operations.ts.
 */

export const SEVERITIES = ['low', 'medium', 'high', 'critical'] as const
const STATUSES = ['open', 'contained', 'resolved', 'benign', 'false'] as const
const MODES = ['observe', 'simulate', 'stage', 'enforce'] as const
const DELIVERY_STATES = ['pending', 'delivered', 'dead', 'disabled'] as const

export const Problem = named(
  'Problem',
  z
    .strictObject({
      type: z.literal('about:blank'),
      title: z.string(),
      status: z.int(),
      detail: z.string(),
      code: z.string().describe('Stable: docs/errors.md.'),
      at: z.string().optional().describe('Where: a key, a parameter, a file.'),
      remedy: z.string().optional().describe('What to do about it.'),
    })
    .describe('RFC 9457 problem details.'),
)

const ledger = named(
  'LedgerTotals',
  z.strictObject({ in: count(), delivered: count(), dropped: counts() }).describe('in = delivered + dropped'),
)

export const StoreStatusSchema = named(
  'StoreStatus',
  z.strictObject({
    where: z.string(),
    down: z.string().nullable().describe('Null while it is reachable; else what went wrong last.'),
    schema_version: z.int().nullable(),
    spool: z.strictObject({
      batches: count(),
      rows: count(),
      bytes: count(),
      max_bytes: count(),
      oldest_seconds: count(),
      dropped_rows: count(),
      lasts_seconds: count().nullable().describe('How long the rest of the spool lasts at the present rate.'),
    }),
    rows_stored: counts(),
    counters: counts(),
  }),
)

export const WebhookStatus = named(
  'WebhookStatus',
  z.strictObject({
    endpoint: z.string(),
    url: z.string(),
    state: z.enum(['ok', 'failing', 'open', 'disabled']),
    pending: count(),
    dead: count(),
    delivered: count(),
    last_error: z.string().nullable(),
  }),
)

const loss = z
  .strictObject({ last_10s: share().nullable(), last_60s: share().nullable(), total: share().nullable() })
  .describe('Share of what passed that was not seen; a lower bound, null where nothing passed.')

const CaptureQuality = z.strictObject({
  loss,
  sources: z.array(
    z.strictObject({
      kind: z.string(),
      name: z.string(),
      loss,
      frames: count(),
      bytes: count(),
      unseen_bytes: count().describe('Acknowledged by their receiver and never captured.'),
      holes: count(),
      cut_bytes: count().describe('Cut off by the snap length.'),
      kernel_drops: count(),
      interface_drops: count(),
      shed_frames: count(),
      links: z.array(
        z.strictObject({
          vlan: z.int().nullable(),
          vni: z.int().nullable(),
          both_sides: count(),
          requests_only: count(),
          responses_only: count(),
          one_sided: z.boolean(),
        }),
      ),
    }),
  ),
})

export const Status = named(
  'Status',
  z.strictObject({
    version: z.string(),
    pid: z.int(),
    started_at: time(),
    event_time: time().nullable(),
    sources: z.array(
      z.strictObject({
        kind: z.string(),
        name: z.string(),
        state: z.enum(['starting', 'capturing', 'ended', 'down']),
        why: z.string().optional().describe('Why it is down.'),
        lags: z
          .array(z.strictObject({ topic: z.string(), partition: count(), lag: count() }))
          .optional()
          .describe('Of a topic: records that were not read yet, by partition that this daemon has.'),
        queued: count().optional().describe('Of a topic: records that were read and are not analysed.'),
        queued_seconds: count().optional().describe('How long ago the oldest of these was written.'),
        starved: z
          .array(z.strictObject({ detector: z.string(), state: z.enum(['starved', 'weaker']), why: z.string() }))
          .optional()
          .describe(
            'Of a topic: detectors that its records say too little for. Those that are starved are off for it.',
          ),
      }),
    ),
    publisher: z
      .strictObject({
        topic: z.string(),
        state: z.enum(['starting', 'publishing', 'down']),
        why: z.string().nullable().describe('Why it is down.'),
        queued: count().describe('Records that the brokers have not acknowledged yet.'),
      })
      .optional()
      .describe('Of a sensor: the topic that its transactions go to.'),
    funnel: z.strictObject({ frames: ledger, bytes: ledger, messages: ledger, pairs: ledger }),
    quality: CaptureQuality,
    learning: z
      .strictObject({ frozen: z.boolean(), since: time().nullable(), blind_to: z.array(z.string()) })
      .describe('Whether baselines learn. They stand still while a source is blind or silent.'),
    tables: z
      .record(z.string(), z.strictObject({ entries: count(), limit: count(), evicted: count() }))
      .describe('How full the bounded tables of the analysis are, as room/table, and what each pushed out so far.'),
    pairs_per_second: count(),
    weirds: counts(),
    counters: counts(),
    detectors: z.array(z.strictObject({ id: z.string(), enabled: z.boolean(), maturity: z.number() })),
    incidents: z.strictObject({ open: count(), by_severity: counts() }),
    actions: z.strictObject({ live: count(), awaiting_approval: count(), simulated: count() }),
    policies: z.strictObject({
      count: count(),
      loaded_at: time(),
      error: z.string().nullable(),
      demoted: z
        .array(z.strictObject({ policy: z.string(), at: time(), why: z.string() }))
        .optional()
        .describe(
          'Policies that are set to enforce and only stage, having had more false incidents than their budget allows.',
        ),
      verdicts: z
        .record(z.string(), z.strictObject({ attack: count(), benign: count(), false: count() }))
        .optional()
        .describe('What people said of incidents, by policy.'),
    }),
    store: StoreStatusSchema.nullable(),
    webhooks: z.array(WebhookStatus),
    processes: z.array(z.strictObject({ name: z.string(), pid: z.int().nullable(), rss_bytes: count().nullable() })),
  }),
)

export const IncidentSchema = named(
  'Incident',
  z.looseObject({
    id: z.string(),
    policy: z.string(),
    detector: z.string(),
    severity: z.string(),
    title: z.string(),
    why: z.string(),
    opened_at: time(),
    updated_at: time(),
    closed_at: time().nullable(),
    subject: z.strictObject({ kind: z.string(), value: z.string(), members: z.array(z.string()) }),
    service: z.string().nullable(),
    endpoints: z.array(z.string()),
    signal_count: count(),
    transaction_count: count(),
    evidence: z.array(
      z.strictObject({ transaction_id: z.string().nullable(), ts: time(), status: z.int().nullable() }),
    ),
    status: z.string(),
    actions: z.array(z.string()),
    simulated: z.boolean(),
    verdict: z
      .strictObject({ is: z.enum(VERDICTS), who: z.string(), reason: z.string(), at: time() })
      .optional()
      .describe('The newest word of a person on it. none: what was said is taken back.'),
  }),
)

export const ActionSchema = named(
  'Action',
  z.strictObject({
    id: z.string(),
    incident_id: z.string(),
    policy: z.string(),
    step: z.string(),
    connector: z.string(),
    target: z.strictObject({
      kind: z.enum(['ip', 'cidr', 'user', 'session', 'api_key', 'consumer', 'endpoint', 'service']),
      value: z.string(),
    }),
    mode: z.enum(MODES),
    simulated: z.boolean(),
    state: z.enum(ACTION_STATES),
    reason: z.string(),
    idempotency_key: z.string(),
    proposed_at: time(),
    lease_until: time().nullable(),
    ttl_seconds: count(),
    attempts: count(),
    error: z.string().nullable(),
    history: z.array(z.strictObject({ state: z.enum(ACTION_STATES), at: time(), why: z.string() })),
  }),
)

export const PolicySchema = named(
  'Policy',
  z.strictObject({
    id: z.string(),
    title: z.string(),
    owner: z.string().nullable(),
    detectors: z.array(z.string()),
    mode: z.enum(MODES),
    severity: z.string().nullable(),
    condition: z.string().nullable(),
    respond: z.array(z.strictObject({ id: z.string(), action: z.string(), ttl_seconds: count() })),
    origin: z.string(),
    max_log10_p: z.number().optional(),
    verdicts: z
      .strictObject({ attack: count(), benign: count(), false: count(), precision: share() })
      .optional()
      .describe('What people said of its incidents, and the share of attacks by that.'),
    demoted: z
      .strictObject({ at: time(), why: z.string() })
      .optional()
      .describe('It is set to enforce and only stages: it had more false incidents than its budget allows.'),
  }),
)

export const Judged = z.strictObject({ incident: IncidentSchema, policy: PolicySchema.nullable() })

export const IncidentDetail = named(
  'IncidentDetail',
  z.strictObject({
    incident: IncidentSchema,
    signals: z.array(z.record(z.string(), z.unknown())).max(100),
    transactions: z.array(z.record(z.string(), z.unknown())),
    history: z.array(z.strictObject({ at: time(), kind: z.string(), why: z.string() })),
    actions: z.array(ActionSchema),
    policy: PolicySchema.nullable(),
  }),
)

export const DeliverySchema = named(
  'Delivery',
  z.strictObject({
    event: z.string(),
    type: z.string(),
    subject: z.string(),
    endpoint: z.string(),
    state: z.enum(DELIVERY_STATES),
    attempts: count(),
    created_at: time(),
    next_attempt_at: time().nullable(),
    delivered_at: time().nullable(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
  }),
)

export const Incidents = z.strictObject({ incidents: z.array(IncidentSchema).max(MOST_LISTED) })
export const Actions = z.strictObject({ actions: z.array(ActionSchema).max(MOST_LISTED) })
export const Policies = z.strictObject({ policies: z.array(PolicySchema) })
export const Deliveries = z.strictObject({ deliveries: z.array(DeliverySchema).max(MOST_LISTED) })
export const DeploySchema = named(
  'Deploy',
  z.strictObject({
    id: z.string(),
    service: z.string(),
    version: z.string(),
    commit: z.string().nullable(),
    at: time(),
    who: z.string(),
  }),
)
export const Deploys = z.strictObject({ deploys: z.array(DeploySchema) })
export const Queued = z.strictObject({ queued: count() })
export const QueryResult = named(
  'QueryResult',
  z.strictObject({
    columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
    rows: z.array(z.array(z.unknown())),
    cut: z.boolean().describe('More rows were there.'),
    elapsed_ms: count(),
  }),
)

const limit = z.int().min(1).max(MOST_LISTED).optional().describe('Default 50.')

export const IncidentQuery = z.strictObject({
  since: time().optional().describe('Updated at or after.'),
  status: z.enum(STATUSES).optional(),
  min_severity: z.enum(SEVERITIES).optional(),
  policy: text(128).optional(),
  limit,
})
export const ActionQuery = z.strictObject({
  incident: text(128).optional(),
  live: z.boolean().optional().describe('True: those that are not final.'),
  limit,
})
export const DeliveryQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES).optional(),
  endpoint: text(128).optional(),
  limit,
})
export const NoQuery = z.strictObject({})
export const IdPath = z.strictObject({ id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/) })
export const NoPath = z.strictObject({})

export const DecisionBody = z.strictObject({
  who: text(128).describe('Who decided, for the record.'),
  reason: text(1000),
})
export const VerdictBody = z.strictObject({
  verdict: z
    .enum(VERDICTS)
    .describe('attack; benign: meant to be; false: nothing; none: what was said before is taken back.'),
  who: text(128).describe('Who says it, for the record.'),
  reason: text(1000),
})
export const DeployBody = z.strictObject({
  service: text(300).describe('Host, or server address and port, as `offpath routes list` prints it.'),
  version: text(128),
  commit: text(128).optional(),
  who: text(128).describe('Who told it, for the record.'),
})
export const RedeliverBody = z
  .strictObject({
    event: text(128).optional(),
    endpoint: text(128).optional(),
  })
  .refine((which) => which.event !== undefined || which.endpoint !== undefined, {
    error: 'expected an event or an endpoint',
  })
  .describe('One event, or all dead letters of an endpoint. One of them is needed.')
export const QueryBody = z.strictObject({
  sql: text(32_768).describe('One SELECT. It runs readonly, with limits on time, memory and rows.'),
  params: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
    .optional()
    .describe('Values of {name:Type} placeholders.'),
  max_rows: z.int().min(1).max(MAX_ROWS).optional().describe(`Default ${DEFAULT_ROWS}.`),
})
