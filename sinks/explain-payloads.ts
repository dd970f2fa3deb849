import type { SignalView } from './incident-view.ts'
import { type Look, renderTable } from './text-table.ts'

const MAX_PAYLOADS = 12
/** Said by the title of the column. */
const SEND = / send the like(?=$|;)/

/** What was sent, and where: each different payload once, the least likely first. Empty where no signal is about one. */
export function renderPayloads(signals: readonly SignalView[], look: Look): string {
  const distinct = new Map<string, { readonly signal: SignalView; readonly cells: string[]; count: number }>()
  for (const signal of signals) {
    const told = new Map(signal.evidence.map(({ name, text }) => [name, text]))
    const field = told.get('field')
    const rule = told.get('rule')
    const usual = told.get('field_normally')
    if (field === undefined || rule === undefined || usual === undefined) continue
    const decoded = told.get('decoded') ?? '(masked)'
    const layers = told.get('layers')
    const tokens = told.get('tokens')
    const key = [signal.detector, signal.endpoint, field, decoded].join('\n')
    const known = distinct.get(key)
    if (known !== undefined) known.count++
    else {
      const place = `${signal.endpoint ?? ''} ${field}`.trim()
      const cells = [rule, place, decoded, layers ? layers : '-', tokens ?? '-', usual.replace(SEND, '')]
      distinct.set(key, { signal, cells, count: 1 })
    }
  }
  if (distinct.size === 0) return ''
  const listed = [...distinct.values()].sort((a, b) => (a.signal.log10P ?? 0) - (b.signal.log10P ?? 0))
  const table = renderTable(
    [
      { title: 'RULE' },
      { title: 'FIELD', least: 12 },
      { title: 'DECODED', least: 16 },
      { title: 'UNDER' },
      { title: 'TOKENS', least: 6 },
      { title: 'FIELD NORMALLY', least: 12 },
      { title: 'TIMES', align: 'right' },
    ],
    listed.slice(0, MAX_PAYLOADS).map(({ cells, count }) => [...cells, String(count)]),
    look,
  )
  const more = listed.length - MAX_PAYLOADS
  return more > 0 ? `${table}and ${more} more\n` : table
}
