import { z } from 'zod'
import { ACTION_STATES } from '../../daemon/model/action.ts'
import { VERDICTS } from '../../daemon/model/verdict.ts'

/**
 * What receivers may rely on: CloudEvents 1.0 (structured JSON) around OCSF 1.3 names, with the exact record of Offpath beside
 * them under `offpath`. docs/schemas/*.json are made from these. Receivers must ignore what they do not know: fields are only added.
 */

const text = z.string()
const time = z.iso.datetime().describe('UTC, RFC 3339.')
const milliseconds = z.int().describe('Milliseconds since 1970 (OCSF timestamp_t).')
const list = z.array(text)

export const INCIDENT_TYPES = [
  'offpath.incident.opened.v1',
  'offpath.incident.updated.v1',
  'offpath.incident.closed.v1',
] as const
export const ACTION_TYPES = [
  'offpath.action.requested.v1',
  'offpath.action.reverted.v1',
  'offpath.action.result.v1',
] as const
export const INCIDENT_SCHEMA_ID = 'urn:offpath:schema:webhook:incident:v1'
export const ACTION_SCHEMA_ID = 'urn:offpath:schema:webhook:action:v1'

const envelope = {
  specversion: z.literal('1.0'),
  id: text
    .min(1)
    .max(64)
    .describe('The same for every delivery of this event, and equal to the header webhook-id: deduplicate by it.'),
  source: text.regex(/^urn:offpath:/).describe('The deployment that sent it.'),
  subject: text.describe('Id of the incident.'),
  time,
  datacontenttype: z.literal('application/json'),
  simulated: z.boolean().describe('Extension attribute. True: a rehearsal; nothing was done and nothing is asked for.'),
}

const common = {
  category_uid: z.int(),
  category_name: text,
  class_uid: z.int(),
  class_name: text,
  activity_id: z.int(),
  activity_name: text,
  type_uid: z.int().describe('class_uid * 100 + activity_id.'),
  time: milliseconds,
  severity_id: z.int().min(1).max(5).describe('1 informational, 2 low, 3 medium, 4 high, 5 critical.'),
  severity: text,
  status_id: z.int(),
  status: text,
  message: text,
  metadata: z.looseObject({
    version: text.describe('Version of OCSF.'),
    uid: text.describe('Id of the event.'),
    product: z.looseObject({ name: text, vendor_name: text, version: text }),
  }),
  observables: z.array(z.looseObject({ name: text, type_id: z.int(), type: text, value: text })),
}

const incident = z
  .looseObject({
    id: text,
    policy: text,
    detector: text,
    detectors: list,
    owasp: text.nullable(),
    owasp_all: list,
    attack: list,
    severity: z.enum(['info', 'low', 'medium', 'high', 'critical']),
    title: text,
    why: text,
    opened_at: time,
    updated_at: time,
    closed_at: time.nullable(),
    subject: z.looseObject({ kind: text, value: text, members: list }),
    service: text.nullable(),
    endpoints: list,
    signal_count: z.int(),
    transaction_count: z.int(),
    evidence: z.array(z.looseObject({ transaction_id: text.nullable(), ts: time, status: z.int().nullable() })),
    outcome: z.looseObject({ p_success: z.number(), objects_exposed: z.int(), accounts: list }),
    maturity: z.number(),
    completeness: z.number(),
    status: z.enum(['open', 'contained', 'resolved', 'benign', 'false']),
    actions: list,
    simulated: z.boolean(),
    verdict: z
      .looseObject({ is: z.enum(VERDICTS), who: text, reason: text, at: time })
      .optional()
      .describe(
        'The newest word of a person on it; absent: nobody said anything yet. none: what was said is taken back.',
      ),
  })
  .describe('The incident, as everywhere else in Offpath.')

const action = z
  .looseObject({
    id: text,
    incident_id: text,
    policy: text,
    step: text,
    connector: text,
    target: z.looseObject({
      kind: z.enum(['ip', 'cidr', 'user', 'session', 'api_key', 'consumer', 'endpoint', 'service']),
      value: text,
    }),
    mode: z.enum(['observe', 'simulate', 'stage', 'enforce']),
    simulated: z.boolean(),
    state: z.enum(ACTION_STATES),
    reason: text,
    idempotency_key: text.describe('The same for every try of this action.'),
    proposed_at: time,
    lease_until: time
      .nullable()
      .describe('When Offpath takes it back. Also end it by yourself then, should no reverted come.'),
    ttl_seconds: z.number(),
    attempts: z.int(),
    error: text.nullable(),
    history: z.array(z.looseObject({ state: z.enum(ACTION_STATES), at: time, why: text })),
  })
  .describe('The action, as everywhere else in Offpath.')

const clipped = z
  .boolean()
  .describe('True: texts over 2048 characters (512 in lists) or lists over 100 entries were cut.')

export const IncidentEventSchema = z
  .looseObject({
    ...envelope,
    type: z.enum(INCIDENT_TYPES),
    dataschema: z.literal(`${INCIDENT_SCHEMA_ID}#/properties/data`),
    data: z.looseObject({
      ...common,
      category_uid: z.literal(2),
      class_uid: z.literal(2005).describe('OCSF Incident Finding.'),
      activity_id: z.int().min(1).max(3).describe('1 create, 2 update, 3 close.'),
      status_id: z.int().min(1).max(5).describe('1 new, 2 in progress, 4 resolved, 5 closed.'),
      verdict_id: z.int().optional().describe('1 false positive, 2 true positive, 5 benign; absent: none yet.'),
      verdict: text.optional(),
      start_time: milliseconds.describe('Oldest evidence.'),
      end_time: milliseconds.describe('Newest evidence.'),
      count: z.int().describe('Signals so far.'),
      finding_info_list: z
        .array(
          z.looseObject({
            uid: text,
            title: text,
            desc: text,
            created_time: milliseconds,
            modified_time: milliseconds,
            types: list.describe('OWASP API Security Top 10.'),
            analytic: z.looseObject({ uid: text, name: text, type_id: z.int(), type: text }),
            attacks: z.array(
              z.looseObject({
                technique: z.looseObject({ uid: text }),
                sub_technique: z.looseObject({ uid: text }).optional(),
              }),
            ),
          }),
        )
        .length(1),
      offpath: z.looseObject({ change: z.enum(['opened', 'updated', 'closed']), clipped, incident }),
    }),
  })
  .describe('An incident was opened (or opened again), changed, or closed.')

export const ActionEventSchema = z
  .looseObject({
    ...envelope,
    type: z.enum(ACTION_TYPES),
    dataschema: z.literal(`${ACTION_SCHEMA_ID}#/properties/data`),
    data: z.looseObject({
      ...common,
      category_uid: z.literal(7),
      class_uid: z.literal(7001).describe('OCSF Remediation Activity.'),
      activity_id: z
        .int()
        .describe('1 isolate (addresses), 2 evict (accounts and what they hold), 3 restore, 99 other.'),
      status_id: z.int().describe('0 unknown (asked for, not done yet), 1 success, 2 failure, 99 other.'),
      command_uid: text.describe('Id of the action.'),
      remediation: z.looseObject({ desc: text }),
      offpath: z.looseObject({
        kind: z.enum(['requested', 'reverted', 'result']),
        clipped,
        action,
        incident: incident.nullable(),
      }),
    }),
  })
  .describe(
    'requested: carry this out now. reverted: take it back now. result: how an action stands; for information, and the only one that a simulated action sends.',
  )

/** Contents of docs/schemas, by file name. */
export function eventSchemas(): Record<string, string> {
  const made = (schema: z.ZodType, id: string) =>
    `${JSON.stringify({ $id: id, ...z.toJSONSchema(schema, { target: 'draft-2020-12' }) }, null, 2)}\n`
  return {
    'webhook-incident.v1.json': made(IncidentEventSchema, INCIDENT_SCHEMA_ID),
    'webhook-action.v1.json': made(ActionEventSchema, ACTION_SCHEMA_ID),
  }
}
