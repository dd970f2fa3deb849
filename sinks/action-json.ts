import type { Action } from '../daemon/model/action.ts'
import { formatTime } from '../daemon/model/time.ts'

/** One action as the API, the CLI, events and the store show it. What only control needs (the receipt, tries to come) stays inside. */
export function actionJson(action: Action) {
  return {
    id: action.id,
    incident_id: action.incidentId,
    policy: action.policy,
    step: action.step,
    connector: action.connector,
    target: { kind: action.target.kind, value: action.target.value },
    mode: action.mode,
    simulated: action.simulated,
    state: action.state,
    reason: action.reason,
    idempotency_key: action.idempotencyKey,
    proposed_at: formatTime(action.proposedAtMs * 1000),
    lease_until: action.leaseUntilMs === null ? null : formatTime(action.leaseUntilMs * 1000),
    ttl_seconds: action.ttlMs / 1000,
    attempts: action.attempts,
    error: action.error,
    history: action.history.map(({ state, atMs, why }) => ({ state, at: formatTime(atMs * 1000), why })),
  }
}
