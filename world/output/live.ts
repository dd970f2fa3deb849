import { request } from 'node:http'
import type { Exchange } from '../exchange.ts'

/** On every request: whose doing this is. */
export const MARK_HEADER = 'X-Offpath-Simulated'
const CONNECTION_HEADERS = new Set(['host', 'content-length', 'x-forwarded-for', 'x-forwarded-proto', 'connection'])
const TIMEOUT_MS = 10_000

/**
 * Makes the request of an exchange at a real server, marked, with the caller's address as the last X-Forwarded-For. What the server
 * answers is its own affair: the truth says what was meant. Gives the status, or null when there was no answer.
 */
export function send(target: URL, exchange: Exchange, seed: string): Promise<number | null> {
  const { method, path, query, requestHeaders, requestBody, host } = exchange
  const headers: Record<string, string> = {}
  for (const [name, value] of requestHeaders) if (!CONNECTION_HEADERS.has(name.toLowerCase())) headers[name] = value
  headers.Host = host
  headers['X-Forwarded-For'] = callerOf(exchange)
  headers[MARK_HEADER] = seed
  if (requestBody !== '') headers['Content-Length'] = String(Buffer.byteLength(requestBody))
  return new Promise((resolve) => {
    const { hostname, port } = target
    const path_ = `${path}${query === '' ? '' : `?${query}`}`
    const sent = request({ hostname, port, method, path: path_, headers, timeout: TIMEOUT_MS }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? null))
      response.on('error', () => resolve(null))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(null))
    sent.end(requestBody)
  })
}

/** Who really called: behind the proxies, if there are any. */
function callerOf({ requestHeaders, peer }: Exchange): string {
  const chain = requestHeaders.find(([name]) => name === 'X-Forwarded-For')?.[1]
  return chain === undefined ? peer : chain.split(',')[0]!.trim()
}
