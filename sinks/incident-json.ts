import type { Incident } from '../daemon/model/incident.ts'
import { formatTime } from '../daemon/model/time.ts'

/** One incident as one line of JSON (contracts.md, Incident), without the line feed. */
export function encodeIncident(incident: Incident): string {
  return JSON.stringify(incidentFields(incident))
}

/** The same before it is text. */
export function incidentFields(incident: Incident) {
  return {
    id: incident.id,
    policy: incident.policy,
    detector: incident.detector,
    detectors: incident.detectors,
    owasp: incident.owasp,
    owasp_all: incident.owaspAll,
    attack: incident.attack,
    severity: incident.severity,
    title: incident.title,
    why: incident.why,
    opened_at: formatTime(incident.openedAt),
    updated_at: formatTime(incident.updatedAt),
    closed_at: incident.closedAt === null ? null : formatTime(incident.closedAt),
    subject: { kind: incident.subject.kind, value: incident.subject.value, members: incident.subject.members },
    service: incident.service,
    endpoints: incident.endpoints,
    signal_count: incident.signalCount,
    transaction_count: incident.transactionCount,
    evidence: incident.evidence.map((ref) => ({
      transaction_id: ref.transactionId,
      ts: formatTime(ref.time),
      status: ref.status,
    })),
    outcome: {
      p_success: incident.outcome.pSuccess,
      objects_exposed: incident.outcome.objectsExposed,
      accounts: incident.outcome.accounts,
    },
    maturity: Number(incident.maturity.toFixed(3)),
    completeness: incident.completeness,
    status: incident.status,
    actions: incident.actions,
    simulated: incident.simulated,
    ...(incident.verdict === undefined ? {} : { verdict: verdictJson(incident.verdict) }),
  }
}

function verdictJson({ is, who, reason, at }: NonNullable<Incident['verdict']>) {
  return { is, who, reason, at: formatTime(at) }
}
