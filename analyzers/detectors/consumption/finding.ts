import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { signalOf, spanText } from '../../finding.ts'
import type { Heavy } from './heavy.ts'
import type { Measure } from './measure.ts'
import type { UsePopulation } from './population.ts'
import { SCALES_US } from './scales.ts'
import type { Usage } from './usage.ts'

/** A use that is far beyond what such callers do. */
export interface Excess {
  readonly usage: Usage
  readonly heavy: Heavy
  readonly population: UsePopulation
  readonly scale: number
  readonly value: number
  /** Of the floor. */
  readonly times: number
  readonly pValue: number
  /** What is usual, and by how many votes of callers' windows that is known. */
  readonly usual: { readonly median: number; readonly high: number; readonly votes: number }
}

export function useSignal(tx: Transaction, measure: Measure, excess: Excess, now: EventTime): Signal {
  const { usage, heavy, population, scale, value, times, pValue, usual } = excess
  const span = spanText(SCALES_US[scale]!)
  const range = rangeText(measure.shown(usual.median), measure.shown(usual.high))
  const told = measure.told(value, usage, population)
  const where = measure.per === 'endpoint' ? tx.endpoint : tx.service
  const past = heavy.explains(scale)
  const refused = tx.status !== null && tx.status >= 400
  return signalOf(measure.id, tx, now, {
    log10P: Math.log10(pValue),
    maturity: population.maturity,
    severity: measure.severity(tx, times, population),
    why: `${told} at ${where} within ${span}; usual for such callers: ${range}${past === null ? '' : `, and up to ${measure.shown(past)} for this one`}`,
    expected: `${range} in ${span}`,
    observed: told,
    evidence: {
      value: Math.round(value),
      window_seconds: SCALES_US[scale]! / 1e6,
      calls: usage.calls,
      usual_median: Number(usual.median.toPrecision(3)),
      usual_high: Number(usual.high.toPrecision(3)),
      usual_votes: Math.round(usual.votes),
      times_floor: Number(times.toPrecision(3)),
      classes: population.classes,
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: {
      answered: refused ? 0 : usage.calls,
      refused: refused ? usage.calls : 0,
      objectsExposed: 0,
      accounts: [],
      pSuccess: refused ? 0.1 : 0.8,
    },
    evidenceBefore: heavy.trail.take().slice(0, -1),
  })
}

function rangeText(median: string, high: string): string {
  return median === high ? median : `${median} to ${high}`
}
