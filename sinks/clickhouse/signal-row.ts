import { createHash } from 'node:crypto'
import type { Signal } from '../../daemon/model/signal.ts'
import { encodeSignal } from '../signal-json.ts'
import type { TsvText } from './tsv-text.ts'

export const SIGNAL_COLUMNS = [
  'id',
  'ts',
  'detector',
  'transaction_id',
  'principal_kind',
  'principal_id',
  'principal_display',
  'subject_kind',
  'subject_value',
  'endpoint',
  'service',
  'status',
  'severity',
  'score',
  'log10_p',
  'maturity',
  'why',
  'signal',
] as const

/** Signals have no id of their own: the same finding about the same transaction and subject has the same one here, whenever it is read again. */
export function signalId(signal: Signal): string {
  const { detector, time, transactionId, subject } = signal
  return createHash('sha256')
    .update(JSON.stringify([detector, time, transactionId, subject.kind, subject.value]))
    .digest('hex')
    .slice(0, 32)
}

export function writeSignal(row: TsvText, id: string, signal: Signal): void {
  row.text(id)
  row.time(signal.time)
  row.text(signal.detector)
  row.text(signal.transactionId)
  row.text(signal.principal.kind)
  row.text(signal.principal.id)
  row.text(signal.principal.display)
  row.text(signal.subject.kind)
  row.text(signal.subject.value)
  row.text(signal.endpoint)
  row.text(signal.service)
  row.number(signal.status)
  row.text(signal.severity)
  row.decimal(signal.score)
  row.decimal(signal.log10P)
  row.decimal(signal.maturity)
  row.text(signal.why)
  row.text(encodeSignal(signal))
  row.endRow()
}
