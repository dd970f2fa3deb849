import { escapeTerminal } from './escape.ts'
import type { SignalView } from './incident-view.ts'
import { type Look, renderTable } from './text-table.ts'

/** What a detector's figure stands for. Figures that add up to its evidence are called `llr_…`, natural logarithms. */
const FEATURES: Readonly<Record<string, string>> = {
  llr_tail: 'more of them than such callers ask for',
  llr_refused: 'refused or not found',
  llr_neighbours: 'ids one after the other',
  llr_foreign: 'first seen with other callers',
}
const SHIPPED = 'log_odds_shipped'
const HERE = 'log_odds_here'
const BAR = 24

/**
 * Which feature added what to the newest signal of an incident, largest first, in powers of ten: 2.00 makes it a hundred times less
 * likely to be honest. Empty where the detector goes by one feature alone.
 */
export function renderFeatures(signals: readonly SignalView[], look: Look): string {
  const newest = signals.at(-1)
  if (newest === undefined) return ''
  const features = featuresOf(newest).sort((a, b) => b.powers - a.powers)
  if (features.length < 2) return ''
  const most = Math.max(...features.map(({ powers }) => Math.abs(powers)), 1)
  return renderTable(
    [{ title: 'FEATURE', least: 20 }, { title: 'ADDED', align: 'right' }, { title: '' }],
    features.map(({ name, powers }) => [
      escapeTerminal(name),
      `${powers < 0 ? '' : '+'}${powers.toFixed(2)}`,
      (powers < 0 ? '-' : '█').repeat(Math.round((Math.abs(powers) / most) * BAR)),
    ]),
    look,
  )
}

interface Feature {
  readonly name: string
  readonly powers: number
}

function featuresOf({ evidence }: SignalView): Feature[] {
  const figures = new Map(evidence.map(({ name, text }) => [name, Number(text)]))
  const shipped = figures.get(SHIPPED)
  const here = figures.get(HERE)
  if (shipped !== undefined && here !== undefined) {
    return [
      { name: 'what was sent, anywhere', powers: shipped / Math.LN10 },
      { name: 'what this field usually carries', powers: (here - shipped) / Math.LN10 },
    ].filter(({ powers }) => Number.isFinite(powers))
  }
  return [...figures]
    .filter(([name, value]) => name.startsWith('llr_') && Number.isFinite(value))
    .map(([name, value]) => ({
      name: FEATURES[name] ?? name.slice('llr_'.length).replaceAll('_', ' '),
      powers: value / Math.LN10,
    }))
}

/** Figures that are told by the features, and not once more among the evidence. */
export function isFeature(name: string): boolean {
  return name.startsWith('llr_') || name === SHIPPED || name === HERE
}
