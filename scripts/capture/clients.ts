import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { CLIENT, SERVER } from './network.ts'
import type { LedgerEntry } from './note.ts'
import { NODE_PORT, RAW_PORT } from './origin.ts'
import { play, type Step } from './transcript.ts'

const run = promisify(execFile)

export interface NodeCall {
  readonly method?: string
  readonly headers?: Record<string, string | string[] | number>
  readonly body?: string
  /** Send the body in these pieces, chunked. */
  readonly pieces?: readonly string[]
  readonly trailers?: Record<string, string>
  readonly agent?: Agent
  readonly server?: string
  readonly port?: number
  readonly from?: string
  readonly localPort?: number
  /** Wait for 100 Continue before the body. */
  readonly expectContinue?: boolean
}

/** One request by Node's http client, and the ledger's line of what it sent and got. */
export function nodeCall(target: string, call: NodeCall = {}): Promise<LedgerEntry> {
  return new Promise((resolve, reject) => {
    const server = call.server ?? SERVER
    const port = call.port ?? NODE_PORT
    const method = call.method ?? 'GET'
    const headers: Record<string, string | string[] | number> = { host: 'api.shop.test', ...call.headers }
    if (call.body !== undefined) headers['content-length'] = Buffer.byteLength(call.body)
    const sent = request({
      host: server,
      port,
      method,
      path: target,
      headers,
      agent: call.agent ?? new Agent(),
      localAddress: call.from ?? (server.includes(':') || server.startsWith('127.') ? undefined : CLIENT),
      ...(call.localPort === undefined ? {} : { localPort: call.localPort }),
    })
    const requestBody = Buffer.byteLength((call.body ?? '') + (call.pieces ?? []).join(''))
    let client = ''
    sent.on('socket', (socket) => {
      const name = () => {
        client = `${socket.localAddress} ${socket.localPort}`
      }
      if (socket.connecting) socket.once('connect', name)
      else name()
    })
    const finish = (status: number, responseBody: number, extra: Partial<LedgerEntry> = {}) =>
      resolve({
        method,
        target,
        status,
        requestBody: call.expectContinue && status === 417 ? 0 : requestBody,
        responseBody,
        client,
        server: `${server} ${port}`,
        ...extra,
      })
    let answered = false
    sent.on('response', (response) => {
      answered = true
      let received = 0
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      response.on('end', () => finish(response.statusCode ?? 0, received))
      response.on('error', () => finish(response.statusCode ?? 0, received, { state: 'truncated' }))
    })
    sent.on('upgrade', (response, socket) => {
      socket.write(Buffer.from([0x88, 0x80, 1, 2, 3, 4]))
      socket.on('close', () => finish(response.statusCode ?? 0, 0, { state: 'upgraded' }))
      socket.resume()
    })
    sent.on('connect', (response, socket) => {
      socket.end('bytes inside the tunnel')
      socket.on('close', () => finish(response.statusCode ?? 0, 0, { state: 'upgraded' }))
      socket.resume()
    })
    sent.on('error', (error) => {
      if (!answered) reject(error)
    })
    if (call.expectContinue) sent.on('continue', () => sent.end(call.body))
    if (call.expectContinue) {
      sent.flushHeaders()
      return
    }
    const pieces = async () => {
      for (const piece of call.pieces ?? []) {
        sent.write(piece)
        await sleep(3)
      }
      if (call.trailers !== undefined) sent.addTrailers(call.trailers)
      sent.end(call.body)
    }
    pieces().catch(reject)
  })
}

/** curl's `-w`: one line of JSON for each transfer, on standard error. Wanted again after `--next`. */
export const CURL_LEDGER =
  '%{stderr}{"method":"%{method}","url":"%{url_effective}","status":%{http_code},"down":%{size_download},"up":%{size_upload},' +
  '"client":"%{local_ip} %{local_port}","server":"%{remote_ip} %{remote_port}"}\\n'

/** One run of curl; its own account of each transfer is the ledger. `targets` are the request targets, in order. */
export async function curl(args: readonly string[], targets?: readonly string[]): Promise<LedgerEntry[]> {
  const { stdout } = await run('curl', ['-sS', '-g', '--path-as-is', '-o', '/dev/null', '-w', CURL_LEDGER, ...args], {
    env: { PATH: process.env.PATH ?? '' },
  }).then(
    (done) => ({ stdout: done.stderr }),
    (failed: { stderr: string }) => ({ stdout: failed.stderr }),
  )
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line, i) => {
      const got = JSON.parse(line) as Record<'method' | 'url' | 'client' | 'server', string> &
        Record<'status' | 'down' | 'up', number>
      const url = new URL(got.url)
      return {
        method: got.method,
        target: targets?.[i] ?? url.pathname + url.search,
        status: got.status,
        requestBody: got.up,
        responseBody: got.method === 'HEAD' ? 0 : got.down,
        client: got.client,
        server: got.server,
      }
    })
}

export async function version(command: string, args: readonly string[], pattern: RegExp): Promise<string> {
  // wrk says its version and fails.
  const { stdout, stderr } = await run(command, [...args]).catch((said: { stdout: string; stderr: string }) => said)
  return pattern.exec(stdout + stderr)?.[0] ?? command
}

export async function open(port: number, from: string = CLIENT, localPort?: number): Promise<Socket> {
  const socket = connect({
    host: SERVER,
    port,
    localAddress: from,
    allowHalfOpen: true,
    ...(localPort === undefined ? {} : { localPort }),
  })
  await once(socket, 'connect')
  socket.setNoDelay(true)
  return socket
}

type Bare = Omit<LedgerEntry, 'client' | 'server'>

/**
 * Bytes by hand to a real server. Writes each piece, then waits until `done` matches all that came back (checked: the
 * ledger of hand-made bytes is by the scene's author, and a server that answers otherwise must not pass unseen).
 */
export async function byHand(
  port: number,
  pieces: readonly (string | { readonly wait: RegExp })[],
  done: RegExp,
  ledger: readonly Bare[],
  ending: 'fin' | 'none' = 'fin',
): Promise<LedgerEntry[]> {
  const socket = await open(port)
  const client = `${socket.localAddress} ${socket.localPort}`
  let text = ''
  let closed = false
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('end', () => {
    closed = true
  })
  socket.on('error', () => {
    closed = true
  })
  const until = async (pattern: RegExp) => {
    for (let i = 0; i < 400 && !pattern.test(text); i++) {
      if (closed) break
      await sleep(5)
    }
    if (!pattern.test(text)) throw new Error(`no ${pattern} in: ${JSON.stringify(text.slice(0, 600))}`)
  }
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      socket.write(Buffer.from(piece, 'latin1'))
      await sleep(8)
    } else await until(piece.wait)
  }
  await until(done)
  await sleep(20)
  if (ending === 'fin') socket.end()
  for (let i = 0; i < 60 && !closed; i++) await sleep(5)
  socket.destroy()
  return ledger.map((line) => ({ ...line, client, server: `${SERVER} ${port}` }))
}

/** Both sides by hand. */
export async function scripted(
  script: (steps: readonly Step[]) => Promise<void>,
  steps: readonly Step[],
  ledger: readonly Bare[],
  localPort?: number,
): Promise<LedgerEntry[]> {
  await script(steps)
  const socket = await open(RAW_PORT, CLIENT, localPort)
  const client = `${socket.localAddress} ${socket.localPort}`
  socket.on('error', () => {})
  await play(socket, 'client', steps)
  return ledger.map((line) => ({ ...line, client, server: `${SERVER} ${RAW_PORT}` }))
}
