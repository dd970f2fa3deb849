import { createHash } from 'node:crypto'
import type { EventTime } from '../model/time.ts'

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * 128 bits in 26 digits of lower-case Crockford base32, like a transaction's id: 48 bits of the opening time in milliseconds,
 * then 80 bits of a hash of what the incident is. The same traffic gives the same id; ids sort by time.
 */
export function incidentId(policy: string, key: string, openedAt: EventTime, transactionId: string): string {
  const digest = createHash('sha256')
    .update([policy, key, String(openedAt), transactionId].join('\0'))
    .digest('hex')
  const milliseconds = BigInt(Math.max(0, Math.floor(openedAt / 1000))) & 0xffffffffffffn
  let rest = (milliseconds << 80n) | BigInt(`0x${digest.slice(0, 20)}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = DIGITS[Number(rest & 31n)]! + text
    rest >>= 5n
  }
  return text
}
