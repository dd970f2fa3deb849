import type { Exchange, Head, Message } from '../daemon/http/exchange.ts'
import type { Header, PairingGrade, TransactionState } from '../daemon/model/transaction.ts'
import type { FlowInfo } from '../daemon/reassembly/stream.ts'
import { Counters, type Telemetry } from '../daemon/telemetry/counters.ts'
import { LossFunnel } from '../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../daemon/telemetry/weirds.ts'

/** Exchanges made by hand, for tests of what comes after the HTTP stage. */
export function fakeTelemetry(): Telemetry {
  return { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
}

export class FakeHead implements Head {
  readonly method: string
  readonly target: string
  readonly status: number
  readonly version = '1.1'
  readonly latin1: boolean
  readonly #headers: readonly Header[]

  constructor(method: string, target: string, status: number, headers: readonly Header[], latin1 = false) {
    this.method = method
    this.target = target
    this.status = status
    this.#headers = headers
    this.latin1 = latin1
  }

  get headerCount(): number {
    return this.#headers.length
  }

  header(name: string): string | null {
    return this.#headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? null
  }

  headerAll(name: string): string[] {
    return this.#headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  }

  headers(): Header[] {
    return [...this.#headers]
  }
}

export interface FakeRequest {
  readonly method?: string
  readonly target?: string
  readonly headers?: readonly Header[]
  readonly body?: string | Buffer
  readonly status?: number
  readonly responseHeaders?: readonly Header[]
  readonly responseBody?: string | Buffer
  readonly client?: string
  readonly flow?: FlowInfo
  readonly time?: number
  readonly bogusTime?: boolean
  readonly gap?: boolean
  readonly bodyCut?: boolean
  readonly latin1?: boolean
  readonly state?: TransactionState
  readonly pairing?: PairingGrade
  readonly position?: number
  /** Leaves one side out. */
  readonly only?: 'request' | 'response'
}

export const START = 1_795_000_000_000_000

export function fakeFlow(client = '203.0.113.7', key = 'flow-1'): FlowInfo {
  return {
    address: [client, '192.0.2.80'],
    port: [51_234, 80],
    vlan: null,
    vni: null,
    source: { kind: 'file', name: 'test.pcap' },
    fromStart: true,
    time: START,
    shard: 0,
    key,
  }
}

const MESSAGE = { bogusTime: false, gap: false, bodyCut: false, whole: true }

export function fakeExchange(fake: FakeRequest): Exchange {
  const time = fake.time ?? START
  const head = new FakeHead(fake.method ?? 'GET', fake.target ?? '/', 0, fake.headers ?? [], fake.latin1 === true)
  const answer = new FakeHead('', '', fake.status ?? 200, fake.responseHeaders ?? [])
  const damage = {
    ...MESSAGE,
    bogusTime: fake.bogusTime === true,
    gap: fake.gap === true,
    bodyCut: fake.bodyCut === true,
  }
  const request: Message = {
    ...damage,
    ...times(time, time + 100),
    ...bodyOf(fake.body),
    head,
    position: fake.position ?? 0,
  }
  const response: Message = {
    ...damage,
    ...times(time + 1000, time + 1834),
    ...bodyOf(fake.responseBody),
    head: answer,
    position: fake.position ?? 0,
  }
  return {
    flow: fake.flow ?? fakeFlow(fake.client),
    clientSide: 0,
    request: fake.only === 'response' ? null : request,
    response: fake.only === 'request' ? null : response,
    state: fake.state ?? 'complete',
    pairing: fake.pairing ?? 'exact',
    weirds: [],
    endTime: time + 1834,
  }
}

function times(firstByte: number, lastByte: number): Pick<Message, 'firstByte' | 'lastByte'> {
  return { firstByte, lastByte }
}

function bodyOf(body: string | Buffer | undefined): Pick<Message, 'body' | 'bodyBytes'> {
  if (body === undefined) return { body: null, bodyBytes: 0 }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return { body: bytes, bodyBytes: bytes.length }
}

/** A made-up token with an empty signature part of its own. */
export function fakeToken(
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = { alg: 'RS256', kid: 'k7' },
): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJlLW1hZGUtdXA`
}
