import { type Evidence, NO_EVIDENCE } from '../payload.ts'

/** Evidence around a match. */
export function one(rule: string, logOdds: number, text: string, match: RegExpExecArray): readonly Evidence[] {
  const start = Math.max(0, match.index - 8)
  return [{ rule, logOdds, excerpt: text.slice(start, start + 120), tokens: match[0].slice(0, 60) }]
}

/** Of the first of these rules that matches. */
export function firstOf(
  text: string,
  name: string,
  rules: readonly (readonly [string, number, RegExp])[],
): readonly Evidence[] {
  for (const [rule, logOdds, pattern] of rules) {
    const match = pattern.exec(text)
    if (match !== null) return one(`${name}.${rule}`, logOdds, text, match)
  }
  return NO_EVIDENCE
}
