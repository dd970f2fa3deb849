import { formatTime } from '../../daemon/model/time.ts'
import { mix } from '../draw.ts'
import type { Exchange } from '../exchange.ts'

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz'

/**
 * Exchanges as native records and as lines of truth. Records are as a gateway without privacy would write them: `redacted` is
 * false, so that whoever reads them hashes what is secret as if it came from the wire.
 */
export class Lines {
  readonly #run: string
  #number = 0

  /** Ids differ between seeds. */
  constructor(seed: string) {
    let value = 0
    for (let i = 0; i < seed.length; i++) value = mix(value, seed.charCodeAt(i))
    this.#run = base32(value, 7)
  }

  /** The next exchange, as its record and as its truth. */
  of(exchange: Exchange): { readonly record: string; readonly truth: string } {
    const id = `${base32(Math.floor(exchange.startUs / 1000), 10)}${this.#run}${base32(this.#number++, 9)}`
    const start = formatTime(exchange.startUs)
    return { record: recordLine(exchange, id, start), truth: truthLine(exchange, id, start) }
  }
}

function recordLine(exchange: Exchange, id: string, start: string): string {
  return JSON.stringify({
    id,
    ts: start,
    end_ts: formatTime(exchange.endUs),
    duration_us: exchange.endUs - exchange.startUs,
    client_ip: exchange.peer,
    client_port: exchange.peerPort,
    server_ip: exchange.server,
    server_port: exchange.serverPort,
    http_version: '1.1',
    method: exchange.method,
    scheme: exchange.scheme,
    host: exchange.host,
    path: exchange.path,
    query: exchange.query,
    status: exchange.status,
    request_headers: exchange.requestHeaders,
    response_headers: exchange.responseHeaders,
    request_body: exchange.requestBody,
    response_body: exchange.responseBody,
    ...unreadable(exchange),
    redacted: false,
    source: { kind: 'file', name: exchange.mirror },
  })
}

/** Bodies that are no text are left out, but for how long they were. */
function unreadable({ binaryBytes, uploadBytes }: Exchange): object {
  if (binaryBytes === 0 && uploadBytes === 0) return {}
  return {
    truncated: ['binary'],
    ...(binaryBytes > 0 ? { response_body_bytes: binaryBytes } : {}),
    ...(uploadBytes > 0 ? { request_body_bytes: uploadBytes } : {}),
  }
}

/** `id` finds it among native records; ts, client_ip and client_port among what was read from packets. */
function truthLine(exchange: Exchange, id: string, start: string): string {
  const { truth } = exchange
  return JSON.stringify({ id, ts: start, client_ip: exchange.peer, client_port: exchange.peerPort, ...truth })
}

function base32(value: number, length: number): string {
  let text = ''
  let rest = value
  for (let i = 0; i < length; i++) {
    text = DIGITS[rest % 32]! + text
    rest = Math.floor(rest / 32)
  }
  return text
}
