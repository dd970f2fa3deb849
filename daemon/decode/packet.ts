import { viewOf } from '../model/ascii-bytes.ts'

const EMPTY = Buffer.alloc(0)

/** Why a frame is no TCP segment for us: the frame causes of telemetry/funnel.ts that decoding can give. */
export type Refusal =
  | 'link_type'
  | 'malformed'
  | 'truncated'
  | 'not_ip'
  | 'not_tcp'
  | 'fragment'
  | 'duplicate'
  | 'tunnel_depth'

/** A fragment that waits for the rest of its datagram: not refused, so not counted yet. */
export const HELD = 'held'

/**
 * Where decoding stands inside one frame. One instance is reused for every frame; each layer checks its header, reads
 * what it needs and moves `at` past itself. Offsets are into `bytes`.
 */
export class Packet {
  bytes: Buffer = EMPTY
  /** The same bytes. A number of several bytes is one load there, and four of `bytes` with three shifts. */
  view: DataView = viewOf(EMPTY)
  /** First byte of the layer that is read next. */
  at = 0
  /** First byte that was not captured. */
  end = 0
  /** First byte that was not on the wire, at least `end`. Network layers move both in, which takes Ethernet padding off. */
  wireEnd = 0
  /** EtherType of what stands at `at` (IEEE 802). */
  etherType = 0
  /** IP protocol number of what stands at `at`. */
  protocol = 0
  /** Innermost VLAN id, -1 when there is none. */
  vlan = -1
  /** Innermost VXLAN or GENEVE network identifier, -1 when there is none. */
  vni = -1
  /** Frames of the wire that stand behind this packet: more than one when it was put together from fragments. */
  frames = 1
  /** Of an IP fragment: where its bytes belong in the datagram, whether more follow them, and the datagram's id. */
  fragmentStart = 0
  moreFragments = false
  fragmentId = 0

  /** What follows stands in `bytes`. */
  over(bytes: Buffer): void {
    if (bytes === this.bytes) return
    this.bytes = bytes
    this.view = viewOf(bytes)
  }
}

export const ETHERTYPE_IPV4 = 0x0800
export const ETHERTYPE_IPV6 = 0x86dd
/** An Ethernet frame inside GRE or GENEVE (transparent Ethernet bridging). */
export const ETHERTYPE_BRIDGED = 0x6558

/** The reason why a header of `length` bytes at `packet.at` cannot be read: cut by the snap length, or never there. */
export function shortOf(packet: Packet, length: number): Refusal {
  return packet.at + length <= packet.wireEnd ? 'truncated' : 'malformed'
}
