import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createRawServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { play, type Step } from './transcript.ts'

/**
 * The Node server of the captures: one path per thing a server can do. Started as a process of its own in the server's
 * namespace (it then also plays scripted conversations on RAW_PORT), or in the client's process for loopback captures.
 */
export const NODE_PORT = 8080
export const RAW_PORT = 8088

const ORDERS = JSON.stringify(
  Array.from({ length: 40 }, (_, i) => ({ id: 1000 + i, state: i % 3 === 0 ? 'open' : 'sent', note: 'made-up order' })),
)

export function startOrigin(host: string, port: number): Promise<Server> {
  const server = createServer({ maxHeaderSize: 16_384, keepAliveTimeout: 60_000 }, (request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/refuse') {
      response.writeHead(417, { 'content-length': 0, connection: 'close' }).end()
      return
    }
    response.writeContinue()
    answer(request, response).catch(() => response.destroy())
  })
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n')
    socket.write('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n')
    socket.write(Buffer.from([0x81, 5, 0x68, 0x65, 0x6c, 0x6c, 0x6f]))
    socket.on('data', () => socket.end(Buffer.from([0x88, 0])))
  })
  server.on('connect', (_request, socket) => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    socket.on('data', (bytes) => socket.write(bytes))
    socket.on('end', () => socket.end())
  })
  return new Promise((resolve) => server.listen(port, host, () => resolve(server)))
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://origin.test')
  const [, first = '', second = ''] = url.pathname.split('/')
  if (first === 'early-413') {
    response.writeHead(413, { connection: 'close', 'content-length': 9 }).end('too large')
    return
  }
  let received = 0
  let text = ''
  for await (const chunk of request) {
    received += (chunk as Buffer).length
    if (first === 'signin') text += String(chunk)
  }
  switch (first) {
    case 'bytes':
      fixed(response, 200, 'x'.repeat(Number(second)))
      return
    case 'chunked':
      response.writeHead(200, { 'content-type': 'text/plain' })
      for (let sent = 0; sent < Number(second); sent += 1000) {
        response.write('y'.repeat(Math.min(1000, Number(second) - sent)))
        await sleep(2)
      }
      response.end()
      return
    case 'trailers':
      response.writeHead(200, { trailer: 'x-checksum', 'content-type': 'text/plain' })
      response.write('with trailers')
      response.addTrailers({ 'x-checksum': 'abc123' })
      response.end()
      return
    case 'gzip':
    case 'deflate':
    case 'deflate-raw':
    case 'br': {
      const encode = { gzip: gzipSync, deflate: deflateSync, 'deflate-raw': deflateRawSync, br: brotliCompressSync }[
        first
      ]
      const body = encode(Buffer.from(ORDERS))
      const name = first === 'deflate-raw' ? 'deflate' : first
      response.setHeader('content-type', 'application/json')
      response.setHeader('content-encoding', name)
      if (second === 'chunked') response.write(body.subarray(0, 100))
      else response.setHeader('content-length', body.length)
      response.end(second === 'chunked' ? body.subarray(100) : body)
      return
    }
    case 'status':
      response.statusCode = Number(second)
      if (second === '204' || second === '304') response.end()
      else fixed(response, Number(second), `status ${second}\n`)
      return
    case 'etag':
      if (request.headers['if-none-match'] === '"v1"') response.writeHead(304, { etag: '"v1"' }).end()
      else response.writeHead(200, { etag: '"v1"', 'content-length': 6 }).end('tagged')
      return
    case 'hints':
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
      await sleep(5)
      fixed(response, 200, 'after hints')
      return
    case 'redirect':
      response.setHeader('location', 'http://app.shop.test/callback?code=made-up-code-1&access_token=made-up-token-2')
      fixed(response, 302, '')
      return
    case 'login':
      response.setHeader('set-cookie', ['sid=made-up-session-3; HttpOnly; Path=/', 'theme=dark'])
      fixed(response, 200, JSON.stringify({ access_token: 'made-up-token-4', token_type: 'bearer' }))
      return
    case 'signin':
      if (text.includes('made-up-right')) fixed(response, 200, '{"token":"made-up-token-7"}')
      else fixed(response, 401, '{"error":"wrong"}')
      return
    case 'private':
      response.setHeader('www-authenticate', 'Basic realm="made-up"')
      if (request.headers.authorization === undefined) fixed(response, 401, 'who are you')
      else fixed(response, 200, 'come in')
      return
    case 'slow':
      await sleep(Number(second))
      fixed(response, 200, 'at last')
      return
    case 'half':
      response.writeHead(200, { 'content-length': 5000 })
      response.write('z'.repeat(2000))
      await sleep(20)
      response.socket?.resetAndDestroy()
      return
    case 'received':
      fixed(response, 201, JSON.stringify({ received }))
      return
    case 'orders':
      response.setHeader('content-type', 'application/json')
      fixed(response, 200, second === '' ? ORDERS : JSON.stringify({ id: Number(second), state: 'open' }))
      return
    default:
      if (/^[.]|[.](php|bak|sql|zip)$/.test(first)) {
        fixed(response, 404, 'not here\n')
        return
      }
      fixed(response, 200, 'hello\n')
  }
}

function fixed(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status
  response.setHeader('content-length', Buffer.byteLength(body))
  response.end(body)
}

/** Messages to the process form of this file. */
export interface Script {
  readonly transcript: readonly Step[]
}

if (process.send !== undefined && process.env.OFFPATH_ORIGIN !== undefined) {
  const waiting: (readonly Step[])[] = []
  process.on('message', (message: Script) => {
    waiting.push(message.transcript)
    process.send?.('scripted')
  })
  process.on('disconnect', () => process.exit(0))
  const raw = createRawServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    const steps = waiting.shift()
    if (steps === undefined) socket.destroy()
    else play(socket, 'server', steps).catch(() => socket.destroy())
  })
  raw.listen(RAW_PORT, '::')
  startOrigin('::', NODE_PORT)
    .then(() => process.send?.('ready'))
    .catch(() => process.exit(1))
}
