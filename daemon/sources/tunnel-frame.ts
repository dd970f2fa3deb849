/** What a mirror wraps its copies in. */
export type TunnelProtocol = 'vxlan' | 'geneve'

/** The port each is decoded by, whatever port the socket has. */
const PORTS: Readonly<Record<TunnelProtocol, number>> = { vxlan: 4789, geneve: 6081 }

export const RAW_IP = 101
/** IPv4 and UDP. */
export const OUTER_BYTES = 28
/** The longest IPv4 packet; a datagram is 28 bytes less. */
export const MAX_OUTER_PACKET = 65_535

/**
 * Puts back before a datagram what its socket took off, so that the decoder sees what a capture would have shown: IPv4
 * and UDP, checksums left 0. `source`: the sender as a number, 0 for one of IPv6; only the innermost addresses count.
 * Writes to `out` from its beginning and returns the length of the packet.
 */
export function wrapDatagram(protocol: TunnelProtocol, source: number, datagram: Uint8Array, out: Buffer): number {
  const length = Math.min(OUTER_BYTES + datagram.length, MAX_OUTER_PACKET)
  out.writeUInt32BE(0x45_00_00_00 + length, 0)
  out.writeUInt32BE(0, 4)
  out.writeUInt32BE(0x40_11_00_00, 8) // TTL 64, UDP
  out.writeUInt32BE(source, 12)
  out.writeUInt32BE(0, 16)
  out.writeUInt32BE(PORTS[protocol], 20)
  out.writeUInt32BE((length - 20) * 65_536, 24)
  out.set(datagram.subarray(0, length - OUTER_BYTES), OUTER_BYTES)
  return length
}

/** The network identifier, by the tunnel's own header; -1 when it is none of this protocol (RFC 7348 §5, RFC 8926 §3.4). */
export function vniOf(protocol: TunnelProtocol, datagram: Uint8Array): number {
  if (datagram.length < 8) return -1
  const known = protocol === 'vxlan' ? (datagram[0]! & 0x08) !== 0 : datagram[0]! >> 6 === 0
  return known ? (datagram[4]! << 16) | (datagram[5]! << 8) | datagram[6]! : -1
}

/** `10.0.0.5:4789` or `[2001:db8::5]:4789`, as the schema has checked it. */
export function listenAddress(text: string): { address: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** What the assigned ports, and the one of older Linux, stand for; null for others. */
export function protocolOfPort(port: number): TunnelProtocol | null {
  if (port === 4789 || port === 8472) return 'vxlan'
  return port === 6081 ? 'geneve' : null
}

/** One network identifier, or `from-to` with both ends in. */
export function vniRange(vni: number | string): readonly [from: number, to: number] {
  const [from = Number.NaN, to = from] = String(vni).split('-').map(Number)
  return [from, to]
}

export const MAX_VNI = 2 ** 24 - 1
