import { DAY_US, type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../model/time.ts'

const UNITS: Readonly<Record<string, EventTime>> = { s: SECOND_US, m: MINUTE_US, h: HOUR_US, d: DAY_US }

/** `90s`, `15m`, `6h`, `7d`. */
export const DURATION = /^(\d{1,6})([smhd])$/

/** In microseconds; NaN when the text is no duration. */
export function durationUs(text: string): EventTime {
  const match = DURATION.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * UNITS[match[2]!]!
}
