import pc from 'picocolors'
import { escapeTerminal } from '../../sinks/escape.ts'
import { sparkline } from '../../sinks/plot.ts'
import { type Colours, cutText, severityPaint } from '../../sinks/text-table.ts'
import type { IncidentJson, StatusJson } from '../api/operations.ts'
import { bytes, duration, grouped, rate, shortTime, troublesOf } from './status-view.ts'

/** What is on the screen. */
export interface TopFrame {
  readonly status: StatusJson
  /** Newest update first. */
  readonly incidents: readonly IncidentJson[]
  /** Pairs per second, one a second, newest last. */
  readonly rates: readonly number[]
  readonly paused: boolean
  readonly help: boolean
  /** Why this frame is not newer; null when it is. */
  readonly stale: string | null
}

export interface TopSize {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
}

/** A line in parts, so that it is cut by what is seen and not by its colours. */
type Part = readonly [text: string, paint?: ((text: string) => string) | undefined]

const MOST_TROUBLES = 3
const SPARK_WIDTH = 30

/** The screen as lines: never more than it has rows, none longer than it is wide. Text from traffic is escaped. */
export function renderTop(frame: TopFrame, size: TopSize, nowMs: number): string[] {
  const colours = pc.createColors(size.colour)
  const body = frame.help ? helpParts() : bodyParts(frame, size, colours)
  const room = Math.max(0, size.rows - 2)
  const lines = [headParts(frame, colours, nowMs), ...body.slice(0, room)]
  while (lines.length < size.rows - 1) lines.push([])
  lines.push(footParts(frame, colours))
  return lines.slice(0, size.rows).map((parts) => fitted(parts, size.columns))
}

function headParts({ status, rates }: TopFrame, colours: Colours, nowMs: number): Part[] {
  return [
    ['offpath ', colours.bold],
    [escapeTerminal(status.version), colours.bold],
    [`  ${rate(status.pairs_per_second)} pairs/s `],
    [sparkline(rates.slice(-SPARK_WIDTH), SPARK_WIDTH), colours.cyan],
    [`  up ${duration((nowMs - Date.parse(status.started_at)) / 1000)}`],
    [
      `  read up to ${status.event_time === null ? 'nothing yet' : escapeTerminal(shortTime(status.event_time))}`,
      colours.dim,
    ],
  ]
}

function bodyParts({ status, incidents }: TopFrame, size: TopSize, colours: Colours): Part[][] {
  const troubles = troublesOf(status)
  const shown = troubles.slice(0, MOST_TROUBLES)
  if (troubles.length > MOST_TROUBLES) shown.push(`and ${troubles.length - MOST_TROUBLES} more: offpath status`)
  return [
    countParts(status),
    ...shown.map((trouble): Part[] => [[`! ${escapeTerminal(trouble)}`, colours.yellow]]),
    [],
    ...lossParts(status, colours),
    [],
    ...incidentParts(incidents, size, colours),
  ]
}

function countParts({ incidents, actions, store, detectors }: StatusJson): Part[] {
  const enabled = detectors.filter((detector) => detector.enabled)
  const mature = enabled.filter(({ maturity }) => maturity >= 1).length
  const spool =
    store === null
      ? 'no store'
      : `spool ${bytes(store.spool.bytes)}${store.spool.lastsSeconds === null ? '' : `, lasts ${duration(store.spool.lastsSeconds)}`}`
  return [
    [`${counted(incidents.open, 'open incident')}  ${counted(actions.live, 'live action')}  `],
    [`${mature} of ${enabled.length} detectors mature  ${spool}`],
  ]
}

const STAGES = ['frames', 'bytes', 'messages', 'pairs'] as const

function lossParts({ funnel }: StatusJson, colours: Colours): Part[][] {
  return STAGES.map((stage) => {
    const { in: taken, delivered, dropped } = funnel[stage]
    const causes = Object.entries(dropped)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([cause, count]) => `${escapeTerminal(cause)} ${grouped(count)}`)
    const share = taken === 0 ? '-' : `${(Math.floor((1000 * delivered) / taken) / 10).toFixed(1)}%`
    return [
      [stage.padEnd(9), colours.dim],
      [grouped(taken).padStart(15)],
      [share.padStart(8)],
      [`  ${causes.join(' · ')}`, colours.dim],
    ]
  })
}

function incidentParts(incidents: readonly IncidentJson[], size: TopSize, colours: Colours): Part[][] {
  if (incidents.length === 0) return [[['No incidents.', colours.dim]]]
  const subjectWidth = Math.min(28, Math.max(12, Math.floor(size.columns / 5)))
  const titles = `${'UPDATED'.padEnd(8)}  ${'SEVERITY'.padEnd(8)}  ${'STATUS'.padEnd(9)}  ${'SUBJECT'.padEnd(subjectWidth)}  WHAT`
  return [
    [[titles, colours.dim]],
    ...incidents.map(({ updated_at, severity, status, subject, title, why, simulated }): Part[] => {
      const closed = status !== 'open' && status !== 'contained'
      const paint = closed ? colours.dim : undefined
      const cell = (text: string, width: number) => cutText(escapeTerminal(text), width).padEnd(width)
      return [
        [`${cell(updated_at.slice(11, 19), 8)}  `, paint],
        [`${cell(severity.toUpperCase(), 8)}  `, closed ? colours.dim : severityPaint(severity, colours)],
        [`${cell(status, 9)}  `, paint],
        [`${cell(subject.value, subjectWidth)}  `, paint],
        [`${escapeTerminal(title)}${simulated ? ' (simulated)' : ''}: ${escapeTerminal(why)}`, paint],
      ]
    }),
  ]
}

function helpParts(): Part[][] {
  const keys = [
    ['q', 'quit'],
    ['p', 'pause: the screen stays as it is'],
    ['?', 'this page'],
  ] as const
  return [
    [],
    ...keys.map(([key, meaning]): Part[] => [[`  ${key}   ${meaning}`]]),
    [],
    [['  Losses: what came into each stage, the share that left it whole, and why the rest did not.']],
    [['  offpath status says everything, offpath incident show ID one incident.']],
  ]
}

function footParts({ paused, stale }: TopFrame, colours: Colours): Part[] {
  const keys: Part = ['q quit  p pause  ? help', colours.dim]
  if (stale !== null) return [keys, [`  ${escapeTerminal(stale)}`, colours.red]]
  return paused ? [keys, ['  paused', colours.yellow]] : [keys]
}

function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
}

function fitted(parts: readonly Part[], columns: number): string {
  let room = columns
  let line = ''
  for (const [text, paint] of parts) {
    if (room <= 0) break
    const shown = cutText(text, room)
    room -= shown.length
    line += paint === undefined ? shown : paint(shown)
    if (shown.length < text.length) break
  }
  return line
}
