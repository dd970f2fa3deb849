import { parseTime } from '../daemon/model/time.ts'
import { clockTime, type DetailInput, incidentView, signalView, transactionView } from './incident-view.ts'
import { columnPlot, type Names, type Plot, type PlotSize, type Point, scatterPlot } from './plot.ts'

/** Below this share of numbers among the object ids there is no picture in them. */
const MOSTLY = 0.6
const BUCKETS = 24

interface Kept {
  readonly at: number
  readonly status: number | null
  readonly path: string
  readonly endpoint: string | null
}

/**
 * The picture that fits what was found: object ids over time, failures summed up against what is usual, missing paths over
 * time; else requests over time. Null when no evidence has a time, or all of it the same.
 */
export function evidencePlot(
  detail: DetailInput,
  size: PlotSize,
): { readonly title: string; readonly plot: Plot } | null {
  const kept = keptRequests(detail)
  const first = kept[0]
  const last = kept.at(-1)
  if (first === undefined || last === undefined || first.at === last.at) return null
  const incident = incidentView(detail.incident)
  const ends = { from: timeLabel(first.at), to: timeLabel(last.at) }
  const detector = incident.detectors[0] ?? ''
  if (/^(object|scrape)\./.test(detector)) {
    const points = objectIds(kept)
    if (points !== null) {
      return { title: 'Object ids asked for, over time', plot: scatterPlot(points, size, { ...ends, y: 'object id' }) }
    }
  }
  const refused = kept.filter(({ status }) => status !== null && status >= 400 && status < 500)
  if (detector.startsWith('auth.') && refused.length > 0) {
    const names: Names = { ...ends, y: 'failures so far' }
    return {
      title: 'Failures summed up, over time',
      plot: columns(sums(buckets(refused, first.at, last.at)), size, names, usualMost(detail)),
    }
  }
  if (detector.startsWith('scan.') && refused.length > 0) {
    return {
      title: 'Requests refused or not found, over time',
      plot: columns(buckets(refused, first.at, last.at), size, { ...ends, y: 'misses' }),
    }
  }
  return {
    title: 'Requests of the evidence, over time',
    plot: columns(buckets(kept, first.at, last.at), size, { ...ends, y: 'requests' }),
  }
}

/** No higher than it counts: a wall of eight lines says no more than one or two. */
function columns(values: readonly number[], { width, height }: PlotSize, names: Names, mark = 0): Plot {
  const most = Math.max(...values, mark)
  return columnPlot(values, { width, height: Math.min(height, Math.max(2, most)) }, names, mark)
}

function keptRequests({ incident, transactions }: DetailInput): Kept[] {
  const given =
    transactions.length > 0
      ? transactions.map(transactionView)
      : incidentView(incident).evidence.map((ref) => ({ ...ref, path: '', endpoint: null }))
  const kept: Kept[] = []
  for (const { ts, status, path, endpoint } of given) {
    const at = parseTime(ts)
    if (at !== null) kept.push({ at, status, path, endpoint })
  }
  return kept.sort((a, b) => a.at - b.at)
}

/** The last variable segment of each path, where nearly all are numbers. */
function objectIds(kept: readonly Kept[]): Point[] | null {
  const points: Point[] = []
  for (const { at, path, endpoint } of kept) {
    const template = endpoint?.slice(endpoint.indexOf(' ') + 1).split('/') ?? []
    const variable = template.findLastIndex((segment) => segment.startsWith('{'))
    const segment = variable < 0 ? '' : (path.split('/')[variable] ?? '')
    if (/^\d{1,15}$/.test(segment)) points.push({ x: at, y: Number(segment) })
  }
  return points.length > 1 && points.length >= kept.length * MOSTLY ? points : null
}

function buckets(kept: readonly Kept[], from: number, to: number): number[] {
  const counts = new Array<number>(BUCKETS).fill(0)
  for (const { at } of kept) {
    const share = to === from ? 0 : (at - from) / (to - from)
    counts[Math.min(BUCKETS - 1, Math.floor(share * BUCKETS))]!++
  }
  return counts
}

function sums(counts: readonly number[]): number[] {
  let sum = 0
  return counts.map((count) => {
    sum += count
    return sum
  })
}

/** The upper end of what the newest signal calls usual: 2 of `0-2`. Undefined where it tells no count. */
function usualMost({ signals }: DetailInput): number | undefined {
  const newest = signals.at(-1)
  const most = newest === undefined ? null : /^\d+-(\d+)$/.exec(signalView(newest).expected)
  return most === null ? undefined : Number(most[1])
}

function timeLabel(at: number): string {
  return clockTime(new Date(at / 1000).toISOString()).slice(0, 8)
}
