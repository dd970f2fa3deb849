import { HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'

/** Windows that use is added up in: a minute, ten, an hour. */
export const SCALES_US = [MINUTE_US, 10 * MINUTE_US, HOUR_US] as const
export const MINUTE = 0
export const TEN = 1
export const HOUR = 2
/** One number for each of SCALES_US. */
export type ByScale<T> = readonly [minute: T, ten: T, hour: T]
