import { escapeTerminal } from '../../sinks/escape.ts'
import { wrapText } from '../../sinks/text-table.ts'
import type { CliContext } from './context.ts'
import type { TunedIncident, TuneResult } from './detector-tune.ts'

/** Incidents of each sort that are printed; JSON has all. */
const MOST_SHOWN = 20

/** What would change, for people. */
export function tuneText(result: TuneResult, { width }: CliContext): string {
  const { detector, changes, transactions, before, after, gone, added } = result
  const columns = Math.min(width, 110)
  const lines = [
    `${detector} over ${transactions.toLocaleString('en-US')} transactions`,
    ...changes.map(({ key, from, to }) => `  ${key}: ${JSON.stringify(from)} -> ${JSON.stringify(to)}`),
    '',
    `             as it is  as it would be`,
    `signals    ${String(before.signals).padStart(10)}  ${String(after.signals).padStart(14)}`,
    `incidents  ${String(before.incidents.length).padStart(10)}  ${String(after.incidents.length).padStart(14)}`,
  ]
  return `${lines.join('\n')}\n${listed('No more', gone, columns)}${listed('New', added, columns)}`
}

function listed(title: string, incidents: readonly TunedIncident[], columns: number): string {
  if (incidents.length === 0) return ''
  const shown = incidents
    .slice(0, MOST_SHOWN)
    .flatMap(({ opened_at: at, severity, subject, why }) => [
      `  ${at.slice(0, 19)}Z  ${severity}  ${escapeTerminal(subject)}`,
      ...wrapText(escapeTerminal(why), columns - 4).map((line) => `    ${line}`),
    ])
  const more = incidents.length > MOST_SHOWN ? [`  and ${incidents.length - MOST_SHOWN} more; -o json has them`] : []
  return `\n${title}:\n${[...shown, ...more].join('\n')}\n`
}
