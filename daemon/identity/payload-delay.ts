import type { PayloadFinding } from '../payload/scanner.ts'
import { MAX_DELAY_MS } from './payload-score.ts'

const SECOND_MS = 1000
/** Classes whose interpreters can be told to wait. */
const CAN_WAIT = new Set(['sqli', 'nosqli', 'command', 'code', 'ssti', 'deserialization'])

/** What a payload asks an interpreter to wait, in milliseconds from what the pattern caught. */
const WAITS: readonly (readonly [RegExp, (caught: readonly string[]) => number])[] = [
  [/thread\.sleep\s{0,8}\(\s{0,8}(\d{1,6})/, ([ms]) => Number(ms)],
  [/\b(?:pg_)?sleep(?:_for)?\s{0,8}\(\s{0,8}['"]?(\d{1,4}(?:\.\d{1,3})?)/, ([seconds]) => Number(seconds) * SECOND_MS],
  [/\bdbms_lock\.sleep\s{0,8}\(\s{0,8}(\d{1,4})/, ([seconds]) => Number(seconds) * SECOND_MS],
  [
    /\breceive_message\s{0,8}\([^()]{0,64}(?:\([^()]{0,64}\)[^()]{0,64}){0,4},\s{0,8}(\d{1,4})/,
    ([s]) => Number(s) * SECOND_MS,
  ],
  [
    /\bwaitfor\s{1,8}delay\s{1,8}['"](\d{1,2}):(\d{1,2}):(\d{1,2})/,
    ([hours, minutes, seconds]) => (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * SECOND_MS,
  ],
  [/\b(?:sleep|timeout\s{1,4}\/t)\s{1,8}(\d{1,4})\b/, ([seconds]) => Number(seconds) * SECOND_MS],
  // One echo a second, the first at once.
  [/\bping\s{1,8}-[nc]\s{0,8}(\d{1,4})\b/, ([count]) => (Number(count) - 1) * SECOND_MS],
]

/** The delay that a payload asks for, in milliseconds; null where it names none. */
export function delayNamedBy({ class: name, text }: PayloadFinding): number | null {
  if (!CAN_WAIT.has(name)) return null
  const lower = text.toLowerCase()
  for (const [pattern, waits] of WAITS) {
    const match = pattern.exec(lower)
    if (match === null) continue
    const ms = waits(match.slice(1))
    return ms > 0 && ms <= MAX_DELAY_MS ? ms : null
  }
  return null
}
