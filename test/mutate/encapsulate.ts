import type { CapturedFrame } from './capture-file.ts'
import { ETHERNET } from './capture-file.ts'
import { fragmented, ipFrame, ipPacket } from './ip-packet.ts'
import { type Mutator, seeded } from './mutators.ts'

export const TUNNELS = ['vxlan', 'vxlan-8472', 'geneve', 'geneve-ip', 'gre', 'gretap', 'erspan', 'ip-in-ip'] as const
export type Tunnel = (typeof TUNNELS)[number]

export interface Encapsulation {
  /** Network identifier of VXLAN and GENEVE. */
  readonly vni?: number
  /** VLAN that ERSPAN names. */
  readonly vlan?: number
  /** Address family of the outer packet. */
  readonly outer?: 4 | 6
}

interface Wrapped {
  /** IP protocol of the outer packet. */
  readonly protocol: number
  readonly header: Buffer
  readonly inner: { readonly bytes: Buffer; readonly length: number }
}

const UDP = 17
const GRE = 47
const BRIDGED = 0x6558
const ERSPAN = 0x88be

/**
 * Wraps frames as a mirror does. Changes no transaction but its vni; by ERSPAN also its vlan. What the tunnel cannot carry
 * (no Ethernet, no untagged IP) passes through.
 */
export function encapsulate(tunnel: Tunnel, options: Encapsulation = {}): Mutator {
  return (frames) =>
    frames.map((frame, index) => {
      const wrapped = wrap(tunnel, frame, options, index)
      if (wrapped === null) return frame
      const { protocol, header, inner } = wrapped
      const payload = Buffer.concat([header, inner.bytes])
      return ipFrame(
        frame.time,
        options.outer ?? 4,
        protocol,
        idOf(frame, index),
        payload,
        header.length + inner.length,
      )
    })
}

function wrap(tunnel: Tunnel, frame: CapturedFrame, options: Encapsulation, index: number): Wrapped | null {
  const whole = frame.linkType === ETHERNET ? { bytes: frame.bytes, length: frame.original } : null
  const packet = ipPacket(frame)
  const etherType = packet === null || packet.bytes[0]! >> 4 === 4 ? 0x0800 : 0x86dd
  const vni = options.vni ?? 0
  switch (tunnel) {
    case 'vxlan':
    case 'vxlan-8472':
      return (
        whole && inUdp(tunnel === 'vxlan' ? 4789 : 8472, Buffer.concat([Buffer.of(8, 0, 0, 0), vniWord(vni)]), whole)
      )
    case 'geneve':
      return whole && inUdp(6081, Buffer.concat([Buffer.of(0, 0, 0x65, 0x58), vniWord(vni)]), whole)
    case 'geneve-ip': {
      // 32 bytes of options, as a gateway load balancer puts its cookies in.
      const fixed = Buffer.concat([Buffer.of(8, 0), u16(etherType), vniWord(vni)])
      return packet && inUdp(6081, Buffer.concat([fixed, Buffer.alloc(32, 0x01)]), packet)
    }
    case 'gre': {
      // Checksum, key and sequence number: every optional field.
      const header = Buffer.concat([
        u16(0xb000),
        u16(etherType),
        Buffer.from('00000000 0000002a'.replace(' ', ''), 'hex'),
      ])
      return packet && { protocol: GRE, header: Buffer.concat([header, u32(index)]), inner: packet }
    }
    case 'gretap':
      return whole && { protocol: GRE, header: Buffer.concat([u16(0), u16(BRIDGED)]), inner: whole }
    case 'erspan': {
      const gre = Buffer.concat([u16(0x1000), u16(ERSPAN), u32(index)])
      const own = Buffer.concat([u16(0x1000 | (options.vlan ?? 0)), u16(0x0801), u32(0)])
      return whole && { protocol: GRE, header: Buffer.concat([gre, own]), inner: whole }
    }
    case 'ip-in-ip':
      return packet && { protocol: etherType === 0x0800 ? 4 : 41, header: Buffer.alloc(0), inner: packet }
  }
}

/** The source port is of no meaning but for load balancing; the checksum is left out, as tunnels do. */
function inUdp(port: number, header: Buffer, inner: Wrapped['inner']): Wrapped {
  const udp = Buffer.concat([u16(50_001), u16(port), u16(8 + header.length + inner.length), u16(0)])
  return { protocol: UDP, header: Buffer.concat([udp, header]), inner }
}

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255)
const u32 = (value: number): Buffer => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const vniWord = (vni: number): Buffer => u32((vni << 8) >>> 0)

/** Packet ids that do not meet again when several files are one timeline. */
function idOf(frame: CapturedFrame, index: number): number {
  return Number((frame.time / 1000n + BigInt(index)) & 0xffff_ffffn)
}

/** Cuts packets as a path with this MTU does. Changes no transaction. */
export function fragment(mtu: number): Mutator {
  return (frames) => frames.flatMap((frame, index) => fragmented(frame, mtu, idOf(frame, index)))
}

/** As `fragment`, the pieces of a packet in another order and some of them twice. Changes no transaction. */
export function fragmentShuffled(mtu: number, seed: number): Mutator {
  return (frames) => {
    const random = seeded(seed)
    return frames.flatMap((frame, index) => {
      const pieces = fragmented(frame, mtu, idOf(frame, index))
      if (pieces.length === 1) return pieces
      const twice = pieces.flatMap((piece) => (random() < 0.3 ? [piece, piece] : [piece]))
      return twice
        .map((piece) => ({ piece, rank: random() }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ piece }) => piece)
    })
  }
}
