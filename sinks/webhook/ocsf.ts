import type { Action, SelectorKind } from '../../daemon/model/action.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import { SEVERITIES, type Severity } from '../../daemon/model/signal.ts'
import { isJudged } from '../../daemon/model/verdict.ts'

/**
 * OCSF 1.3 names for what an event says: Incident Finding (class 2005, category 2 Findings) and Remediation Activity (class 7001,
 * category 7 Remediation). Only attributes and codes that stand in that version.
 */

const OCSF_VERSION = '1.3.0'
const OTHER = 99

const INCIDENT_ACTIVITY = { opened: [1, 'Create'], updated: [2, 'Update'], closed: [3, 'Close'] } as const
export type IncidentActivity = keyof typeof INCIDENT_ACTIVITY

/** status_id of 2005: 1 New, 2 In Progress, 4 Resolved, 5 Closed. */
const INCIDENT_STATUS = {
  open: [2, 'In Progress'],
  contained: [2, 'In Progress'],
  resolved: [4, 'Resolved'],
  benign: [5, 'Closed'],
  false: [5, 'Closed'],
} as const
const VERDICT = { attack: [2, 'True Positive'], benign: [5, 'Benign'], false: [1, 'False Positive'] } as const

export function incidentFinding(kind: IncidentActivity, incident: Incident, uid: string, version: string) {
  const [activity_id, activity_name] = INCIDENT_ACTIVITY[kind]
  const [status_id, status] =
    kind === 'opened' && incident.status === 'open' ? ([1, 'New'] as const) : INCIDENT_STATUS[incident.status]
  const found = isJudged(incident.status) ? incident.status : incident.verdict?.is === 'attack' ? 'attack' : null
  const verdict = found === null ? null : VERDICT[found]
  return {
    category_uid: 2,
    category_name: 'Findings',
    class_uid: 2005,
    class_name: 'Incident Finding',
    activity_id,
    activity_name,
    type_uid: 200_500 + activity_id,
    time: toMs(incident.updatedAt),
    start_time: toMs(incident.evidence[0]?.time ?? incident.openedAt),
    end_time: toMs(incident.updatedAt),
    count: incident.signalCount,
    ...severity(incident.severity),
    status_id,
    status,
    ...(verdict === null ? {} : { verdict_id: verdict[0], verdict: verdict[1] }),
    message: incident.why,
    metadata: metadata(uid, version),
    finding_info_list: [
      {
        uid: incident.id,
        title: incident.title,
        desc: incident.why,
        created_time: toMs(incident.openedAt),
        modified_time: toMs(incident.updatedAt),
        types: incident.owaspAll,
        analytic: { uid: incident.detector, name: incident.detector, type_id: 1, type: 'Rule' },
        attacks: incident.attack.map(technique),
      },
    ],
    observables: [
      observable('offpath.incident.subject.value', incident.subject.kind, incident.subject.value),
      ...(incident.service === null ? [] : [observable('offpath.incident.service', 'service', incident.service)]),
    ],
  }
}

export type ActionActivity = 'requested' | 'reverted' | 'result'

export function remediationActivity(
  kind: ActionActivity,
  action: Action,
  incident: Incident | null,
  uid: string,
  version: string,
) {
  const undone = kind === 'reverted' || action.state === 'reverting' || action.state === 'reverted'
  const [activity_id, activity_name] = undone ? ([3, 'Restore'] as const) : activityOn(action.target.kind)
  const [status_id, status] = kind === 'result' ? resultOf(action) : ([0, 'Unknown'] as const)
  return {
    category_uid: 7,
    category_name: 'Remediation',
    class_uid: 7001,
    class_name: 'Remediation Activity',
    activity_id,
    activity_name,
    type_uid: 700_100 + activity_id,
    time: action.history.at(-1)?.atMs ?? action.proposedAtMs,
    ...severity(incident?.severity ?? 'info'),
    status_id,
    status,
    message: action.reason,
    metadata: metadata(uid, version),
    command_uid: action.id,
    remediation: { desc: action.reason },
    observables: [observable('offpath.action.target.value', action.target.kind, action.target.value)],
  }
}

/** D3FEND's tactics, which OCSF borrows: an address is isolated, an account or what it holds is evicted. */
function activityOn(target: SelectorKind): readonly [number, string] {
  if (target === 'ip' || target === 'cidr') return [1, 'Isolate']
  if (target === 'endpoint' || target === 'service') return [OTHER, 'Other']
  return [2, 'Evict']
}

function resultOf({ state, simulated }: Action): readonly [number, string] {
  // Nothing was done: neither a success nor a failure.
  if (simulated) return [OTHER, `simulated: ${state}`]
  if (state === 'applied' || state === 'verified' || state === 'reverted') return [1, 'Success']
  if (state === 'failed' || state === 'refused' || state === 'expired') return [2, 'Failure']
  return [OTHER, state]
}

function severity(value: Severity) {
  const severity_id = SEVERITIES.indexOf(value) + 1
  return { severity_id, severity: ['Informational', 'Low', 'Medium', 'High', 'Critical'][severity_id - 1]! }
}

function metadata(uid: string, version: string) {
  return { version: OCSF_VERSION, uid, product: { name: 'Offpath', vendor_name: 'Offpath', version } }
}

/** `T1110.001` is the sub-technique .001 of T1110. */
function technique(uid: string) {
  const dot = uid.indexOf('.')
  return dot < 0 ? { technique: { uid } } : { technique: { uid: uid.slice(0, dot) }, sub_technique: { uid } }
}

function observable(name: string, kind: string, value: string) {
  const [type_id, type] =
    kind === 'ip'
      ? [2, 'IP Address']
      : kind === 'user'
        ? [4, 'User Name']
        : kind === 'service'
          ? [1, 'Hostname']
          : [OTHER, kind]
  return { name, type_id, type, value }
}

function toMs(time: number): number {
  return Math.floor(time / 1000)
}
