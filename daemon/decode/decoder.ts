import type { FrameBatch } from '../model/frame.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { cooked, cooked2 } from './cooked.ts'
import { ethernet } from './ethernet.ts'
import { ipv4 } from './ipv4.ts'
import { ipv6 } from './ipv6.ts'
import { loopback } from './loopback.ts'
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, Packet, type Refusal } from './packet.ts'
import { rawIp } from './raw-ip.ts'
import type { Segment } from './segment.ts'
import { tcp } from './tcp.ts'

const PROTOCOL_TCP = 6

/** LINKTYPE_ values that can be decoded (tcpdump.org/linktypes.html). 12 and 14 are raw IP as some BSD writers number it. */
export const LINK_TYPES: readonly number[] = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276]

/**
 * Frame to TCP segment, in place: no object, view or string per frame. Any bytes give a segment or a counted refusal;
 * nothing throws. One file per layer; each reads its header and moves on.
 *
 * A tunnel (VXLAN, GENEVE, GRE) is one more file here: where `#network` would refuse a protocol as `not_tcp`, it moves
 * `packet.at` to the inner frame, sets `segment.vni`, and the link or network step runs again, at most four deep.
 */
export class Decoder {
  readonly #telemetry: Telemetry
  readonly #packet = new Packet()

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  /** Fills `segment` from frame `index`. False: not a TCP segment, and counted under its cause. */
  decode(batch: FrameBatch, index: number, segment: Segment): boolean {
    const packet = this.#packet
    const start = batch.offset[index]!
    const captured = batch.captured[index]!
    const original = batch.original[index]!
    packet.bytes = batch.bytes
    packet.at = start
    // The columns come from a file header: never trust them past the buffer.
    packet.end = Math.min(start + captured, batch.bytes.length)
    packet.wireEnd = Math.max(start + original, packet.end)
    packet.vlan = -1

    const refusal = link(packet, batch.linkType[index]!) ?? network(packet, segment)
    if (refusal !== null) {
      this.#telemetry.funnel.frames.drop(refusal)
      return false
    }
    segment.vlan = packet.vlan
    segment.vni = -1
    return true
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

function network(packet: Packet, segment: Segment): Refusal | null {
  const refusal =
    packet.etherType === ETHERTYPE_IPV4
      ? ipv4(packet, segment)
      : packet.etherType === ETHERTYPE_IPV6
        ? ipv6(packet, segment)
        : 'not_ip'
  if (refusal !== null) return refusal
  return packet.protocol === PROTOCOL_TCP ? tcp(packet, segment) : 'not_tcp'
}
