import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Standard Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`, as `v1,<base64>`; one for each secret in use, separated by
 * spaces, so that receivers can change over from one secret to the next (standardwebhooks.com, specification 1.0).
 */

export interface SignedHeaders {
  readonly 'webhook-id': string
  /** Seconds since 1970 of this try, not of the event. */
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

/** `secrets`: the newest first, as bytes (see parseSecret). */
export function sign(id: string, body: string | Buffer, secrets: readonly Buffer[], nowMs: number): SignedHeaders {
  const timestamp = String(Math.floor(nowMs / 1000))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets
      .map((secret) => `v1,${digest(id, timestamp, body, secret).toString('base64')}`)
      .join(' '),
  }
}

/** Which check failed; null when the request is what a holder of one of the secrets sent within the tolerance. */
export type SignatureFault =
  | 'webhook-id is missing'
  | 'webhook-timestamp is missing'
  | 'webhook-timestamp is no whole number of seconds'
  | 'webhook-timestamp is too old'
  | 'webhook-timestamp is in the future'
  | 'webhook-signature is missing'
  | 'webhook-signature has no v1 signature'
  | 'webhook-signature is of another body, id, timestamp or secret'

export const TOLERANCE_SECONDS = 300
/** More are not looked at: a sender has two secrets at most, and a stranger shall not make us compute. */
const MAX_SIGNATURES = 8

/** Header names in any case. Signatures are compared in constant time, before the time is looked at. */
export function verify(
  headers: Readonly<Record<string, string | undefined>>,
  body: string | Buffer,
  secrets: readonly Buffer[],
  nowMs: number,
  toleranceSeconds = TOLERANCE_SECONDS,
): SignatureFault | null {
  const named = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value?.trim() ?? '']))
  const id = named.get('webhook-id') ?? ''
  const timestamp = named.get('webhook-timestamp') ?? ''
  const signatures = named.get('webhook-signature') ?? ''
  if (id === '') return 'webhook-id is missing'
  if (timestamp === '') return 'webhook-timestamp is missing'
  if (!/^\d{1,12}$/.test(timestamp)) return 'webhook-timestamp is no whole number of seconds'
  if (signatures === '') return 'webhook-signature is missing'
  const given = signatures
    .split(/ +/, MAX_SIGNATURES)
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice(3), 'latin1'))
  if (given.length === 0) return 'webhook-signature has no v1 signature'
  let found = false
  for (const secret of secrets) {
    const expected = Buffer.from(digest(id, timestamp, body, secret).toString('base64'), 'latin1')
    for (const signature of given) {
      if (signature.length === expected.length && timingSafeEqual(signature, expected)) found = true
    }
  }
  if (!found) return 'webhook-signature is of another body, id, timestamp or secret'
  const age = Math.floor(nowMs / 1000) - Number(timestamp)
  if (age > toleranceSeconds) return 'webhook-timestamp is too old'
  if (age < -toleranceSeconds) return 'webhook-timestamp is in the future'
  return null
}

function digest(id: string, timestamp: string, body: string | Buffer, secret: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest()
}
