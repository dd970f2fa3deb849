import type { CapturedFrame } from './capture-file.ts'
import { ETHERNET } from './capture-file.ts'

/** Where the parts of one Ethernet TCP frame stand, by absolute offset. Untagged IPv4 and IPv6 without options between. */
export interface TcpParts {
  readonly family: 4 | 6
  readonly ip: number
  readonly tcp: number
  readonly payload: number
  /** End of the payload by the IP length, which may be past what was captured. */
  readonly end: number
  readonly source: string
  readonly destination: string
  readonly seq: number
  readonly ack: number
  readonly flags: number
}

export const FIN = 1
export const SYN = 2
export const RST = 4
export const ACK = 16

/** Null when the frame is not TCP over plain Ethernet. */
export function tcpParts(frame: CapturedFrame): TcpParts | null {
  const bytes = frame.bytes
  if (frame.linkType !== ETHERNET || bytes.length < 54) return null
  const ip = 14
  const etherType = bytes.readUInt16BE(12)
  if (etherType === 0x0800 && bytes[ip + 9] === 6) {
    const tcp = ip + (bytes[ip]! & 15) * 4
    const end = ip + bytes.readUInt16BE(ip + 2)
    return parts(bytes, 4, ip, tcp, end, bytes.subarray(ip + 12, ip + 16), bytes.subarray(ip + 16, ip + 20))
  }
  if (etherType === 0x86dd && bytes[ip + 6] === 6) {
    const end = ip + 40 + bytes.readUInt16BE(ip + 4)
    return parts(bytes, 6, ip, ip + 40, end, bytes.subarray(ip + 8, ip + 24), bytes.subarray(ip + 24, ip + 40))
  }
  return null
}

function parts(bytes: Buffer, family: 4 | 6, ip: number, tcp: number, end: number, from: Buffer, to: Buffer): TcpParts {
  return {
    family,
    ip,
    tcp,
    payload: tcp + (bytes[tcp + 12]! >> 4) * 4,
    end,
    source: `${from.toString('hex')}:${bytes.readUInt16BE(tcp)}`,
    destination: `${to.toString('hex')}:${bytes.readUInt16BE(tcp + 2)}`,
    seq: bytes.readUInt32BE(tcp + 4),
    ack: bytes.readUInt32BE(tcp + 8),
    flags: bytes[tcp + 13]!,
  }
}

/** Same for both directions of a connection. */
export function connectionKey(parts: TcpParts): string {
  return parts.source < parts.destination
    ? `${parts.source} ${parts.destination}`
    : `${parts.destination} ${parts.source}`
}

export function payloadLength(parts: TcpParts): number {
  return parts.end - parts.payload
}

/** The same segment with other payload bytes; lengths and the IPv4 header checksum are set right, the TCP checksum too. */
export function withPayload(frame: CapturedFrame, payload: Buffer, seq: number): CapturedFrame {
  const at = tcpParts(frame)!
  const bytes = Buffer.concat([frame.bytes.subarray(0, at.payload), payload])
  if (at.family === 4) bytes.writeUInt16BE(bytes.length - at.ip, at.ip + 2)
  else bytes.writeUInt16BE(bytes.length - at.ip - 40, at.ip + 4)
  bytes.writeUInt32BE(seq >>> 0, at.tcp + 4)
  fixChecksums(bytes, at)
  return { ...frame, bytes, original: bytes.length }
}

/** The same segment with other flags; the checksum is left to whatever changes it next. */
export function withFlags(frame: CapturedFrame, flags: number): CapturedFrame {
  const bytes = Buffer.from(frame.bytes)
  bytes[tcpParts(frame)!.tcp + 13] = flags
  return { ...frame, bytes }
}

/** The same segment with its sequence and acknowledgement numbers moved, modulo 2^32 (RFC 9293 §3.4). */
export function shifted(frame: CapturedFrame, seqBy: number, ackBy: number): CapturedFrame {
  const at = tcpParts(frame)!
  const bytes = Buffer.from(frame.bytes)
  bytes.writeUInt32BE((at.seq + seqBy) >>> 0, at.tcp + 4)
  if (at.flags & ACK) bytes.writeUInt32BE((at.ack + ackBy) >>> 0, at.tcp + 8)
  fixChecksums(bytes, at)
  return { ...frame, bytes }
}

/** The same segment sent again by its host: another IPv4 identification. */
export function resent(frame: CapturedFrame): CapturedFrame {
  const at = tcpParts(frame)!
  const bytes = Buffer.from(frame.bytes)
  if (at.family === 4) bytes.writeUInt16BE((bytes.readUInt16BE(at.ip + 4) + 7) & 0xffff, at.ip + 4)
  fixChecksums(bytes, at)
  return { ...frame, bytes }
}

/** Same bytes behind 802.1Q tags, outermost first. A tag of 88a8 outside, 8100 inside, as QinQ wants. */
export function tagged(frame: CapturedFrame, vlans: readonly number[]): CapturedFrame {
  const tags = Buffer.alloc(vlans.length * 4)
  for (const [i, vlan] of vlans.entries()) {
    tags.writeUInt16BE(i < vlans.length - 1 ? 0x88a8 : 0x8100, i * 4)
    tags.writeUInt16BE(vlan, i * 4 + 2)
  }
  const bytes = Buffer.concat([frame.bytes.subarray(0, 12), tags, frame.bytes.subarray(12)])
  return { ...frame, bytes, original: frame.original + tags.length }
}

function fixChecksums(bytes: Buffer, at: { family: 4 | 6; ip: number; tcp: number }): void {
  if (at.family === 4) {
    bytes.writeUInt16BE(0, at.ip + 10)
    bytes.writeUInt16BE(checksum(sum(bytes, at.ip, at.tcp)), at.ip + 10)
  }
  bytes.writeUInt16BE(0, at.tcp + 16)
  const addresses = at.family === 4 ? sum(bytes, at.ip + 12, at.ip + 20) : sum(bytes, at.ip + 8, at.ip + 40)
  const length = bytes.length - at.tcp
  bytes.writeUInt16BE(checksum(addresses + 6 + length + sum(bytes, at.tcp, bytes.length)), at.tcp + 16)
}

function sum(bytes: Buffer, from: number, to: number): number {
  let total = 0
  for (let i = from; i + 1 < to; i += 2) total += bytes.readUInt16BE(i)
  if ((to - from) % 2 === 1) total += bytes[to - 1]! << 8
  return total
}

/** RFC 1071. */
function checksum(total: number): number {
  let folded = total
  while (folded > 0xffff) folded = Math.floor(folded / 65_536) + (folded & 0xffff)
  return ~folded & 0xffff
}
