import type { Exchange, Message } from '../../daemon/http/exchange.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../../daemon/http/limits.ts'
import { HttpStage } from '../../daemon/http/stage.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import {
  type CloseReason,
  type Direction,
  type FlowInfo,
  type GapCause,
  KeptBytes,
  type StreamConsumer,
} from '../../daemon/reassembly/stream.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'

/** What is left of a message after the call that handed it over. */
export interface SeenMessage {
  readonly method: string
  readonly target: string
  readonly status: number
  readonly version: string
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string | null
  readonly bodyBytes: number
  readonly bodyCut: boolean
  readonly position: number
  readonly gap: boolean
  readonly whole: boolean
  readonly firstByte: EventTime
  readonly lastByte: EventTime
  readonly bogusTime: boolean
}

export interface SeenExchange {
  readonly request: SeenMessage | null
  readonly response: SeenMessage | null
  readonly state: string
  readonly pairing: string
  readonly weirds: readonly string[]
  readonly clientSide: number
  readonly endTime: EventTime
}

function seen(message: Message | null): SeenMessage | null {
  if (message === null) return null
  const { head } = message
  return {
    method: head.method,
    target: head.target,
    status: head.status,
    version: head.version,
    headers: head.headers(),
    body: message.body === null ? null : message.body.toString('latin1'),
    bodyBytes: message.bodyBytes,
    bodyCut: message.bodyCut,
    position: message.position,
    gap: message.gap,
    whole: message.whole,
    firstByte: message.firstByte,
    lastByte: message.lastByte,
    bogusTime: message.bogusTime,
  }
}

export const FLOW: FlowInfo = {
  address: ['192.0.2.10', '198.51.100.20'],
  port: [51234, 80],
  vlan: null,
  vni: null,
  source: { kind: 'file', name: 'flow.pcap' },
  fromStart: true,
  time: 1_000_000,
  shard: 0,
  key: 'flow',
}

/** One flow through an HttpStage, driven as reassembly would: positions and acknowledgements are kept here. */
export class HttpDriver {
  readonly funnel = new LossFunnel()
  readonly weirds = new WeirdCounts()
  readonly exchanges: SeenExchange[] = []
  readonly stage: HttpStage
  readonly position: [number, number] = [0, 0]
  handed = 0
  now: EventTime = 1_000_000
  #consumer: StreamConsumer
  /** What the stage says that the flow keeps. */
  readonly kept = new KeptBytes()

  constructor(options: { fromStart?: boolean; bodies?: boolean; limits?: Partial<HttpLimits> } = {}) {
    this.stage = new HttpStage({
      limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
      bodies: options.bodies ?? true,
      telemetry: { funnel: this.funnel, weirds: this.weirds, counters: new Counters() },
      sink: (exchange) => this.#keep(exchange),
    })
    this.#consumer = this.stage.open({ ...FLOW, fromStart: options.fromStart ?? true }, this.now, this.kept)
  }

  /** After `close`: another flow through the same stage, as if nothing had been before. */
  reopen(fromStart: boolean): void {
    this.exchanges.length = 0
    this.position.fill(0)
    this.now = FLOW.time
    this.#consumer = this.stage.open({ ...FLOW, fromStart }, this.now, this.kept)
  }

  #keep(exchange: Exchange): void {
    this.exchanges.push({
      request: seen(exchange.request),
      response: seen(exchange.response),
      state: exchange.state,
      pairing: exchange.pairing,
      weirds: exchange.weirds,
      clientSide: exchange.clientSide,
      endTime: exchange.endTime,
    })
  }

  /** One segment. It acknowledges all of the other direction unless `acked` says otherwise. */
  send(direction: Direction, payload: string | Buffer, acked?: number): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
    // Amid other bytes, and overwritten afterwards: the parser must keep to its range and copy what it keeps.
    const borrowed = Buffer.concat([Buffer.from('GET /before'), bytes, Buffer.from('\r\nafter')])
    const start = 11
    const position = this.position[direction]
    const to = acked ?? this.position[direction === 0 ? 1 : 0]
    this.#consumer.data(direction, borrowed, start, start + bytes.length, position, to, this.now, this.now)
    borrowed.fill(0x21)
    this.position[direction] += bytes.length
    this.handed += bytes.length
  }

  /** As `send`, without the copying: bytes [from, to) of a buffer that stays. */
  push(direction: Direction, bytes: Buffer, from: number, to: number): void {
    const position = this.position[direction]
    const acked = this.position[direction === 0 ? 1 : 0]
    this.#consumer.data(direction, bytes, from, to, position, acked, this.now, this.now)
    this.position[direction] += to - from
    this.handed += to - from
  }

  lose(direction: Direction, length: number, cause: GapCause = 'lost'): void {
    this.#consumer.gap(direction, length, this.position[direction], cause, this.now, this.now)
    this.position[direction] += length
  }

  end(direction: Direction): void {
    this.#consumer.end(direction, this.now, this.now)
  }

  /** Throws when the stage goes on keeping heads that nobody will ask for. */
  close(reason: CloseReason = 'fin'): this {
    this.#consumer.close(reason, this.now)
    const { heldHeads } = this.stage
    if (heldHeads > 0) throw new Error(`${heldHeads} heads are kept after the end`)
    return this
  }

  advance(microseconds: number): void {
    this.now += microseconds
    this.stage.tick(this.now)
  }

  /** Everything handed in, and everything counted, must add up once the flow is closed. */
  unexplained(): { bytes: number; messages: number; pairs: number } {
    const { bytes, messages, pairs } = this.funnel
    return { bytes: this.handed + bytes.unexplained(), messages: messages.unexplained(), pairs: pairs.unexplained() }
  }

  /** `GET /a 200 complete exact`, `- 200 …` for one side alone. */
  lines(): string[] {
    return this.exchanges.map(
      ({ request, response, state, pairing }) =>
        `${request === null ? '-' : `${request.method} ${request.target}`} ${response?.status ?? '-'} ${state} ${pairing}`,
    )
  }
}
