import { escapeJson } from '../../sinks/escape.ts'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { renderIncidentTable } from '../../sinks/incident-table.ts'
import { renderLossTable } from '../../sinks/loss-table.ts'
import type { ReplaySummary } from '../topology/replay.ts'
import type { CliContext } from './context.ts'

/** What `replay --emit summary` prints: a table of incidents and the loss funnel, or both as one JSON object. */
export function summaryText(
  summary: ReplaySummary,
  output: 'table' | 'json' | 'jsonl' | undefined,
  context: CliContext,
): string {
  const { frames, bytes, messages, pairs, incidents } = summary
  if (output === 'json') {
    const funnel = JSON.stringify({ frames, bytes, messages, pairs })
    const text = `${funnel.slice(0, -1)},"incidents":[${incidents.map(encodeIncident).join(',')}]}`
    return `${context.stdout.isTTY === true ? escapeJson(text) : text}\n`
  }
  const look = { width: context.width, colour: context.colour }
  return `${renderIncidentTable(incidents, look)}\n${renderLossTable({ frames, bytes, messages, pairs }, look)}`
}
