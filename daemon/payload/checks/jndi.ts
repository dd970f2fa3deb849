import { type Evidence, NO_EVIDENCE, type PayloadCheck } from '../payload.ts'

/** Rounds of resolving lookups that stand in one another. */
const MAX_ROUNDS = 6

/**
 * Lookups that make a logging library fetch code (CVE-2021-44228 and its kin): `${jndi:ldap://…}`, also when the word is put together by
 * other lookups, `${${lower:j}ndi:…}`.
 */
export const jndi: PayloadCheck = {
  class: 'jndi',
  side: 'request',
  literals: ['${', '$%7b', 'jndi:'],
  check: ({ text }): readonly Evidence[] => {
    const resolved = resolve(text)
    const match = LOOKUP.exec(resolved)
    if (match !== null) {
      const hidden = resolved !== text
      return [
        { rule: hidden ? 'jndi.hidden' : 'jndi.lookup', logOdds: 13, excerpt: text.slice(0, 200), tokens: match[0] },
      ]
    }
    const other = OTHER.exec(text)
    if (other === null) return NO_EVIDENCE
    return [{ rule: 'jndi.other_lookup', logOdds: 6, excerpt: other[0], tokens: other[0] }]
  },
}

const LOOKUP = /\$\{\s{0,8}jndi\s{0,8}:\s{0,8}(?:ldaps?|rmi|dns|nis|iiop|corba|nds|https?|\$\{)?/i
/** Log4j's own lookups: they give away the environment. */
const OTHER =
  /\$\{(?:env|sys|java|ctx|main|bundle|docker|k8s|web|spring|log4j|event|base64|date|script|url|dns|file):[^}$]{1,64}\}/i

/** `${lower:j}` is j, `${::-j}` and `${env:NO_SUCH:-j}` too. */
const INNERMOST = /\$\{\s{0,4}(?:(?:lower|upper|date):([^${}]{0,32})|[^${}]{0,64}?:-([^${}]{0,32}))\}/gi

function resolve(text: string): string {
  let now = text
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = now.replace(
      INNERMOST,
      (_, inside: string | undefined, fallback: string | undefined) => inside ?? fallback ?? '',
    )
    if (next === now) break
    now = next
  }
  return now
}
