import type { z } from 'zod'
import { OffpathError } from '../telemetry/errors.ts'
import * as inventory from './inventory-schemas.ts'
import type {
  ActionFilter,
  DeliveryFilter,
  DeployRequest,
  IncidentFilter,
  InventoryFilter,
  Operations,
  VerdictRequest,
} from './operations.ts'
import * as schema from './schemas.ts'
import { wireStatus } from './store-status.ts'

/** One request of the API. The router and the OpenAPI document are both made from this. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** With `{id}` for what is named in it. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  /** Null: no body. */
  readonly body: z.ZodType | null
  readonly answer: z.ZodType
  /** What it may say besides 200; what every route may say is not listed. */
  readonly problems: readonly number[]
  run(operations: Operations, request: RouteRequest): Promise<unknown>
}

/** Checked by the schemas of the route. */
export interface RouteRequest {
  readonly id: string
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
}

const plain = { params: schema.NoPath, query: schema.NoQuery, body: null }

type Decision = z.infer<typeof schema.DecisionBody>
type Redeliver = z.infer<typeof schema.RedeliverBody>
type QueryBody = z.infer<typeof schema.QueryBody>

export const ROUTES: readonly Route[] = [
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/status',
    operationId: 'status',
    summary: 'How the daemon is: sources, losses, store, webhooks, detectors.',
    answer: schema.Status,
    problems: [],
    run: async (operations) => wireStatus(await operations.status()),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/incidents',
    operationId: 'incidents',
    summary: 'Incidents, newest update first.',
    query: schema.IncidentQuery,
    answer: schema.Incidents,
    problems: [],
    run: async (operations, { query }) => ({ incidents: await operations.incidents(query as IncidentFilter) }),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/incidents/{id}',
    operationId: 'incident',
    summary: 'One incident with signals, evidence, history, actions and policy.',
    params: schema.IdPath,
    answer: schema.IncidentDetail,
    problems: [404],
    run: (operations, { id }) => operations.incident(id),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/incidents/{id}/verdict',
    operationId: 'judgeIncident',
    summary:
      'Says what an incident is; benign and false close it, end its actions, and count in the budget of its policy.',
    params: schema.IdPath,
    body: schema.VerdictBody,
    answer: schema.Judged,
    problems: [404, 409],
    run: (operations, { id, body }) => operations.judgeIncident(id, body as VerdictRequest),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/actions',
    operationId: 'actions',
    summary: 'Actions, newest first.',
    query: schema.ActionQuery,
    answer: schema.Actions,
    problems: [],
    run: async (operations, { query }) => ({ actions: await operations.actions(query as ActionFilter) }),
  },
  decision('approve', 'Lets an action that waits for approval go on.', (operations, id, by) =>
    operations.approveAction(id, by),
  ),
  decision('deny', 'Ends an action that waits for approval.', (operations, id, by) => operations.denyAction(id, by)),
  decision('revert', 'Takes an applied action back before its lease ends.', (operations, id, by) =>
    operations.revertAction(id, by),
  ),
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/policies',
    operationId: 'policies',
    summary: 'The policies in force.',
    answer: schema.Policies,
    problems: [],
    run: async (operations) => ({ policies: await operations.policies() }),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/policies/reload',
    operationId: 'reloadPolicies',
    summary: 'Loads the policy files anew; when one is wrong the old ones stay.',
    answer: schema.Policies,
    problems: [422],
    run: async (operations) => ({ policies: await operations.reloadPolicies() }),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/policies/{id}/reinstate',
    operationId: 'reinstatePolicy',
    summary: 'Gives a policy back the mode that it lost by false incidents.',
    params: schema.IdPath,
    body: schema.DecisionBody,
    answer: schema.PolicySchema,
    problems: [404, 409],
    run: (operations, { id, body }) => operations.reinstatePolicy(id, body as Decision),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/deliveries',
    operationId: 'deliveries',
    summary: 'Events sent to webhooks, newest first.',
    query: schema.DeliveryQuery,
    answer: schema.Deliveries,
    problems: [],
    run: async (operations, { query }) => ({ deliveries: await operations.deliveries(query as DeliveryFilter) }),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/deliveries/redeliver',
    operationId: 'redeliver',
    summary: 'Queues dead letters again.',
    body: schema.RedeliverBody,
    answer: schema.Queued,
    problems: [404, 409],
    run: (operations, { body }) => {
      const { event, endpoint } = body as Redeliver
      return operations.redeliver({
        ...(event === undefined ? {} : { event }),
        ...(endpoint === undefined ? {} : { endpoint }),
      })
    },
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/deploys',
    operationId: 'deploys',
    summary: 'Releases that were marked, newest first.',
    answer: schema.Deploys,
    problems: [],
    run: async (operations) => ({ deploys: await operations.deploys() }),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/deploys',
    operationId: 'markDeploy',
    summary: 'Marks a release of a service; what comes before and after it is compared.',
    body: schema.DeployBody,
    answer: schema.DeploySchema,
    problems: [409],
    run: (operations, { body }) => operations.markDeploy(body as DeployRequest),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/routes',
    operationId: 'routes',
    summary: 'What the watched API is, as seen: operations with parameters, answers and sensitive fields.',
    query: inventory.RouteQuery,
    answer: inventory.Routes,
    problems: [409],
    run: async (operations, { query }) => ({
      routes: await known(operations.routes?.(query as InventoryFilter)),
    }),
  },
  {
    ...plain,
    method: 'GET',
    path: '/api/v1/clients',
    operationId: 'clients',
    summary: 'Who calls the watched API, busiest first.',
    query: inventory.ClientQuery,
    answer: inventory.Clients,
    problems: [409],
    run: async (operations, { query }) => ({
      clients: await known(operations.clients?.(query as InventoryFilter)),
    }),
  },
  {
    ...plain,
    method: 'POST',
    path: '/api/v1/query',
    operationId: 'query',
    summary: 'Asks the store, readonly and bounded.',
    body: schema.QueryBody,
    answer: schema.QueryResult,
    problems: [503],
    run: async (operations, { body }) => {
      const { sql, params, max_rows: maxRows } = body as QueryBody
      const result = await operations.query({
        sql,
        ...(params === undefined ? {} : { params }),
        ...(maxRows === undefined ? {} : { maxRows }),
      })
      const { columns, rows, cut, elapsedMs } = result
      return { columns, rows, cut, elapsed_ms: elapsedMs }
    },
  },
]

function decision(
  word: 'approve' | 'deny' | 'revert',
  summary: string,
  decide: (operations: Operations, id: string, by: Decision) => Promise<unknown>,
): Route {
  return {
    ...plain,
    method: 'POST',
    path: `/api/v1/actions/{id}/${word}`,
    operationId: `${word}Action`,
    summary,
    params: schema.IdPath,
    body: schema.DecisionBody,
    answer: schema.ActionSchema,
    problems: [404, 409],
    run: (operations, { id, body }) => decide(operations, id, body as Decision),
  }
}

/** An inventory is nothing that every daemon must keep. */
function known<Answer>(answer: Promise<Answer> | undefined): Promise<Answer> {
  return answer ?? Promise.reject(new OffpathError('OFFPATH_E_STATE', 'this daemon keeps no inventory'))
}
