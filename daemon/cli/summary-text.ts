import { escapeJson, escapeTerminal } from '../../sinks/escape.ts'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { renderIncidentTable } from '../../sinks/incident-table.ts'
import { renderLossTable } from '../../sinks/loss-table.ts'
import { hasLosses, oneSidedLinks, renderCaptureQuality } from '../../sinks/quality-table.ts'
import type { ReplaySummary } from '../topology/replay.ts'
import type { CliContext } from './context.ts'

/** What `replay --emit summary` prints: a table of incidents, the loss funnel, and what was not seen, or all of it as one JSON object. */
export function summaryText(
  summary: ReplaySummary,
  output: 'table' | 'json' | 'jsonl' | undefined,
  context: CliContext,
): string {
  const { frames, bytes, messages, pairs, quality, incidents } = summary
  if (output === 'json') {
    const funnel = JSON.stringify({ frames, bytes, messages, pairs, quality })
    const text = `${funnel.slice(0, -1)},"incidents":[${incidents.map(encodeIncident).join(',')}]}`
    return `${context.stdout.isTTY === true ? escapeJson(text) : text}\n`
  }
  const look = { width: context.width, colour: context.colour }
  const lost = hasLosses(quality) ? `\n${renderCaptureQuality(quality, look)}` : ''
  const oneSided = oneSidedLinks(quality).map((sentence) => `${escapeTerminal(sentence)}\n`)
  const funnel = renderLossTable({ frames, bytes, messages, pairs }, look)
  return `${renderIncidentTable(incidents, look)}\n${funnel}${lost}${oneSided.join('')}`
}
