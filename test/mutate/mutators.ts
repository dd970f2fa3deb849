import type { CapturedFrame } from './capture-file.ts'
import { ETHERNET, RAW_IP } from './capture-file.ts'
import {
  connectionKey,
  FIN,
  payloadLength,
  resent,
  shifted,
  tagged,
  tcpParts,
  withFlags,
  withPayload,
} from './tcp-frame.ts'

/**
 * What happens to frames between the wire and a capture file, with the effect on the transactions known beforehand.
 * Frames that are not TCP pass through. Timestamps keep their order: a mutated file is one a recorder could have made.
 */
export type Mutator = (frames: readonly CapturedFrame[]) => CapturedFrame[]

/** Deterministic uniform numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** The same frames, `order[i]` at the i-th time. */
function rearranged(frames: readonly CapturedFrame[], order: readonly CapturedFrame[]): CapturedFrame[] {
  return order.map((frame, i) => ({ ...frame, time: frames[i]!.time }))
}

/**
 * Swaps neighbouring data segments of one direction of a connection, never past a frame of the other direction: what a
 * load-balanced mirror does. Changes no transaction.
 */
export function reorder(seed: number, share = 0.5): Mutator {
  return (frames) => {
    const random = seeded(seed)
    const order = [...frames]
    const lastData = new Map<string, number>()
    for (let i = 0; i < order.length; i++) {
      const at = tcpParts(order[i]!)
      if (at === null) continue
      const key = connectionKey(at)
      const before = lastData.get(key)
      const previous = before === undefined ? null : tcpParts(order[before]!)
      const sameSide = previous !== null && previous.source === at.source
      const plain = payloadLength(at) > 0 && (at.flags & 7) === 0
      if (before !== undefined && sameSide && plain && random() < share) {
        const held = order[before]!
        order[before] = order[i]!
        order[i] = held
        lastData.delete(key)
      } else if (plain) lastData.set(key, i)
      else lastData.delete(key)
    }
    return rearranged(frames, order)
  }
}

/** Shows frames twice, 3 us apart, as when both ends of a link are mirrored. Changes no transaction. */
export function duplicate(seed: number, share = 1): Mutator {
  return (frames) => {
    const random = seeded(seed)
    return frames.flatMap((frame) => (random() < share ? [frame, { ...frame, time: frame.time + 1000n }] : [frame]))
  }
}

/** As duplicate, but the second copy comes from behind a VLAN tag. Changes no transaction. */
export function duplicateBehindTag(vlan: number): Mutator {
  return (frames) => frames.flatMap((frame) => [frame, { ...tagged(frame, [vlan]), time: frame.time + 1000n }])
}

/** Sends data segments again under another IP id, after the frame that follows. Changes no transaction. */
export function retransmit(seed: number, share = 0.5): Mutator {
  return (frames) => {
    const random = seeded(seed)
    const out: CapturedFrame[] = []
    let again: CapturedFrame | null = null
    for (const frame of frames) {
      out.push(frame)
      if (again !== null) out.push({ ...resent(again), time: frame.time + 1000n })
      const at = tcpParts(frame)
      again = at !== null && payloadLength(at) > 0 && random() < share ? frame : null
    }
    return out
  }
}

/**
 * Some data segments begin earlier and repeat the end of the one before, as a host does that sends again with another size.
 * Changes no transaction.
 */
export function overlap(seed: number, share = 0.5): Mutator {
  return (frames) => {
    const random = seeded(seed)
    /** By direction of a connection: the end of its last data segment, and where in the stream that is. */
    const last = new Map<string, { readonly payload: Buffer; readonly end: number }>()
    return frames.map((frame) => {
      const at = tcpParts(frame)
      if (at === null || !whole(frame, at.end) || payloadLength(at) <= 0) return frame
      const direction = `${at.source} ${at.destination}`
      const before = last.get(direction)
      const payload = frame.bytes.subarray(at.payload, at.end)
      last.set(direction, { payload, end: (at.seq + payload.length) >>> 0 })
      if (before === undefined || before.end !== at.seq || random() >= share) return frame
      const again = before.payload.subarray(Math.floor(random() * before.payload.length))
      return withPayload(frame, Buffer.concat([again, payload]), at.seq - again.length)
    })
  }
}

/** Cuts data segments into pieces of `size` bytes, the last of which ends the connection when it did. Changes no transaction. */
export function splitEvery(size: number): Mutator {
  return (frames) =>
    frames.flatMap((frame) => {
      const at = tcpParts(frame)
      if (at === null || !whole(frame, at.end) || payloadLength(at) <= size) return [frame]
      const payload = frame.bytes.subarray(at.payload, at.end)
      const pieces: CapturedFrame[] = []
      for (let from = 0; from < payload.length; from += size) {
        const last = from + size >= payload.length
        const flags = last ? at.flags : at.flags & ~FIN
        pieces.push(withPayload(withFlags(frame, flags), payload.subarray(from, from + size), at.seq + from))
      }
      return pieces
    })
}

function whole(frame: CapturedFrame, end: number): boolean {
  return frame.bytes.length >= end
}

/** Leaves out what `lose` names. What it costs is for the caller to know. */
export function drop(lose: (frame: CapturedFrame, index: number) => boolean): Mutator {
  return (frames) => frames.filter((frame, i) => !lose(frame, i))
}

/** Loses data segments at random. Costs at most the messages whose bytes were in them. */
export function loseData(seed: number, share: number): Mutator {
  const random = seeded(seed)
  return drop((frame) => {
    const at = tcpParts(frame)
    return at !== null && payloadLength(at) > 0 && random() < share
  })
}

/** Keeps `length` bytes of each frame, as a snap length does. */
export function truncate(length: number): Mutator {
  return (frames) => frames.map((frame) => ({ ...frame, bytes: frame.bytes.subarray(0, length) }))
}

/** Keeps what one side sent: the side whose port is `port`, or the other one. */
export function oneSide(port: number, keep: 'server' | 'client'): Mutator {
  return (frames) =>
    frames.filter((frame) => {
      const at = tcpParts(frame)
      return at === null || at.source.endsWith(`:${port}`) === (keep === 'server')
    })
}

/** Puts every frame behind 802.1Q tags. Changes no transaction but its vlan. */
export function behindTags(...vlans: number[]): Mutator {
  return (frames) => frames.map((frame) => tagged(frame, vlans))
}

/** Takes the Ethernet header off. Changes no transaction. */
export function rawIp(frames: readonly CapturedFrame[]): CapturedFrame[] {
  return frames
    .filter((frame) => frame.linkType === ETHERNET && tcpParts(frame) !== null)
    .map((frame) => ({ ...frame, bytes: frame.bytes.subarray(14), original: frame.original - 14, linkType: RAW_IP }))
}

/**
 * Moves both sequence spaces of every connection so that each wraps after `before` bytes of its stream. Changes no
 * transaction.
 */
export function wrapSequence(before: number): Mutator {
  return (frames) => {
    const first = new Map<string, number>()
    return frames.map((frame) => {
      const at = tcpParts(frame)
      if (at === null) return frame
      const forward = `${at.source} ${at.destination}`
      const back = `${at.destination} ${at.source}`
      if (!first.has(forward)) first.set(forward, at.seq)
      if (!first.has(back) && at.ack !== 0) first.set(back, at.ack)
      const moved = (start: number | undefined) => (start === undefined ? 0 : -start - before - 1)
      return shifted(frame, moved(first.get(forward)), moved(first.get(back)))
    })
  }
}

export function chain(...mutators: readonly Mutator[]): Mutator {
  return (frames) => mutators.reduce<CapturedFrame[]>((done, mutate) => mutate(done), [...frames])
}
