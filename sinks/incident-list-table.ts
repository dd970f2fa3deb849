import { doneText } from './action-table.ts'
import { type ActionInput, type IncidentView, incidentView, type Json, shortIds, shortTime } from './incident-view.ts'
import { type Look, renderTable, severityPaint } from './text-table.ts'

/** Stored incidents, one line each, newest first. `actions`: those taken for any of them. */
export function renderIncidentList(incidents: readonly Json[], actions: readonly ActionInput[], look: Look): string {
  const byIncident = grouped(actions)
  const views = incidents.map(incidentView).sort(newestFirst)
  const short = shortIds(views.map(({ id }) => id))
  return renderTable(
    [
      { title: 'ID' },
      { title: 'OPENED' },
      { title: 'SEVERITY', paint: severityPaint },
      { title: 'STATUS' },
      { title: 'TITLE', least: 20 },
      { title: 'SUBJECT', least: 12 },
      { title: 'SERVICE', least: 8 },
      { title: 'DONE', least: 19 },
    ],
    views.map((incident) => {
      const done = doneText(byIncident.get(incident.id) ?? [])
      return [
        short(incident.id),
        shortTime(incident.openedAt),
        incident.severity,
        incident.verdict?.is === 'attack' ? `${incident.status}, attack` : incident.status,
        incident.title,
        incident.subject.value,
        incident.service ?? '-',
        done !== '' ? done : incident.simulated ? 'simulated' : 'nothing',
      ]
    }),
    look,
  )
}

function newestFirst(a: IncidentView, b: IncidentView): number {
  return a.openedAt < b.openedAt || (a.openedAt === b.openedAt && a.id < b.id) ? 1 : -1
}

function grouped(actions: readonly ActionInput[]): Map<string, ActionInput[]> {
  const groups = new Map<string, ActionInput[]>()
  for (const action of actions) {
    const group = groups.get(action.incident_id)
    if (group === undefined) groups.set(action.incident_id, [action])
    else group.push(action)
  }
  return groups
}
