import { HOUR_US } from '../daemon/model/time.ts'
import type { Season } from './visits/kinds.ts'

/** Weights of the hours of a day, and of the days of a week from Monday; the average of each row is near 1. */
const PEOPLE = [3, 2, 1, 1, 1, 2, 5, 9, 14, 16, 17, 18, 21, 19, 17, 17, 18, 20, 23, 25, 24, 19, 12, 6]
const OFFICE = [0, 0, 0, 0, 0, 0, 1, 6, 22, 34, 36, 34, 22, 30, 36, 34, 26, 12, 4, 2, 1, 0, 0, 0]
const NIGHT = [0, 60, 90, 60, 30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
const FLAT = Array.from({ length: 24 }, () => 10)
const WEEK_PEOPLE = [1, 0.95, 0.95, 1, 1.05, 1.1, 0.95]
const WEEK_OFFICE = [1.4, 1.4, 1.35, 1.35, 1.2, 0.2, 0.1]
const WEEK_FLAT = [1, 1, 1, 1, 1, 1, 1]

const ROWS: Readonly<Record<Season, readonly [readonly number[], readonly number[]]>> = {
  people: [PEOPLE, WEEK_PEOPLE],
  office: [OFFICE, WEEK_OFFICE],
  night: [NIGHT, WEEK_FLAT],
  flat: [FLAT, WEEK_FLAT],
}

/** 1970-01-01 was a Thursday. */
const FIRST_DAY = 3

/** How busy `season` is at a time, 1 being the average of the week; straight lines between the hours. */
export function busyness(season: Season, timeUs: number): number {
  const [hours, days] = ROWS[season]
  const hour = timeUs / HOUR_US
  const whole = Math.floor(hour)
  const day = days[(Math.floor(hour / 24) + FIRST_DAY) % 7]!
  const from = hours[whole % 24]!
  const to = hours[(whole + 1) % 24]!
  return (day * (from + (to - from) * (hour - whole))) / MEAN[season]
}

/** Never less than `busyness` at any time. */
export function busiest(season: Season): number {
  const [hours, days] = ROWS[season]
  return (Math.max(...hours) * Math.max(...days)) / MEAN[season]
}

const MEAN = Object.fromEntries(
  Object.entries(ROWS).map(([season, [hours, days]]) => [season, average(hours) * average(days)]),
) as Record<Season, number>

function average(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length
}
