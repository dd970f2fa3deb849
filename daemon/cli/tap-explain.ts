import { factsOf, type Starved, starvedDetectors } from '../../analyzers/needs.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { escapeTerminal } from '../../sinks/escape.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import { IDENTITY_DEFAULTS } from '../identity/recorder.ts'
import { Resolver } from '../identity/resolver.ts'
import type { Transaction } from '../model/transaction.ts'
import { createTapDecoder } from '../tap/decoder.ts'
import type { FieldWatch } from '../tap/fields.ts'
import { LACKS, type Preset } from '../tap/mapping.ts'
import { percent, type Score } from '../tap/recognise.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'

export interface SampleLine {
  /** Text, or JSON where the file is one JSON text. */
  readonly value: unknown
  readonly line: number
}

interface FieldReport {
  readonly field: string
  /** How often each way of the mapping gave it. */
  readonly from: Record<string, number>
  /** How often each failed, and what stood there first: its kind only, since it may be a secret. */
  readonly failed: Record<string, { count: number; found: string }>
}

export interface TapReport {
  readonly source: string
  readonly format: string
  readonly title: string
  readonly confidence: number
  readonly scores: readonly Score[]
  readonly records: number
  readonly transactions: number
  readonly undecodable: Record<string, number>
  readonly fields: readonly FieldReport[]
  readonly says: readonly string[]
  readonly lacks: readonly string[]
  readonly notes: readonly string[]
  readonly detectors: readonly Starved[]
  /** The first transaction, redacted, as it would be stored. */
  readonly sample: unknown
}

/** Decodes a sample and says where every field came from, what failed, and what detectors will miss. */
export function explainSample(
  source: string,
  lines: readonly SampleLine[],
  format: string | Preset,
  key: PrivacyKey,
): TapReport {
  const fields = new Map<string, FieldReport>()
  const reportOf = (field: string): FieldReport => {
    const report = fields.get(field) ?? { field, from: {}, failed: {} }
    fields.set(field, report)
    return report
  }
  const watch: FieldWatch = {
    found: (field, label) => {
      const { from } = reportOf(field)
      from[label] = (from[label] ?? 0) + 1
    },
    failed: (field, label, value) => {
      const { failed } = reportOf(field)
      failed[label] ??= { count: 0, found: shapeOf(value) }
      failed[label].count++
    },
  }
  const decoder = createTapDecoder({
    format,
    key,
    options: IDENTITY_DEFAULTS,
    bodies: true,
    telemetry: { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() },
    source: { kind: 'file', name: source },
    sourceName: source,
    watch,
  })
  const resolver = new Resolver()
  const transactions: Transaction[] = []
  const keep = (transaction: Transaction) => {
    resolver.resolve(transaction)
    transactions.push(transaction)
  }
  for (const { value, line } of lines) {
    decoder.decode({ value, position: line, partition: null, timestampMs: null }, keep)
  }
  decoder.flush(keep)
  decoder.close()
  const { preset, confidence, scores } = decoder.format!
  const facts = factsOf(transactions, preset.lacks)
  const order = [...Object.keys(preset.fields), 'raw_http']
  const untouched = Object.keys(preset.fields).filter((field) => !fields.has(field))
  for (const field of untouched) reportOf(field)
  return {
    source,
    format: preset.name,
    title: preset.title,
    confidence,
    scores: scores.filter(({ score }) => score > 0).slice(0, 3),
    records: decoder.coverage.records,
    transactions: transactions.length,
    undecodable: Object.fromEntries(decoder.coverage.undecodable),
    fields: [...fields.values()].sort((a, b) => order.indexOf(a.field) - order.indexOf(b.field)),
    says: LACKS.filter((lack) => facts.has(lack)),
    lacks: LACKS.filter((lack) => !facts.has(lack)),
    notes: preset.notes,
    detectors: starvedDetectors(
      DETECTORS.map(({ id }) => id),
      facts,
    ),
    sample: transactions[0] === undefined ? null : JSON.parse(encodeTransaction(transactions[0])),
  }
}

function shapeOf(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters`
  if (Buffer.isBuffer(value)) return `${value.length} bytes`
  if (Array.isArray(value)) return `a list of ${value.length}`
  return value === null ? 'null' : typeof value
}

/** For people. What is left out of a table (fields that were never there) is named in one line. */
export function renderTapReport(report: TapReport): string {
  const sure = report.confidence < 1 || report.scores.length > 0 ? `, ${percent(report.confidence)} sure` : ''
  const out = [
    `${escapeTerminal(report.source)}: ${report.format} (${report.title})${sure}`,
    `${counted(report.records, 'record')}, ${counted(report.transactions, 'transaction')}${lost(report.undecodable)}`,
  ]
  const others = report.scores.slice(1).map(({ name, score }) => `${name} ${percent(score)}`)
  if (others.length > 0) out.push(`also possible: ${others.join(', ')}`)
  const seen = report.fields.filter((field) => Object.keys(field.from).length + Object.keys(field.failed).length > 0)
  if (seen.length > 0) {
    const rows = seen.flatMap(rowsOf)
    const width = (column: number) => Math.max(...rows.map((row) => row[column]!.length))
    out.push('', ...table([['field', 'read from', 'records'], ...rows], [Math.max(5, width(0)), Math.max(9, width(1))]))
  }
  const absent = report.fields.filter((field) => !seen.includes(field)).map(({ field }) => field)
  if (absent.length > 0) out.push('', `never there: ${absent.join(', ')}`)
  out.push('', `this sample says: ${report.says.join(', ') || 'nothing of use'}`)
  out.push(`this sample lacks: ${report.lacks.join(', ') || 'nothing'}`)
  for (const note of report.notes) out.push(`note: ${note}`)
  if (report.detectors.length > 0) {
    const width = Math.max(...report.detectors.map(({ detector }) => detector.length))
    out.push('', 'detectors that see less:')
    for (const { detector, state, why } of report.detectors) {
      out.push(`  ${detector.padEnd(width)}  ${state.padEnd(7)}  ${why}`)
    }
  }
  if (report.sample !== null)
    out.push('', 'first transaction, as it is kept:', escapeTerminal(JSON.stringify(report.sample)))
  return `${out.join('\n')}\n`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function lost(undecodable: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(undecodable).map(([reason, count]) => `${count} ${reason}`)
  return reasons.length === 0 ? '' : `; not decoded: ${reasons.join(', ')}`
}

function rowsOf({ field, from, failed }: FieldReport): string[][] {
  const rows = Object.entries(from).map(([label, count]) => [label, String(count)])
  for (const [label, { count, found }] of Object.entries(failed)) rows.push([label, `${count} failed (${found})`])
  return rows.map(([label, count], index) => [index === 0 ? field : '', escapeTerminal(label!), count!])
}

function table(rows: readonly (readonly string[])[], widths: readonly number[]): string[] {
  return rows.map((row) =>
    row
      .map((cell, column) => (column < widths.length ? cell.padEnd(widths[column]!) : cell))
      .join('  ')
      .trimEnd(),
  )
}
