/** What marks of payloads say in numbers, for those that are found here and those that somebody else wrote. */

/** Characters of an excerpt, and of the tokens. */
export const MAX_EXCERPT = 120
/** Past this, log-odds only say "certainly". */
export const MAX_LOG_ODDS = 20
/** Longer delays no payload asks for: the connection would be gone. */
export const MAX_DELAY_MS = 600_000
/** One suspicious field in 150 is an attack: what a score is told with, before anything is known of the field. */
const PRIOR_LOG_ODDS = -5

/** 0..1 with three decimals. */
export function scoreOf(logOdds: number): number {
  return Math.round(1000 / (1 + Math.exp(-(logOdds + PRIOR_LOG_ODDS)))) / 1000
}

/** The inverse, for records that tell a score alone. */
export function logOddsOf(score: number): number {
  const inside = Math.min(0.9999, Math.max(0.0001, score))
  return Math.round((Math.log(inside / (1 - inside)) - PRIOR_LOG_ODDS) * 100) / 100
}
