import type { CaptureQualityJson, LinkQualityJson, SourceQualityJson } from '../daemon/telemetry/capture-quality.ts'
import { type Look, renderTable } from './text-table.ts'

/** Share of what passed that each source did not see, and what is known of it; then each link that shows one side only. */
export function renderCaptureQuality({ sources }: CaptureQualityJson, look: Look): string {
  if (sources.length === 0) return ''
  const right = { align: 'right' as const }
  const columns = [
    { title: 'SOURCE', least: 12 },
    { title: 'LOST 10 S', ...right },
    { title: '60 S', ...right },
    { title: 'IN ALL', ...right },
    { title: 'UNSEEN BYTES', ...right },
    { title: 'HOLES', ...right },
    { title: 'CUT BYTES', ...right },
    { title: 'DROPPED', ...right },
    { title: 'SHED', ...right },
  ]
  const rows = sources.map((source) => [
    nameOf(source),
    shareText(source.loss.last_10s),
    shareText(source.loss.last_60s),
    shareText(source.loss.total),
    grouped(source.unseen_bytes),
    grouped(source.holes),
    grouped(source.cut_bytes),
    grouped(source.kernel_drops + source.interface_drops),
    grouped(source.shed_frames),
  ])
  return renderTable(columns, rows, look)
}

/** Whether anything was lost at all: then the table is worth its lines. */
export function hasLosses({ sources }: CaptureQualityJson): boolean {
  return sources.some(({ loss }) => (loss.total ?? 0) > 0)
}

/** A sentence for each link that carries one direction only. */
export function oneSidedLinks({ sources }: CaptureQualityJson): string[] {
  return sources.flatMap((source) =>
    source.links
      .filter(({ one_sided }) => one_sided)
      .map((link) => {
        const { both_sides, requests_only, responses_only } = link
        const missing = requests_only > responses_only ? 'responses' : 'requests'
        const all = both_sides + requests_only + responses_only
        const without = Math.max(requests_only, responses_only)
        return `${linkName(source, link)} carries one direction only: ${grouped(without)} of ${grouped(all)} connections show no ${missing}`
      }),
  )
}

function linkName(source: SourceQualityJson, { vlan, vni }: LinkQualityJson): string {
  return nameOf(source) + (vlan === null ? '' : ` vlan ${vlan}`) + (vni === null ? '' : ` vni ${vni}`)
}

function nameOf({ kind, name }: SourceQualityJson): string {
  return `${kind}:${name}`
}

/** Rounded up, so that what is lost never shows as nothing; `-` where nothing passed. */
function shareText(share: number | null): string {
  if (share === null) return '-'
  if (share === 0) return '0 %'
  return share < 0.001 ? '<0.1 %' : `${(Math.ceil(share * 1000) / 10).toFixed(1)} %`
}

function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US')
}
