import type { Exchange, Message } from '../http/exchange.ts'
import type { HttpLimits } from '../http/limits.ts'
import { HttpStage } from '../http/stage.ts'
import { type BodyText, bodyText, NO_TEXT } from '../identity/body-text.ts'
import type { Header } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'

/** One message that stood in a record as wire bytes. */
export interface RawMessage {
  readonly method: string
  readonly target: string
  readonly status: number
  readonly version: string
  readonly headers: readonly Header[]
  readonly body: BodyText
  readonly bodyBytes: number
  readonly latin1: boolean
}

export interface RawExchange {
  readonly request: RawMessage | null
  readonly response: RawMessage | null
  readonly weirds: readonly string[]
}

const FLOW: FlowInfo = {
  address: ['0.0.0.0', '0.0.0.0'],
  port: [0, 0],
  vlan: null,
  vni: null,
  source: { kind: 'file', name: '' },
  fromStart: true,
  time: 0,
  shard: 0,
  key: '',
}
/** Something to answer, so that a response alone is read as one; `HEAD`-like surprises cannot come of it. */
const PLACEHOLDER = Buffer.from('GET / HTTP/1.1\r\nHost: placeholder\r\n\r\n', 'latin1')

/**
 * Reads a request and a response with the parser that reads packets: same framing, same weirds, same bounds. What each
 * holds after its first message is left alone.
 */
export class RawHttp {
  readonly #stage: HttpStage
  readonly #limits: HttpLimits
  /** Its own: these bytes never were on our wire. */
  readonly #telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  readonly #bodies: boolean
  #seen: Exchange | null = null

  constructor(limits: HttpLimits, bodies: boolean) {
    this.#limits = limits
    this.#bodies = bodies
    this.#stage = new HttpStage({
      limits,
      bodies,
      telemetry: this.#telemetry,
      sink: (exchange) => {
        this.#seen ??= exchange
      },
    })
  }

  /** Null: neither is HTTP. */
  read(request: Buffer | null, response: Buffer | null): RawExchange | null {
    this.#seen = null
    const flow = this.#stage.open(FLOW, 0)
    const asked = request ?? PLACEHOLDER
    flow.data(0, asked, 0, asked.length, 0, 0, 0, 0)
    if (response !== null) flow.data(1, response, 0, response.length, 0, asked.length, 0, 0)
    flow.close('fin', 0)
    const seen = this.#seen as Exchange | null
    if (seen === null) return null
    const exchange = {
      request: request === null ? null : this.#message(seen.request),
      response: this.#message(seen.response),
      weirds: seen.weirds,
    }
    return exchange.request === null && exchange.response === null ? null : exchange
  }

  #message(message: Message | null): RawMessage | null {
    if (message === null) return null
    const { head } = message
    return {
      method: head.method,
      target: head.target,
      status: head.status,
      version: head.version,
      headers: head.headers(),
      body: this.#bodies ? bodyText(message, this.#limits, this.#telemetry) : NO_TEXT,
      bodyBytes: message.bodyBytes,
      latin1: head.latin1,
    }
  }
}
