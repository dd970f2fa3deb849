// A receiver of Offpath's signed events: Node 18 or newer, nothing to install.
//   OFFPATH_WEBHOOK_SECRETS='whsec_…[ whsec_…]' PORT=8080 node receiver.mjs
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const secrets = (process.env.OFFPATH_WEBHOOK_SECRETS ?? '')
  .split(' ')
  .filter(Boolean)
  .map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
const TOLERANCE_SECONDS = 300
const MAX_BODY_BYTES = 4 * 1024 * 1024

/** `body` must be the bytes as they came, not JSON written anew. */
export function verify(headers, body, nowSeconds = Date.now() / 1000) {
  const id = headers['webhook-id'] ?? ''
  const timestamp = headers['webhook-timestamp'] ?? ''
  const signatures = (headers['webhook-signature'] ?? '').split(' ')
  if (id === '' || !/^\d{1,12}$/.test(timestamp)) return false
  if (Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) return false
  return secrets.some((secret) => {
    const hmac = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body)
    const expected = Buffer.from(`v1,${hmac.digest('base64')}`)
    return signatures.some((text) => {
      const given = Buffer.from(text)
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
  })
}

const seen = new Set()

function handle(event) {
  // Deliveries may repeat: do each id once. Remember the newest 10,000.
  if (seen.has(event.id)) return
  seen.add(event.id)
  if (seen.size > 10_000) seen.delete(seen.values().next().value)
  // A rehearsal is for the record only.
  console.log(event.simulated ? 'simulated' : 'received', event.type, event.subject)
}

const server = createServer((request, response) => {
  const chunks = []
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) request.destroy()
    else chunks.push(chunk)
  })
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    if (!verify(request.headers, body)) return response.writeHead(401).end()
    handle(JSON.parse(body.toString()))
    response.writeHead(204).end()
  })
})
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log('listening', server.address().port))
