import { type Evidence, NO_EVIDENCE, type PayloadCheck, type PayloadClass } from '../payload.ts'

/** Name, natural log of the odds, and what it looks like; the first that is found counts. */
export type LeakRule = readonly [name: string, logOdds: number, pattern: RegExp]

/**
 * What an answer gives away that was not meant for its reader. `raw`: rules that are about a file as it is; where it is escaped to be shown, somebody
 * shows it.
 */
export function leak(
  name: Extract<PayloadClass, `leak_${string}`>,
  literals: readonly string[],
  rules: readonly LeakRule[],
  raw: ReadonlySet<string> = new Set(),
): PayloadCheck {
  return {
    class: name,
    side: 'response',
    literals,
    check: ({ text, layers }): readonly Evidence[] => {
      for (const [rule, logOdds, pattern] of rules) {
        if (raw.has(rule) && layers.length > 0) continue
        const match = pattern.exec(text)
        if (match === null) continue
        const start = Math.max(0, match.index - 16)
        return [
          { rule: `${name}.${rule}`, logOdds, excerpt: text.slice(start, start + 160), tokens: match[0].slice(0, 60) },
        ]
      }
      return NO_EVIDENCE
    },
  }
}
