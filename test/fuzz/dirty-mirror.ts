import type { CapturedFrame } from '../mutate/capture-file.ts'
import { chain, duplicate, loseData, reorder, seeded } from '../mutate/mutators.ts'
import { ACK, connectionKey, payloadLength, tcpParts } from '../mutate/tcp-frame.ts'

/** A data segment of a capture with one request per client segment, and the pair it belongs to. */
export interface MarkedFrame extends CapturedFrame {
  /** Counted over the capture, -1 for what is no data. */
  readonly pair: number
  readonly segment: number
}

export interface Marked {
  readonly frames: readonly MarkedFrame[]
  /** Data segments of each pair. */
  readonly sizes: readonly number[]
}

/** Every client segment with data is a request, and what the server sends until the next one is its answer. */
export function marked(frames: readonly CapturedFrame[], serverPort: number): Marked {
  const current = new Map<string, number>()
  const sizes: number[] = []
  const all = frames.map((frame, segment): MarkedFrame => {
    const at = tcpParts(frame)
    if (at === null || payloadLength(at) === 0) return { ...frame, pair: -1, segment }
    const key = connectionKey(at)
    if (!at.source.endsWith(`:${serverPort}`)) current.set(key, sizes.push(0) - 1)
    const pair = current.get(key)!
    sizes[pair]!++
    return { ...frame, pair, segment }
  })
  return { frames: all, sizes }
}

/** Pairs of which every byte is left. */
export function intact(frames: readonly CapturedFrame[], { sizes }: Marked): Set<number> {
  const seen = sizes.map(() => new Set<number>())
  for (const frame of frames as readonly MarkedFrame[]) if (frame.pair >= 0) seen[frame.pair]!.add(frame.segment)
  return new Set([...sizes.keys()].filter((pair) => seen[pair]!.size === sizes[pair]))
}

/** Some connections lose their beginning, as when a capture starts while they run. */
export function midstream(seed: number, share: number): (frames: readonly CapturedFrame[]) => CapturedFrame[] {
  return (frames) => {
    const random = seeded(seed)
    const skip = new Map<string, number>()
    return frames.filter((frame) => {
      const at = tcpParts(frame)
      if (at === null) return true
      const key = connectionKey(at)
      const left = skip.get(key) ?? (random() < share ? 3 + Math.floor(random() * 12) : 0)
      skip.set(key, Math.max(0, left - 1))
      return left === 0
    })
  }
}

/** In some connections the client sends its next request before the answer to the last has begun. */
export function pipeline(seed: number, share: number): (frames: readonly CapturedFrame[]) => CapturedFrame[] {
  return (frames) => {
    const random = seeded(seed)
    const chosen = new Map<string, boolean>()
    const order = [...frames]
    /** By connection: where the last request stands, when nothing moved behind it yet. */
    const request = new Map<string, number>()
    for (let i = 0; i < order.length; i++) {
      const frame = order[i]!
      const at = tcpParts(frame)
      if (at === null) continue
      const key = connectionKey(at)
      if (!chosen.has(key)) chosen.set(key, random() < share)
      if (!chosen.get(key) || at.source.endsWith(':80') || payloadLength(at) === 0) continue
      const before = request.get(key)
      if (before === undefined) {
        request.set(key, i)
        continue
      }
      request.delete(key)
      const first = tcpParts(order[before]!)!
      const moved = Buffer.from(frame.bytes)
      moved.writeUInt32BE(first.ack, at.tcp + 8)
      order.splice(i, 1)
      order.splice(before + 1, 0, { ...frame, bytes: moved })
      // The answers now acknowledge both.
      const end = (at.seq + payloadLength(at)) >>> 0
      for (let j = before + 2; j <= i; j++) {
        const between = tcpParts(order[j]!)
        if (between === null || connectionKey(between) !== key || !(between.flags & ACK)) continue
        if (!between.source.endsWith(':80')) continue
        const bytes = Buffer.from(order[j]!.bytes)
        bytes.writeUInt32BE(end, between.tcp + 8)
        order[j] = { ...order[j]!, bytes }
      }
    }
    return order.map((frame, i) => ({ ...frame, time: frames[i]!.time }))
  }
}

export interface Dirt {
  readonly lost?: number
  readonly reordered?: number
  readonly duplicated?: number
  readonly midstream?: number
  readonly pipelined?: number
}

export function dirty(seed: number, dirt: Dirt): (frames: readonly CapturedFrame[]) => CapturedFrame[] {
  return chain(
    pipeline(seed, dirt.pipelined ?? 0),
    midstream(seed + 1, dirt.midstream ?? 0),
    loseData(seed + 2, dirt.lost ?? 0),
    reorder(seed + 3, dirt.reordered ?? 0),
    duplicate(seed + 4, dirt.duplicated ?? 0),
  )
}
