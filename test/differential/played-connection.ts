import { type CapturedFrame, ETHERNET } from '../mutate/capture-file.ts'
import { ACK, FIN, SYN, withPayload } from '../mutate/tcp-frame.ts'

/** A range of the bytes one side sent, counted from its first. */
export interface Span {
  readonly from: number
  /** End of the head, the empty line included. */
  readonly head: number
  readonly to: number
}

/** One exchange as it was played. */
export interface TruePair {
  readonly client: string
  readonly server: string
  readonly method: string
  readonly target: string
  readonly status: number
  readonly requestBody: number
  readonly responseBody: number
  readonly request: Span
  readonly response: Span
  /** Requests outstanding when it was answered, itself included. */
  readonly underWay: number
  /** An interim response came before the answer. */
  readonly interim: boolean
}

export interface Played {
  readonly frames: readonly CapturedFrame[]
  readonly pairs: readonly TruePair[]
}

type Settled = Omit<TruePair, 'client' | 'server' | 'request' | 'response'>

export const PLAYED_SERVER = '192.0.2.10'
export const PLAYED_PORT = 80
const PUSH = 8
const START_NS = 1_795_291_200_000_000_000n
const NOTHING = Buffer.alloc(0)

/** Writes both sides of one connection as Ethernet frames with right lengths, numbers and checksums. */
export class PlayedConnection {
  readonly #frames: CapturedFrame[] = []
  readonly #pairs: TruePair[] = []
  readonly #client: string
  readonly #port: number
  readonly #random: () => number
  readonly #mss: number
  readonly #first: readonly [number, number]
  /** Payload bytes sent so far: client, server. */
  readonly #sent: [number, number] = [0, 0]
  readonly #requests = new Map<number, Span>()
  readonly #responses = new Map<number, Span>()
  #time: bigint
  #ipId = 0

  /** Sequence numbers begin anywhere, also just before they wrap. */
  constructor(client: string, port: number, random: () => number, mss: number) {
    this.#client = client
    this.#port = port
    this.#random = random
    this.#mss = mss
    this.#first = [Math.floor(random() * 2 ** 32), random() < 0.2 ? 2 ** 32 - 500 : Math.floor(random() * 2 ** 32)]
    this.#time = START_NS + BigInt(Math.floor(random() * 50_000_000))
  }

  open(): void {
    this.#frame(0, SYN, NOTHING, -1)
    this.#frame(1, SYN | ACK, NOTHING, -1)
    this.#frame(0, ACK, NOTHING)
  }

  /** `between` runs after the head, before the body. */
  request(place: number, head: string, body: string, between: () => void): void {
    const from = this.#sent[0]
    this.#data(0, head)
    between()
    this.#data(0, body)
    this.#requests.set(place, { from, head: from + head.length, to: this.#sent[0] })
  }

  interim(text: string): void {
    this.#data(1, text)
  }

  response(place: number, head: string, body: string): void {
    const from = this.#sent[1]
    this.#data(1, head + body)
    this.#responses.set(place, { from, head: from + head.length, to: this.#sent[1] })
    if (this.#random() < 0.5) this.#frame(0, ACK, NOTHING)
  }

  /** The truth of the exchange that was answered last. */
  settle(pair: Settled): void {
    const place = this.#pairs.length
    this.#pairs.push({
      ...pair,
      client: `${this.#client} ${this.#port}`,
      server: `${PLAYED_SERVER} ${PLAYED_PORT}`,
      request: this.#requests.get(place)!,
      response: this.#responses.get(place)!,
    })
  }

  pause(): void {
    this.#time += BigInt(Math.floor(this.#random() * 40_000_000))
  }

  close(): void {
    this.#frame(1, FIN | ACK, NOTHING)
    this.#sent[1]++
    this.#frame(0, FIN | ACK, NOTHING)
    this.#sent[0]++
    this.#frame(1, ACK, NOTHING)
  }

  played(): Played {
    return { frames: this.#frames, pairs: this.#pairs }
  }

  /** In segments of up to the MSS, now and then smaller. */
  #data(side: 0 | 1, text: string): void {
    for (let at = 0; at < text.length; ) {
      const whole = this.#random() < 0.8
      const length = whole ? this.#mss : 1 + Math.floor(this.#random() * this.#mss)
      const part = text.slice(at, at + length)
      this.#frame(side, ACK | PUSH, Buffer.from(part, 'latin1'))
      this.#sent[side] += part.length
      at += part.length
    }
  }

  /** `shift` -1: before the first payload byte, as SYN stands. */
  #frame(side: 0 | 1, flags: number, payload: Buffer, shift = 0): void {
    const header = Buffer.alloc(54)
    header.write('020000000002', 0, 'hex')
    header.write('020000000001', 6, 'hex')
    header.writeUInt16BE(0x0800, 12)
    header[14] = 0x45
    header.writeUInt16BE(this.#ipId++ & 0xffff, 18)
    header[22] = 64
    header[23] = 6
    const ends = [address(this.#client), address(PLAYED_SERVER)]
    ends[side]!.copy(header, 26)
    ends[1 - side]!.copy(header, 30)
    header.writeUInt16BE(side === 0 ? this.#port : PLAYED_PORT, 34)
    header.writeUInt16BE(side === 0 ? PLAYED_PORT : this.#port, 36)
    const acknowledges = flags === SYN ? 0 : this.#first[side === 0 ? 1 : 0]! + this.#sent[side === 0 ? 1 : 0]
    header.writeUInt32BE(acknowledges >>> 0, 42)
    header[46] = 0x50
    header[47] = flags
    header.writeUInt16BE(64_000, 48)
    this.#time += BigInt(20_000 + Math.floor(this.#random() * 400_000))
    const blank = { time: this.#time, bytes: header, original: 54, linkType: ETHERNET }
    this.#frames.push(withPayload(blank, payload, this.#first[side]! + this.#sent[side] + shift))
  }
}

const address = (text: string) => Buffer.from(text.split('.').map(Number))
