import { type EventTime, SECOND_US } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { type FragmentRefusal, FragmentSet, HERE, OVERLAPPING, Piece, SetList } from './fragment-set.ts'
import { HELD, type Packet } from './packet.ts'
import { PieceBuffers } from './piece-buffers.ts'
import { Pool } from './pool.ts'
import type { Segment } from './segment.ts'

export interface FragmentLimits {
  /** Datagrams that wait for more; as many again that were whole lately are remembered. */
  readonly sets: number
  readonly fragmentsPerSet: number
  /** Bytes held altogether, bookkeeping included. */
  readonly bytes: number
  /** How long a datagram may take from its first fragment. */
  readonly waitUs: EventTime
  /** How long a whole one is remembered, so that its fragments seen twice start no new one. */
  readonly duplicateUs: EventTime
}

export const FRAGMENT_LIMITS: FragmentLimits = {
  sets: 1024,
  fragmentsPerSet: 64,
  bytes: 16 * 1024 * 1024,
  waitUs: 30 * SECOND_US,
  duplicateUs: 2 * SECOND_US,
}

/** Largest payload of an IP datagram; a fragment that reaches past it is an old attack ("ping of death"). */
const MAX_DATAGRAM = 65_535

/** Most fragments are the larger part of an Ethernet packet, or the little that did not fit. */
const PIECE_SIZES = [256, 2048]
/** 576 KiB at most, beside the limit on what is held. */
const PIECES_KEPT = 256
const SETS_KEPT = 64

/**
 * Puts IP datagrams together from their fragments (RFC 791 §3.2, RFC 8200 §4.5), at any layer of a frame: a tunnel over
 * a path with a small MTU has its outer packets cut.
 *
 *     join(fragment) --> held ... held --> whole: the packet is moved to the datagram, decoding goes on
 *                    --> duplicate (this very fragment again), malformed, fragment (of no use)
 *
 * Overlap: IPv4 takes the first copy, with a weird; IPv6 gives the datagram up (RFC 5722). Fragments that disagree on the
 * length give it up in both. Over a limit the oldest datagram goes first. Frames are counted when their fate is known:
 * with the datagram when it is whole, else under `fragment`.
 */
export class Fragments {
  readonly #telemetry: Telemetry
  readonly #limits: FragmentLimits
  readonly #free = new Pool(() => new Piece(), PIECES_KEPT)
  readonly #buffers = new PieceBuffers(PIECE_SIZES, PIECES_KEPT)
  readonly #freeSets = new Pool(() => new FragmentSet(this.#free, this.#buffers), SETS_KEPT)
  readonly #sets = new Map<string, FragmentSet>()
  readonly #waiting = new SetList()
  readonly #whole = new SetList()
  /** The last datagram that became whole; borrowed by the segment that comes out of it. Made when first needed. */
  #datagram: Buffer | null = null
  #now: EventTime = Number.NEGATIVE_INFINITY
  #cost = 0

  constructor(telemetry: Telemetry, limits: Partial<FragmentLimits> = {}) {
    this.#telemetry = telemetry
    this.#limits = { ...FRAGMENT_LIMITS, ...limits }
  }

  /** Bytes held, bookkeeping included. */
  get heldBytes(): number {
    return this.#cost
  }

  /** Frames held, counted nowhere yet. */
  get heldFrames(): number {
    let frames = 0
    for (let set = this.#waiting.oldest; set !== null; set = set.newer) frames += set.frames
    return frames
  }

  /** Takes the fragment that `packet` describes. Null: its datagram is whole, and `packet` stands at its first byte. */
  join(packet: Packet, segment: Segment, time: EventTime): FragmentRefusal | typeof HELD | null {
    this.tick(time)
    const start = packet.fragmentStart
    const end = start + packet.wireEnd - packet.at
    const last = !packet.moreFragments
    if (end === start || end > MAX_DATAGRAM || (!last && (end - start) % 8 !== 0)) return 'malformed'

    const print = fingerprint(packet.bytes, packet.at, packet.end)
    const set = this.#find(packet, segment, start, end, print)
    if (set === null) return 'duplicate'
    if (set.refused) return 'fragment'
    const place = set.placeOf(start, end, print)
    if (place === HERE) return 'duplicate'
    if (set.size >= this.#limits.fragmentsPerSet || set.contradicts(end, last)) return this.#refuse(set)
    if (place === OVERLAPPING) {
      this.#telemetry.weirds.add('ip.fragment_overlap')
      if (segment.family === 6) return this.#refuse(set)
      if (set.covers(start, end)) return 'fragment'
    }

    const before = set.cost
    set.add(start, end, print, packet.bytes, packet.at, packet.end)
    set.frames += packet.frames
    this.#cost += set.cost - before
    if (start === 0 && set.protocol < 0) set.protocol = packet.protocol
    if (last) set.total = end
    if (set.isComplete()) {
      this.#complete(set, packet)
      return null
    }
    while (this.#cost > this.#limits.bytes && this.#waiting.oldest !== null) this.#evict(this.#waiting.oldest)
    return HELD
  }

  /** Gives up what has waited long enough. Coming late or not at all changes nothing that a later `join` would see. */
  tick(time: EventTime): void {
    if (time > this.#now) this.#now = time
    const { waitUs, duplicateUs } = this.#limits
    for (let set = this.#waiting.oldest; set !== null && this.#now - set.since >= waitUs; set = this.#waiting.oldest) {
      if (!set.refused) this.#telemetry.counters.add('fragments.expired')
      this.#giveUp(set)
    }
    for (let set = this.#whole.oldest; set !== null && this.#now - set.since >= duplicateUs; set = this.#whole.oldest) {
      this.#forget(set)
    }
  }

  /** End of input: what waits will never be whole. */
  close(): void {
    for (let set = this.#waiting.oldest; set !== null; set = this.#waiting.oldest) this.#giveUp(set)
    for (let set = this.#whole.oldest; set !== null; set = this.#whole.oldest) this.#forget(set)
  }

  /** The fragment's set, a new one if need be; null when it repeats a fragment of a set that is whole. */
  #find(packet: Packet, segment: Segment, start: number, end: number, print: number): FragmentSet | null {
    const key = keyOf(packet, segment)
    const known = this.#sets.get(key)
    if (known !== undefined) {
      if (!known.whole) return known
      if (known.placeOf(start, end, print) === HERE) return null
      this.#forget(known) // an id used again
    }
    if (this.#waiting.count >= this.#limits.sets) this.#evict(this.#waiting.oldest!)
    const set = this.#freeSets.take()
    set.open(key, this.#now)
    this.#sets.set(key, set)
    this.#waiting.add(set)
    return set
  }

  #complete(set: FragmentSet, packet: Packet): void {
    this.#datagram ??= Buffer.allocUnsafeSlow(MAX_DATAGRAM)
    packet.over(this.#datagram)
    packet.at = 0
    packet.end = set.assemble(this.#datagram)
    packet.wireEnd = set.total
    packet.protocol = set.protocol
    packet.frames = set.frames
    this.#waiting.remove(set)
    this.#cost -= set.cost
    set.release()
    set.whole = true
    set.since = this.#now
    if (this.#whole.count >= this.#limits.sets) this.#forget(this.#whole.oldest!)
    this.#whole.add(set)
  }

  #refuse(set: FragmentSet): 'fragment' {
    this.#telemetry.counters.add('fragments.refused')
    this.#cost -= set.cost
    this.#telemetry.funnel.frames.drop('fragment', set.refuse())
    return 'fragment'
  }

  #evict(set: FragmentSet): void {
    this.#telemetry.counters.add('fragments.evicted')
    this.#giveUp(set)
  }

  #giveUp(set: FragmentSet): void {
    this.#waiting.remove(set)
    this.#sets.delete(set.key)
    this.#cost -= set.cost
    set.forget()
    this.#telemetry.funnel.frames.drop('fragment', set.frames)
    this.#freeSets.giveBack(set)
  }

  #forget(set: FragmentSet): void {
    this.#whole.remove(set)
    this.#sets.delete(set.key)
    set.forget()
    this.#freeSets.giveBack(set)
  }
}

/**
 * Who sent what to whom under which id. IPv6 leaves the protocol out: only the first fragment's counts (RFC 8200 §4.5).
 * VLAN and VNI are in, since two tenants may use the same addresses.
 */
function keyOf(packet: Packet, segment: Segment): string {
  const { src0, src1, src2, src3, dst0, dst1, dst2, dst3, family } = segment
  const protocol = family === 4 ? packet.protocol : 0
  const ends = family === 4 ? `${src3} ${dst3}` : `${src0} ${src1} ${src2} ${src3} ${dst0} ${dst1} ${dst2} ${dst3}`
  return `${ends} ${packet.fragmentId} ${protocol} ${packet.vlan} ${packet.vni}`
}

/** A hash of every byte: telling a second copy from another fragment with the same place must not be guesswork. */
function fingerprint(bytes: Buffer, from: number, to: number): number {
  let print = to - from
  let at = from
  for (; at + 4 <= to; at += 4) {
    const four = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    print = Math.imul(print ^ four, 0x01000193)
    print ^= print >>> 15 // multiplying alone never brings a high bit down
  }
  for (; at < to; at++) print = Math.imul(print ^ bytes[at]!, 0x01000193)
  return print
}
