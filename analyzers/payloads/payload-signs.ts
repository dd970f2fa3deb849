import type { PayloadMark, Transaction } from '../../daemon/model/transaction.ts'

export function isLeak({ class: name }: PayloadMark): boolean {
  return name.startsWith('leak_')
}

/** Shorter waits happen by themselves. */
const LEAST_DELAY_MS = 900

/** Whether the answer took as long as the payload asked for. */
export function isDelayed({ durationUs }: Transaction, { delayMs }: PayloadMark): boolean {
  return delayMs !== null && delayMs >= LEAST_DELAY_MS && durationUs !== null && durationUs >= delayMs * 980
}
