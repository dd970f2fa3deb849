import type { CapturedFrame } from './capture-file.ts'
import { ipFrame } from './ip-packet.ts'
import { ACK, FIN, SYN } from './tcp-frame.ts'

/** One request with its response on a connection of its own, in documentation addresses. */
export interface ExchangeOptions {
  /** When its SYN is sent, in milliseconds since 1970. */
  readonly atMs: number
  /** Tells connections apart: the client's port and both initial sequence numbers follow from it. */
  readonly number: number
  readonly path?: string
  readonly responseBytes?: number
  /** Added to both initial sequence numbers. */
  readonly isn?: number
  /** Bytes that the client sends; default: a GET of `path`. */
  readonly request?: Buffer
  /** Bytes that the server answers; default: a text of `responseBytes`. */
  readonly response?: Buffer
}

const SERVER_PORT = 8080
const SEGMENT_BYTES = 1000
const PSH = 8

/** Every frame of the exchange, a millisecond apart: handshake, request, response in segments that are acknowledged, FINs. */
export function exchange(options: ExchangeOptions) {
  const { atMs, number, path = '/v1/orders', responseBytes = 200, isn = 0 } = options
  const frames: CapturedFrame[] = []
  let clientSeq = 1000 + number * 7919 + isn
  let serverSeq = 500_000_000 + number * 104_729 + isn
  const send = (fromClient: boolean, flags: number, payload: Buffer) => {
    const time = BigInt(Math.round(atMs) + frames.length) * 1_000_000n
    const header = Buffer.alloc(20)
    const port = 20_000 + (number % 12_000)
    header.writeUInt16BE(fromClient ? port : SERVER_PORT, 0)
    header.writeUInt16BE(fromClient ? SERVER_PORT : port, 2)
    header.writeUInt32BE((fromClient ? clientSeq : serverSeq) >>> 0, 4)
    header.writeUInt32BE((flags & ACK) === 0 ? 0 : (fromClient ? serverSeq : clientSeq) >>> 0, 8)
    header[12] = 5 << 4
    header[13] = flags
    header.writeUInt16BE(64_000, 14)
    frames.push(
      tcpFrame(time, fromClient, (number * 97 + frames.length + 1) & 0xffff, Buffer.concat([header, payload])),
    )
    const length = payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1)
    if (fromClient) clientSeq += length
    else serverSeq += length
  }
  const nothing = Buffer.alloc(0)
  send(true, SYN, nothing)
  send(false, SYN | ACK, nothing)
  send(true, ACK, nothing)
  send(true, ACK | PSH, options.request ?? Buffer.from(`GET ${path} HTTP/1.1\r\nHost: api.shop.test\r\n\r\n`))
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${responseBytes}\r\n\r\n`
  const response = options.response ?? Buffer.from(head + 'x'.repeat(responseBytes))
  for (let from = 0; from < response.length; from += SEGMENT_BYTES) {
    send(false, ACK | PSH, response.subarray(from, from + SEGMENT_BYTES))
    send(true, ACK, nothing)
  }
  send(true, ACK | FIN, nothing)
  send(false, ACK | FIN, nothing)
  send(true, ACK, nothing)
  return frames
}

const TCP = 6

/** The same two addresses in either order have the same checksum. */
function tcpFrame(time: bigint, fromClient: boolean, id: number, segment: Buffer): CapturedFrame {
  const frame = ipFrame(time, 4, TCP, id, segment, segment.length)
  if (fromClient) return frame
  const { bytes } = frame
  return {
    ...frame,
    bytes: Buffer.concat([bytes.subarray(0, 26), bytes.subarray(30, 34), bytes.subarray(26, 30), bytes.subarray(34)]),
  }
}
