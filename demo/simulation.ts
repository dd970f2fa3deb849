import { formatTime } from '../daemon/model/time.ts'
import type { Call, Script } from './behaviour.ts'
import type { SampleApi } from './sample-api.ts'

/**
 * Plays scripts against the API in simulated time and writes what a capture of it would hold, as native transactions (one
 * JSON object a line, ordered by end_ts). The records are as sent: nothing is redacted, Offpath does that as it reads
 * them, exactly as it does with packets.
 */
export interface Play {
  readonly startMs: number
  begin(nowMs: number): Script
  onRequest?(atMs: number): void
}

export interface SimulationOptions {
  readonly host: string
  /** Where the API is said to listen. */
  readonly port: number
  /** What has not ended before this is left out. */
  readonly endMs: number
}

interface Line {
  readonly endUs: number
  readonly text: string
}

export function simulate(api: SampleApi, plays: readonly Play[], options: SimulationOptions): string[] {
  const { endMs } = options
  const lines: Line[] = []
  const agenda = new Agenda()
  for (const play of plays) agenda.add(play.startMs, { play, script: null, call: null })
  for (let next = agenda.take(); next !== null; next = agenda.take()) {
    const { atMs, turn } = next
    const script = turn.script ?? turn.play.begin(atMs)
    let step: ReturnType<Script['next']>
    let nowMs = atMs
    if (turn.call === null) {
      step = script.next()
    } else {
      turn.play.onRequest?.(atMs)
      const answer = api.handle(turn.call, atMs)
      nowMs = atMs + answer.latencyMs
      if (nowMs < endMs) lines.push(lineOf(turn.call, answer.status, answer.body, atMs, nowMs, options))
      step = script.next({ status: answer.status, body: answer.body, atMs: nowMs })
    }
    if (step.done === true) continue
    const thenMs = nowMs + step.value.waitMs
    if (thenMs < endMs) agenda.add(thenMs, { play: turn.play, script, call: step.value.call })
  }
  return lines.sort((a, b) => a.endUs - b.endUs).map((line) => line.text)
}

function lineOf(
  call: Call,
  status: number,
  body: string,
  atMs: number,
  endMs: number,
  options: SimulationOptions,
): Line {
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
    host: options.host,
    path: mark < 0 ? call.target : call.target.slice(0, mark),
    query: mark < 0 ? '' : call.target.slice(mark + 1),
    status,
    request_headers: requestHeaders(call, options.host),
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
  readonly play: Play
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
