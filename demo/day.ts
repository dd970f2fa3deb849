import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { formatTime } from '../daemon/model/time.ts'
import type { Call, Script } from './behaviour.ts'
import { SampleApi } from './sample-api.ts'
import { Devices, visitsOfDay } from './visits.ts'
import type { World } from './world.ts'

/**
 * One day of the sample API as native transactions (one JSON object a line, ordered by end_ts), made by playing every
 * caller's scripts against the API in simulated time. The records are as sent: nothing is redacted, Offpath does that as
 * it reads them, exactly as it does with packets. Every secret in them is made up.
 *
 * Deterministic: the same world and end give the same bytes.
 */
export interface DayOptions {
  readonly world: World
  /** The last record ends before this. */
  readonly endMs: number
  /** Where the API is said to listen. */
  readonly port: number
}

interface Line {
  readonly endUs: number
  readonly text: string
}

/** The end of the shipped day. It is moved to the present when it is read. */
export const SHIPPED_DAY_END_MS = Date.UTC(2026, 10, 20, 14, 0, 0)

export function dayLines(options: DayOptions): string[] {
  const { world, endMs } = options
  const startMs = endMs - 24 * 3_600_000
  const api = new SampleApi(world)
  const lines: Line[] = []
  const queue = new Agenda()
  for (const visit of visitsOfDay(world, new Devices(startMs), endMs)) {
    queue.add(visit.startMs, { begin: visit.begin, script: null, call: null })
  }
  for (let next = queue.take(); next !== null; next = queue.take()) {
    const { atMs, turn } = next
    const script = turn.script ?? turn.begin(atMs)
    let step: ReturnType<Script['next']>
    let nowMs = atMs
    if (turn.call === null) {
      step = script.next()
    } else {
      const answer = api.handle(turn.call, atMs)
      nowMs = atMs + answer.latencyMs
      if (nowMs < endMs) lines.push(lineOf(turn.call, answer.status, answer.body, atMs, nowMs, options))
      step = script.next({ status: answer.status, body: answer.body, atMs: nowMs })
    }
    if (step.done === true) continue
    const thenMs = nowMs + step.value.waitMs
    if (thenMs < endMs) queue.add(thenMs, { begin: turn.begin, script, call: step.value.call })
  }
  return lines.sort((a, b) => a.endUs - b.endUs).map((line) => line.text)
}

export async function writeDay(path: string, options: DayOptions): Promise<number> {
  const lines = dayLines(options)
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION })
  await pipeline(Readable.from(lines.map((line) => `${line}\n`)), gzip, createWriteStream(path))
  return lines.length
}

function lineOf(call: Call, status: number, body: string, atMs: number, endMs: number, options: DayOptions): Line {
  const startUs = Math.round(atMs * 1000)
  const endUs = Math.max(startUs + 1, Math.round(endMs * 1000))
  const mark = call.target.indexOf('?')
  const length = Buffer.byteLength(body)
  const sent = Buffer.byteLength(call.body)
  const record: Record<string, unknown> = {
    ts: formatTime(startUs),
    end_ts: formatTime(endUs),
    duration_us: endUs - startUs,
    client_ip: '127.0.0.1',
    server_ip: '127.0.0.1',
    server_port: options.port,
    http_version: '1.1',
    method: call.method,
    scheme: 'http',
    host: options.world.host,
    path: mark < 0 ? call.target : call.target.slice(0, mark),
    query: mark < 0 ? '' : call.target.slice(mark + 1),
    status,
    request_headers: requestHeaders(call, options.world.host),
    response_headers: [
      ['content-type', 'application/json'],
      ['content-length', String(length)],
    ],
    request_body_bytes: sent,
    response_body_bytes: length,
    request_body: call.body,
    response_body: body,
    state: 'complete',
    pairing: 'exact',
  }
  return { endUs, text: JSON.stringify(record) }
}

/** The header fields the ingress passes on, as the live clients send them too. */
export function requestHeaders(call: Call, host: string): [string, string][] {
  const headers: [string, string][] = [
    ['host', host],
    ['user-agent', call.userAgent],
    ['x-forwarded-for', call.address],
  ]
  if (call.authorization !== null) headers.push(['authorization', call.authorization])
  if (call.body !== '') {
    headers.push(['content-type', 'application/json'], ['content-length', String(Buffer.byteLength(call.body))])
  }
  return headers
}

interface Turn {
  readonly begin: (nowMs: number) => Script
  readonly script: Script | null
  /** Null before the first request. */
  readonly call: Call | null
}

interface Entry {
  readonly atMs: number
  readonly order: number
  readonly turn: Turn
}

/** Whose turn is next: a binary heap by time, then by order of entry so that ties are no matter of chance. */
class Agenda {
  readonly #heap: Entry[] = []
  #order = 0

  add(atMs: number, turn: Turn): void {
    const heap = this.#heap
    let at = heap.push({ atMs, order: this.#order++, turn }) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(heap[at]!, heap[parent]!)) break
      swap(heap, at, parent)
      at = parent
    }
  }

  take(): Entry | null {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return null
    if (heap.length === 0) return first
    heap[0] = last
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      if (left >= heap.length) return first
      const child = left + 1 < heap.length && before(heap[left + 1]!, heap[left]!) ? left + 1 : left
      if (!before(heap[child]!, heap[at]!)) return first
      swap(heap, at, child)
      at = child
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function swap(heap: Entry[], a: number, b: number): void {
  const held = heap[a]!
  heap[a] = heap[b]!
  heap[b] = held
}
