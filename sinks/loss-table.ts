import pc from 'picocolors'
import type { FunnelStage, LedgerTotals } from '../daemon/telemetry/funnel.ts'

export interface LossTableOptions {
  /** Columns of the terminal; longer lists of causes are broken to fit. */
  readonly width: number
  readonly colour: boolean
}

const STAGES: readonly FunnelStage[] = ['frames', 'bytes', 'messages', 'pairs']

/**
 * The loss funnel for people: what came in, what was delivered, and every named cause for the rest, largest first.
 * A stage that does not add up says so, since that is a bug in Offpath and not a property of the traffic.
 */
export function renderLossTable(
  totals: Readonly<Record<FunnelStage, LedgerTotals>>,
  options: LossTableOptions,
): string {
  const colours = pc.createColors(options.colour)
  const rows = STAGES.map((stage) => {
    const { in: taken, delivered, dropped } = totals[stage]
    const lost = Object.entries(dropped).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    const unexplained = lost.reduce((rest, [, count]) => rest - count, taken - delivered)
    const causes = lost.map(([cause, count]) => `${cause} ${grouped(count)}`)
    if (unexplained !== 0) causes.push(`unexplained ${grouped(unexplained)}`)
    return { stage, taken: grouped(taken), delivered: grouped(delivered), share: percent(delivered, taken), causes }
  })
  const column = (title: string, cells: string[]) => Math.max(title.length, ...cells.map((cell) => cell.length))
  const stageWidth = column('', STAGES as string[])
  const inWidth = column(
    'in',
    rows.map((row) => row.taken),
  )
  const deliveredWidth = column(
    'delivered',
    rows.map((row) => row.delivered),
  )
  const margin = stageWidth + inWidth + deliveredWidth + 2 * 3 + 6
  const head = `${' '.repeat(stageWidth)}  ${'in'.padStart(inWidth)}  ${'delivered'.padStart(deliveredWidth)}          dropped`
  const lines = [colours.dim(head)]
  for (const row of rows) {
    const [first = '-', ...rest] = wrap(row.causes, Math.max(24, options.width - margin - 2))
    const cells = `${row.stage.padEnd(stageWidth)}  ${row.taken.padStart(inWidth)}  ${row.delivered.padStart(deliveredWidth)}`
    lines.push(`${cells}  ${colours.dim(row.share.padStart(6))}  ${first}`)
    for (const more of rest) lines.push(`${' '.repeat(margin + 2)}${more}`)
  }
  return `${lines.join('\n')}\n`
}

/** 1234567 as 1,234,567, whatever the locale of the host. */
function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** Rounded so that 100 % means all of it and 0 % nothing. */
function percent(part: number, whole: number): string {
  if (whole === 0) return '-'
  const share = (100 * part) / whole
  const shown = Math.floor(share * 10) / 10
  return part > 0 && shown === 0 ? '<0.1%' : `${shown.toFixed(shown === 100 ? 0 : 1)}%`
}

function wrap(parts: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 3 + part.length <= width) lines[lines.length - 1] = `${last} · ${part}`
    else lines.push(part)
  }
  return lines
}
