import pc from 'picocolors'
import type { Incident } from '../daemon/model/incident.ts'
import type { Severity } from '../daemon/model/signal.ts'
import { formatTime } from '../daemon/model/time.ts'
import { escapeTerminal } from './escape.ts'
import { cutText, wrapText } from './text-table.ts'

export interface IncidentTableOptions {
  /** Columns of the terminal. */
  readonly width: number
  readonly colour: boolean
}

const LEAST_WIDTH = 60
const MAX_SUBJECT = 40
const MAX_ENDPOINT = 48

/**
 * Incidents for people, oldest first: one line of who, what and where, and under it the sentence of why. Text from traffic is
 * escaped before it is measured.
 */
export function renderIncidentTable(incidents: readonly Incident[], options: IncidentTableOptions): string {
  if (incidents.length === 0) return 'No incidents.\n'
  const colours = pc.createColors(options.colour)
  const rows = incidents.map((incident) => ({
    incident,
    when: `${formatTime(incident.openedAt).slice(0, 19).replace('T', ' ')}Z`,
    title: escapeTerminal(incident.title),
    subject: cutText(escapeTerminal(incident.subject.value), MAX_SUBJECT),
    where: cutText(endpointText(incident), MAX_ENDPOINT),
  }))
  const titleWidth = Math.max(...rows.map((row) => row.title.length))
  const subjectWidth = Math.max(...rows.map((row) => row.subject.length))
  const lines: string[] = []
  for (const { incident, when, title, subject, where } of rows) {
    const severity = paint(incident.severity, colours)(incident.severity.toUpperCase().padEnd(8))
    const state = incident.status === 'open' ? '' : colours.dim(`  ${incident.status}`)
    const head = `${when}  ${severity}  ${title.padEnd(titleWidth)}  ${colours.bold(subject.padEnd(subjectWidth))}  ${where}`
    lines.push(head.trimEnd() + state)
    for (const line of wrapText(escapeTerminal(incident.why), Math.max(LEAST_WIDTH, options.width) - 4)) {
      lines.push(`    ${line}`)
    }
    lines.push(colours.dim(`    ${countsText(incident)}`))
  }
  return `${lines.join('\n')}\n`
}

function paint(severity: Severity, colours: ReturnType<typeof pc.createColors>): (text: string) => string {
  if (severity === 'critical' || severity === 'high') return colours.red
  return severity === 'medium' ? colours.yellow : colours.dim
}

function endpointText(incident: Incident): string {
  const first = incident.endpoints[0]
  const place = first ?? incident.service ?? ''
  const more = incident.endpoints.length > 1 ? ` +${incident.endpoints.length - 1}` : ''
  return escapeTerminal(place) + more
}

function countsText(incident: Incident): string {
  const requests = `${incident.transactionCount} ${incident.transactionCount === 1 ? 'request' : 'requests'}`
  return `${requests}, ${incident.detector}, ${incident.owasp ?? 'no OWASP class'}, id ${incident.id}`
}
