import { z } from 'zod'
import { DETECTORS } from '../../analyzers/registry.ts'
import type { PolicyMode } from '../model/action.ts'
import { DAY_US, type EventTime, SECOND_US } from '../model/time.ts'
import { DURATION, durationUs } from './duration.ts'

/**
 * Every key of a policy file, its default and what it means. docs/policy.schema.json and the tables of docs/policies.md are
 * made from it. Unknown keys are refused at every level.
 */

const GROUP_PARTS = ['service', 'endpoint', 'subject', 'source', 'principal', 'detector'] as const
export type GroupPart = (typeof GROUP_PARTS)[number]

const SEVERITY = ['low', 'medium', 'high', 'critical'] as const
const MODES = ['observe', 'simulate', 'stage', 'enforce'] as const
/** Longest condition; one that needs more is two policies. */
export const MAX_EXPRESSION = 4096

const expression = z.string().min(1).max(MAX_EXPRESSION)
const name = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, { error: 'expected a short lower-case name' })

function duration(least: EventTime, most: EventTime) {
  const error = `expected a time such as 90s, 15m, 6h or 7d, ${spoken(least)} to ${spoken(most)}`
  return z
    .string()
    .regex(DURATION, { error, abort: true })
    .refine((text) => durationUs(text) >= least && durationUs(text) <= most, { error })
}

function spoken(us: EventTime): string {
  return us >= DAY_US ? `${us / DAY_US}d` : `${us / SECOND_US}s`
}

const metadata = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/, { error: 'expected an id such as login-guessing' })
      .describe(
        'Names the policy in incidents, actions and the configuration. The id of a shipped policy replaces it.',
      ),
    title: z.string().min(1).max(120).describe('Title of its incidents.'),
    owner: z.string().min(1).max(120).nullable().default(null).describe('Who answers for it.'),
  })
  .describe('Who it is.')

const when = z
  .strictObject({
    detectors: z
      .array(z.enum(DETECTORS.map(({ id }) => id) as [string, ...string[]]))
      .min(1)
      .max(64)
      .refine((ids) => new Set(ids).size === ids.length, { error: 'expected each detector once' })
      .describe('Whose signals it is about: ids of `offpath detector list`.'),
    condition: expression.optional().describe('CEL: only signals for which it is true.'),
    unless: expression.optional().describe('CEL: no signal for which it is true.'),
  })
  .describe('Which signals it is about.')

const budget = z
  .strictObject({
    keysPerWeek: z
      .number()
      .min(1)
      .max(1e12)
      .default(100_000)
      .describe('How many different keys (accounts, callers …) its detectors judge in a week.'),
    falseIncidentsPerWeek: z
      .number()
      .gt(0)
      .max(1e6)
      .default(1)
      .describe(
        'False incidents you can live with. A signal opens an incident when p <= falseIncidentsPerWeek / keysPerWeek.',
      ),
    onExceed: z
      .enum(['stage', 'keep'])
      .default('stage')
      .describe(
        'When more of the incidents of a week were found to be false (offpath verdict). stage: a policy that enforces only stages from then on. keep: it goes on.',
      ),
  })
  .prefault({})
  .describe('How sure a signal has to be.')

const group = z
  .strictObject({
    by: z
      .array(z.enum(GROUP_PARTS))
      .min(1)
      .max(4)
      .describe('Signals that agree in all of these are one incident. It is named by them.'),
    also: z
      .array(z.enum(GROUP_PARTS))
      .min(1)
      .max(4)
      .optional()
      .describe('A second grouping: signals that agree in all of these join the same incident too.'),
    joins: z
      .array(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, { error: 'expected the id of a policy' }))
      .max(16)
      .default([])
      .describe('Policies whose open incident, grouped alike, takes the signals instead of a second incident.'),
    reopenWithin: duration(SECOND_US, 90 * DAY_US)
      .default('6h')
      .describe('More of the same within this time after the closing reopens the incident.'),
  })
  .describe('What one incident is.')

const severity = z
  .union(
    [
      z.enum(SEVERITY),
      z.strictObject({
        cases: z
          .array(
            z.strictObject({
              when: expression.describe('CEL over the signal.'),
              is: z.enum(SEVERITY).describe('Severity when it is true.'),
            }),
          )
          .min(1)
          .max(16)
          .describe('The first that is true counts.'),
        otherwise: z
          .enum([...SEVERITY, 'signal'])
          .default('signal')
          .describe('`signal`: what the detector says.'),
      }),
    ],
    { error: `expected one of ${SEVERITY.join(', ')}, or cases` },
  )
  .optional()
  .describe('Fixed, or by cases. Left out: what the detector says. An incident has the gravest of its signals.')

const step = z.strictObject({
  id: name.describe('Names the step in actions.'),
  action: name.describe('Connector of the configuration (`response.connectors`), or `webhook`.'),
  target: z
    .enum(['ip', 'principal', 'endpoint', 'service'])
    .describe(
      'What it is pointed at: the addresses it came from, the principal it is about, the endpoint, the service.',
    ),
  risk: z.enum(['low', 'high']).default('low').describe('`high` never runs without a person, whatever the mode.'),
  ttl: duration(SECOND_US, 30 * DAY_US).describe('How long it holds before it is taken back.'),
  repeat: z
    .strictObject({
      factor: z.number().min(1).max(16).default(4).describe('How much longer each further time on the same target.'),
      max: duration(SECOND_US, 90 * DAY_US)
        .default('24h')
        .describe('Longest it gets.'),
      jitter: z
        .number()
        .min(0)
        .max(0.5)
        .default(0.1)
        .describe('Share by which the time varies, so that it cannot be timed.'),
    })
    .prefault({})
    .describe('Leases of repeat offenders.'),
  guard: z
    .strictObject({
      maxActive: z.int().min(0).max(10_000).default(50).describe('Live actions of this step; more are refused.'),
      never: z
        .array(
          z.string().regex(/^(ip|cidr|user|session|api_key|consumer|endpoint|service):\S+$/, {
            error: 'expected kind:value such as cidr:10.0.0.0/8 or user:u_17',
          }),
        )
        .max(1024)
        .default([])
        .describe('Never a target, besides `response.never` of the configuration.'),
      minSeverity: z.enum(SEVERITY).default('medium').describe('Least severity that is worth the action.'),
      maxCollateralPrincipals: z
        .int()
        .min(0)
        .max(1_000_000)
        .nullable()
        .default(5)
        .describe('Callers besides the target that it would have hit in the last 24 hours; null: not asked.'),
    })
    .prefault({})
    .describe('What holds it back.'),
  revert: z
    .enum(['auto', 'none'])
    .default('auto')
    .describe('`none`: cannot be taken back; then a person must approve.'),
  approval: z
    .strictObject({
      expires: duration(SECOND_US, 7 * DAY_US)
        .default('15m')
        .describe('How long a request for approval stands.'),
    })
    .prefault({})
    .describe('Where a person is asked.'),
})

const test = z.strictObject({
  replay: z
    .string()
    .min(1)
    .max(1024)
    .describe('Capture or native transactions (.jsonl, also .gz), relative to the policy file.'),
  descriptions: z
    .array(z.string().min(1).max(1024))
    .max(16)
    .default([])
    .describe(
      'Descriptions of the API that hold for this test (`endpoints.descriptions`), relative to the policy file.',
    ),
  expect: z
    .strictObject({
      incidents: z.int().min(0).max(10_000).describe('How many incidents of this policy it opens.'),
      severity: z.enum(SEVERITY).optional().describe('Severity of the gravest.'),
      openedWithin: duration(SECOND_US, 30 * DAY_US)
        .optional()
        .describe('Longest time from the first evidence of an incident to its opening.'),
      actions: z
        .array(name)
        .optional()
        .describe(
          'Steps of `respond` that would be taken: those whose minSeverity an incident reaches, in file order.',
        ),
    })
    .describe('What has to come out.'),
})

export const POLICY_FILE = z
  .strictObject({
    apiVersion: z.literal('offpath.dev/v1').describe('Version of this format.'),
    kind: z.literal('Policy').describe('What the file is.'),
    metadata,
    when,
    budget,
    group,
    severity,
    mode: z
      .enum(MODES)
      .default('simulate')
      .describe(
        'observe: tell nobody. simulate: tell, and rehearse the actions. stage: ask before each. enforce: act (low risk only).',
      ),
    overrides: z.record(name, z.enum(MODES)).default({}).describe('Mode by environment (`policies.environment`).'),
    respond: z
      .array(step)
      .max(16)
      .default([])
      .refine((steps) => new Set(steps.map(({ id }) => id)).size === steps.length, {
        error: 'two steps have the same id',
      })
      .describe('What is done about its incidents.'),
    close: z
      .strictObject({
        autoAfter: duration(SECOND_US, 90 * DAY_US)
          .default('2h')
          .describe('An incident without news for this long is closed.'),
      })
      .prefault({})
      .describe('When it is over.'),
    tests: z.array(test).max(64).default([]).describe('Run by `offpath policy test`.'),
  })
  .describe('A policy of Offpath: how signals become incidents, and what is done about them.')

/** A policy file that passed the schema: every default is in it. */
export type PolicyFile = z.output<typeof POLICY_FILE>

/** A checked policy as plain data: it can be sent to another process and is compiled there. */
export interface PolicyDocument {
  readonly file: PolicyFile
  /** With the environment's override and the configuration's mode applied. */
  readonly mode: PolicyMode
  /** `shipped auth-bruteforce.yaml`, or the path of the operator's file. */
  readonly origin: string
  /** Where the file stands: paths of its tests are relative to it. */
  readonly folder: string
}
