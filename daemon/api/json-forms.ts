import { actionJson } from '../../sinks/action-json.ts'
import { incidentFields } from '../../sinks/incident-json.ts'
import { ACTION_STATES, type Action, type ActionState } from '../model/action.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { Incident } from '../model/incident.ts'
import { formatTime, parseTime } from '../model/time.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { ActionFilter, ActionJson, DeployJson, IncidentFilter, IncidentJson } from './operations.ts'
import { takingTurns } from './turns.ts'

export { actionJson }

/** From records as control keeps them to the JSON of the API, and the filters of its lists: the same for the daemon and for its data folder. */

export function incidentJson(incident: Incident): IncidentJson {
  return incidentFields(incident)
}

export const DEFAULT_LIMIT = 50
export const MOST_LISTED = 1000

const FINAL: ReadonlySet<ActionState> = new Set(['reverted', 'refused', 'failed', 'expired'])

/** Whether an action can still do something, or be undone. */
export function isLive(state: ActionState): boolean {
  return !FINAL.has(state) && ACTION_STATES.includes(state)
}

const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical']

/** Those that pass, newest update first. */
export async function selectIncidents(
  incidents: Iterable<Incident>,
  filter: IncidentFilter,
): Promise<readonly IncidentJson[]> {
  const since = filter.since === undefined ? Number.NEGATIVE_INFINITY : timeOf(filter.since)
  const least = SEVERITIES.indexOf(filter.min_severity ?? 'info')
  const found: Incident[] = []
  for (const incident of incidents) {
    if (incident.updatedAt < since || SEVERITIES.indexOf(incident.severity) < least) continue
    if (filter.status !== undefined && incident.status !== filter.status) continue
    if (filter.policy !== undefined && incident.policy !== filter.policy) continue
    found.push(incident)
  }
  found.sort((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1))
  const turn = takingTurns()
  const told: IncidentJson[] = []
  for (const incident of found.slice(0, limitOf(filter))) {
    told.push(incidentJson(incident))
    await turn()
  }
  return told
}

export function deployJson({ id, service, version, commit, at, who }: DeployMark): DeployJson {
  return { id, service, version, commit, at: formatTime(at), who }
}

export function newestDeploys(marks: Iterable<DeployMark>): DeployJson[] {
  return [...marks].sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).map(deployJson)
}

/** Those that pass, newest first. */
export function selectActions(actions: Iterable<Action>, filter: ActionFilter): ActionJson[] {
  const found: Action[] = []
  for (const action of actions) {
    if (filter.incident !== undefined && action.incidentId !== filter.incident) continue
    if (filter.live !== undefined && isLive(action.state) !== filter.live) continue
    found.push(action)
  }
  found.sort((a, b) => b.proposedAtMs - a.proposedAtMs || (a.id < b.id ? 1 : -1))
  return found.slice(0, limitOf(filter)).map(actionJson)
}

function limitOf(filter: { readonly limit?: number }): number {
  return Math.max(0, Math.min(filter.limit ?? DEFAULT_LIMIT, MOST_LISTED))
}

function timeOf(text: string): number {
  const time = parseTime(text)
  if (time !== null) return time
  throw new OffpathError('OFFPATH_E_USAGE', 'that is no time', {
    at: 'since',
    remedy: 'RFC 3339, such as 2026-11-21T20:00:00Z',
  })
}
