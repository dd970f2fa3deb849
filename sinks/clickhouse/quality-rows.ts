import { type EventTime, MINUTE_US } from '../../daemon/model/time.ts'
import type { FunnelStage, LedgerTotals } from '../../daemon/telemetry/funnel.ts'
import type { SourceSample } from '../../daemon/telemetry/source-tallies.ts'
import type { RowBatches } from './row-batches.ts'

export const QUALITY_COLUMNS = ['minute', 'stage', 'name', 'count'] as const

/** What is kept of each source, under which last word of the name. */
const SOURCE_FIELDS = [
  ['frames', 'frames'],
  ['bytes', 'bytes'],
  ['unseenBytes', 'unseen_bytes'],
  ['holes', 'holes'],
  ['cutBytes', 'cut_bytes'],
  ['kernelDrops', 'kernel_drops'],
  ['interfaceDrops', 'interface_drops'],
  ['shedFrames', 'shed_frames'],
  ['records', 'records'],
] as const

type Counts = readonly (readonly [string, number])[]
type Totals = Readonly<Record<FunnelStage, LedgerTotals>>

/**
 * Totals since the start, made into what each minute added. Rows of one minute add up (SummingMergeTree), so a minute may
 * be written in parts.
 */
export class QualityRows {
  readonly #batches: RowBatches
  readonly #written = new Map<string, number>()
  #newest: Map<string, number> = new Map()
  #minute: EventTime | null = null

  constructor(batches: RowBatches) {
    this.#batches = batches
  }

  update(now: EventTime, funnel: Totals, weirds: Counts, counters: Counts, sources: readonly SourceSample[]): void {
    const minute = Math.floor(now / MINUTE_US) * MINUTE_US
    if (this.#minute !== null && minute !== this.#minute) this.write()
    this.#minute = minute
    this.#newest = flat(funnel, weirds, counters, sources)
  }

  /** What came since the last time, under the minute of the last update. */
  write(): void {
    if (this.#minute === null) return
    for (const [key, total] of this.#newest) {
      const added = total - (this.#written.get(key) ?? 0)
      if (added <= 0) continue
      this.#written.set(key, total)
      const space = key.indexOf(' ')
      const row = this.#batches.at(this.#minute)
      // A DateTime takes seconds since 1970.
      row.number(this.#minute / 1_000_000)
      row.text(key.slice(0, space))
      row.text(key.slice(space + 1))
      row.number(added)
      row.endRow()
      this.#batches.added(null)
    }
  }
}

/** `stage name` to total. */
function flat(funnel: Totals, weirds: Counts, counters: Counts, sources: readonly SourceSample[]): Map<string, number> {
  const all = new Map<string, number>()
  for (const [stage, totals] of Object.entries(funnel)) {
    all.set(`${stage} in`, totals.in)
    all.set(`${stage} delivered`, totals.delivered)
    for (const [cause, count] of Object.entries(totals.dropped)) all.set(`${stage} ${cause}`, count)
  }
  for (const [name, count] of weirds) all.set(`weird ${name}`, count)
  for (const [name, count] of counters) all.set(`counter ${name}`, count)
  for (const source of sources) {
    for (const [field, name] of SOURCE_FIELDS) {
      if (source[field] > 0) all.set(`source ${source.kind}:${source.name} ${name}`, source[field])
    }
  }
  return all
}
