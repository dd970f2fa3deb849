import type { FrameBatch } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { cooked, cooked2 } from './cooked.ts'
import { ethernet } from './ethernet.ts'
import { type FragmentLimits, Fragments } from './fragments.ts'
import { ipv4 } from './ipv4.ts'
import { extensions, ipv6 } from './ipv6.ts'
import { loopback } from './loopback.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, HELD, Packet, type Refusal } from './packet.ts'
import { rawIp } from './raw-ip.ts'
import type { Segment } from './segment.ts'
import { tcp } from './tcp.ts'
import { mayBeTunnel, tunnel } from './tunnel.ts'

const PROTOCOL_TCP = 6

/** LINKTYPE_ values that can be decoded (tcpdump.org/linktypes.html). 12 and 14 are raw IP as some BSD writers number it. */
export const LINK_TYPES: readonly number[] = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276]

/** Tunnels in one another that are followed. More is a mistake in routing, or someone who wants us to loop. */
const MAX_TUNNELS = 4

/**
 * Frame to TCP segment, in place: no object, view or string per frame. Any bytes give a segment or a counted refusal;
 * nothing throws. One file per layer; each reads its header and moves on.
 *
 *     link --> IP --> TCP
 *               |  \-- tunnel --> link or IP again, at most four times
 *               \-- fragment --> held, until the datagram is whole and IP goes on with it
 *
 * A tunnel is seen through: addresses, VLAN and VNI of the segment are the innermost ones.
 */
export class Decoder {
  readonly #telemetry: Telemetry
  readonly #packet = new Packet()
  readonly #fragments: Fragments

  constructor(telemetry: Telemetry, limits: Partial<FragmentLimits> = {}) {
    this.#telemetry = telemetry
    this.#fragments = new Fragments(telemetry, limits)
  }

  /** Bytes of fragments held, bookkeeping included. */
  get heldBytes(): number {
    return this.#fragments.heldBytes
  }

  /** Frames that are held as fragments, and so are counted nowhere yet. */
  get heldFrames(): number {
    return this.#fragments.heldFrames
  }

  /**
   * Fills `segment` from frame `index`. False: not a TCP segment, and counted under its cause, or a fragment that is
   * held. When a fragment makes a datagram whole, the frames held for it are counted: as delivered with a segment, under
   * the same cause without one. So the caller counts one frame for each segment, always.
   */
  decode(batch: FrameBatch, index: number, segment: Segment): boolean {
    const packet = this.#packet
    const start = batch.offset[index]!
    const captured = batch.captured[index]!
    const original = batch.original[index]!
    packet.over(batch.bytes)
    packet.at = start
    // The columns come from a file header: never trust them past the buffer.
    packet.end = Math.min(start + captured, batch.bytes.length)
    packet.wireEnd = Math.max(start + original, packet.end)
    packet.vlan = -1
    packet.vni = -1
    packet.frames = 1

    const refusal = link(packet, batch.linkType[index]!) ?? this.#network(packet, segment, batch, index)
    if (refusal !== null) {
      if (refusal !== HELD) this.#telemetry.funnel.frames.drop(refusal, packet.frames)
      return false
    }
    if (packet.frames !== 1) this.#telemetry.funnel.frames.delivered += packet.frames - 1
    segment.vlan = packet.vlan
    segment.vni = packet.vni
    return true
  }

  /** Gives up fragments that have waited too long. Memory comes back sooner; nothing else depends on it. */
  tick(now: EventTime): void {
    this.#fragments.tick(now)
  }

  /** End of input: what is held will never be whole and is counted. */
  close(): void {
    this.#fragments.close()
  }

  /** From an IP packet to the TCP segment in it, or in the tunnels in it. */
  #network(packet: Packet, segment: Segment, batch: FrameBatch, index: number): Refusal | typeof HELD | null {
    for (let tunnels = 0; tunnels <= MAX_TUNNELS; tunnels++) {
      const refusal = ip(packet, segment)
      if (refusal !== null) {
        const rest = refusal === 'fragment' ? this.#join(packet, segment, batch.clock[index]!) : refusal
        if (rest !== null) return rest
      }
      if (packet.protocol === PROTOCOL_TCP) return tcp(packet, segment)
      const inside = tunnel(packet)
      if (inside !== null) return inside
    }
    return 'tunnel_depth'
  }

  #join(packet: Packet, segment: Segment, time: EventTime): Refusal | typeof HELD | null {
    const { family } = segment
    // Not worth the memory. In IPv6 only the first fragment tells what is carried.
    if (family === 4 && packet.protocol !== PROTOCOL_TCP && !mayBeTunnel(packet.protocol)) return 'not_tcp'
    const refusal = this.#fragments.join(packet, segment, time)
    if (refusal !== null || family === 4) return refusal
    const rest = extensions(packet)
    return rest === 'fragment' ? 'malformed' : rest // a fragment header in a datagram made of fragments
  }
}

function link(packet: Packet, linkType: number): Refusal | null {
  switch (linkType) {
    case 1:
      return ethernet(packet)
    case 113:
      return cooked(packet)
    case 276:
      return cooked2(packet)
    case 0:
    case 108:
      return loopback(packet)
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return rawIp(packet)
    default:
      return 'link_type'
  }
}

function ip(packet: Packet, segment: Segment): Refusal | null {
  if (packet.etherType === ETHERTYPE_IPV4) return ipv4(packet, segment)
  return packet.etherType === ETHERTYPE_IPV6 ? ipv6(packet, segment) : 'not_ip'
}
