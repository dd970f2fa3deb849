import type { CapturedFrame } from '../mutate/capture-file.ts'
import { connectionKey, payloadLength, SYN, type TcpParts, tcpParts } from '../mutate/tcp-frame.ts'
import type { Span, TruePair } from './played-connection.ts'

/** What of one side's bytes is in a capture, as sorted ranges that do not touch. */
type Ranges = readonly (readonly [number, number])[]

/** Which bytes of each played connection a capture holds, whatever happened to its frames. */
export class Coverage {
  readonly #sides = new Map<string, Ranges>()

  /** `played`: the frames before anything happened to them; they say where each side's bytes begin. */
  constructor(played: readonly CapturedFrame[], captured: readonly CapturedFrame[]) {
    const first = new Map<string, number>()
    for (const frame of played) {
      const at = tcpParts(frame)!
      if (at.flags & SYN) first.set(sideKey(at), at.seq + 1)
    }
    const seen = new Map<string, [number, number][]>()
    for (const frame of captured) {
      const at = tcpParts(frame)
      if (at === null || payloadLength(at) <= 0) continue
      const key = sideKey(at)
      const from = (at.seq - first.get(key)!) >>> 0
      const kept = Math.min(at.end, frame.bytes.length) - at.payload
      const list = seen.get(key) ?? []
      if (kept > 0) list.push([from, from + kept])
      seen.set(key, list)
    }
    for (const [key, list] of seen) this.#sides.set(key, joined(list))
  }

  /** Whether all bytes of [from, to) are there. */
  holds(pair: TruePair, side: 'client' | 'server', from: number, to: number): boolean {
    const ranges = this.#sides.get(`${pairKey(pair)} ${side}`) ?? []
    return from === to || ranges.some(([start, end]) => start <= from && to <= end)
  }

  /** `whole`: every byte of both messages; `heads`: both heads, a body has a hole; `lost`: less. */
  of(pair: TruePair): 'whole' | 'heads' | 'lost' {
    const has = (side: 'client' | 'server', span: Span, to: number) => this.holds(pair, side, span.from, to)
    if (has('client', pair.request, pair.request.to) && has('server', pair.response, pair.response.to)) return 'whole'
    return has('client', pair.request, pair.request.head) && has('server', pair.response, pair.response.head)
      ? 'heads'
      : 'lost'
  }

  /** Whether a byte is missing anywhere on its connection up to the end of the exchange. */
  holeUpTo(pair: TruePair): boolean {
    return !this.holds(pair, 'client', 0, pair.request.to) || !this.holds(pair, 'server', 0, pair.response.to)
  }
}

const sideKey = (at: TcpParts) => `${connectionKey(at)} ${at.source.endsWith(':80') ? 'server' : 'client'}`
const hex = (end: string) => {
  const [address, port] = end.split(' ')
  return `${Buffer.from(address!.split('.').map(Number)).toString('hex')}:${port}`
}

function pairKey(pair: TruePair): string {
  const [a, b] = [hex(pair.client), hex(pair.server)]
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function joined(list: readonly (readonly [number, number])[]): Ranges {
  const sorted = [...list].sort((a, b) => a[0] - b[0])
  const out: [number, number][] = []
  for (const [from, to] of sorted) {
    const last = out.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else out.push([from, to])
  }
  return out
}
