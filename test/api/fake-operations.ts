import { incidentJson } from '../../daemon/api/json-forms.ts'
import type {
  Decision,
  DeliveryJson,
  DeployJson,
  IncidentDetailJson,
  Operations,
  PolicyJson,
  VerdictRequest,
} from '../../daemon/api/operations.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { actionJson } from '../../sinks/action-json.ts'
import type { StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import { sampleAction, sampleCaller, sampleIncident, sampleRoute, sampleStatus } from './samples.ts'

export const POLICY: PolicyJson = {
  id: 'bruteforce',
  title: 'Password guessing',
  owner: null,
  detectors: ['auth.bruteforce'],
  mode: 'stage',
  severity: null,
  condition: null,
  respond: [{ id: 'throttle', action: 'edge', ttl_seconds: 900 }],
  origin: 'shipped bruteforce.yaml',
}

export const DELIVERY: DeliveryJson = {
  event: 'evt1',
  type: 'offpath.incident.opened.v1',
  subject: 'inc1',
  endpoint: 'soc',
  state: 'dead',
  attempts: 8,
  created_at: '2026-11-21T20:00:00.000Z',
  next_attempt_at: null,
  delivered_at: null,
  last_status: 503,
  last_error: 'status 503',
}

export const DEPLOY: DeployJson = {
  id: 'd1',
  service: 'api.shop.test',
  version: '2.4.1',
  commit: '9fceb02',
  at: '2026-11-21T20:00:00.000000Z',
  who: 'pipeline',
}

/** Answers as the daemon would: one incident `inc1`, one action `act1` that waits, and what it was asked, in `asked`. */
export class FakeOperations implements Operations {
  readonly asked: unknown[] = []
  /** Thrown by the next one that is asked. */
  fault: Error | null = null
  storeAbsent = false
  decided: string | null = null

  async status() {
    this.#ask('status')
    return sampleStatus()
  }

  async incidents(filter: object) {
    this.#ask('incidents', filter)
    return [incidentJson(sampleIncident()), incidentJson(sampleIncident({ id: 'inc2', closedAt: 3_000_000 }))]
  }

  async incident(id: string): Promise<IncidentDetailJson> {
    this.#ask('incident', id)
    if (id !== 'inc1') throw notFound(id)
    return {
      incident: incidentJson(sampleIncident()),
      signals: [{ detector: 'auth.bruteforce', score: 0.9 }],
      transactions: [{ id: '01jd4k', method: 'POST', path: '/v1/login' }],
      history: [{ at: '2026-11-21T20:00:00.000000Z', kind: 'opened', why: 'because' }],
      actions: [actionJson(sampleAction())],
      policy: POLICY,
    }
  }

  async judgeIncident(id: string, verdict: VerdictRequest) {
    this.#ask('judgeIncident', id, verdict)
    if (id !== 'inc1') throw notFound(id)
    const { verdict: is, who, reason } = verdict
    const incident = sampleIncident({ status: 'false', verdict: { is, who, reason, at: 3_000_000 } })
    return {
      incident: incidentJson(incident),
      policy: { ...POLICY, verdicts: { attack: 0, benign: 0, false: 1, precision: 0.333 } },
    }
  }

  async actions(filter: object) {
    this.#ask('actions', filter)
    return [actionJson(sampleAction())]
  }

  approveAction(id: string, by: Decision) {
    return this.#decide('approve', id, by)
  }

  denyAction(id: string, by: Decision) {
    return this.#decide('deny', id, by)
  }

  revertAction(id: string, by: Decision) {
    return this.#decide('revert', id, by)
  }

  async policies() {
    this.#ask('policies')
    return [POLICY]
  }

  async reloadPolicies() {
    this.#ask('reloadPolicies')
    return [POLICY]
  }

  async reinstatePolicy(id: string, by: Decision) {
    this.#ask('reinstatePolicy', id, by)
    if (id !== POLICY.id) throw notFound(id)
    return POLICY
  }

  async deliveries(filter: object) {
    this.#ask('deliveries', filter)
    return [DELIVERY]
  }

  async redeliver(which: object) {
    this.#ask('redeliver', which)
    return { queued: 1 }
  }

  async routes(filter: object) {
    this.#ask('routes', filter)
    return [sampleRoute()]
  }

  async clients(filter: object) {
    this.#ask('clients', filter)
    return [sampleCaller()]
  }

  async deploys() {
    this.#ask('deploys')
    return [DEPLOY]
  }

  async markDeploy(deploy: object) {
    this.#ask('markDeploy', deploy)
    return DEPLOY
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    this.#ask('query', query)
    if (this.storeAbsent) throw new OffpathError('OFFPATH_E_STORE', 'there is no store', { remedy: 'store.enabled' })
    if (!/^select/i.test(query.sql)) {
      throw new OffpathError('OFFPATH_E_QUERY', 'only SELECT is allowed', { at: 'sql', remedy: 'ask for rows' })
    }
    return { columns: [{ name: 'n', type: 'UInt8' }], rows: [[1]], cut: false, elapsedMs: 2.5 }
  }

  async #decide(what: string, id: string, by: Decision) {
    this.#ask(what, id, by)
    if (id !== 'act1') throw notFound(id)
    if (this.decided !== null) throw new OffpathError('OFFPATH_E_STATE', `it was decided already: ${this.decided}`)
    this.decided = what
    return actionJson(sampleAction({ state: what === 'approve' ? 'dispatched' : 'refused' }))
  }

  #ask(...what: unknown[]): void {
    this.asked.push(what)
    const { fault } = this
    this.fault = null
    if (fault !== null) throw fault
  }
}

function notFound(id: string): OffpathError {
  return new OffpathError('OFFPATH_E_NOT_FOUND', `there is no ${id}`, { remedy: 'ask for the list' })
}
