import type { CapturedFrame } from './capture-file.ts'
import { ETHERNET, RAW_IP } from './capture-file.ts'

/** Ends of the outer packet of a tunnel, and of an Ethernet header of our own. */
const OUTER4 = Buffer.of(203, 0, 113, 21, 203, 0, 113, 22)
const OUTER6 = Buffer.from('20010db8000000000000000000000021' + '20010db8000000000000000000000022', 'hex')
const MACS = Buffer.from('020000000021' + '020000000022', 'hex')
const FRAGMENT_HEADER = 44

/** The IP packet of a frame without padding, and its length on the wire. Null behind tags, and where there is none. */
export function ipPacket(frame: CapturedFrame): { readonly bytes: Buffer; readonly length: number } | null {
  const at = frame.linkType === ETHERNET ? 14 : frame.linkType === RAW_IP ? 0 : -1
  if (at < 0 || frame.bytes.length < at + 20) return null
  const type = at === 0 ? null : frame.bytes.readUInt16BE(12)
  const version = frame.bytes[at]! >> 4
  const length = version === 4 ? frame.bytes.readUInt16BE(at + 2) : 40 + frame.bytes.readUInt16BE(at + 4)
  if (type !== null && type !== (version === 4 ? 0x0800 : 0x86dd)) return null
  return { bytes: frame.bytes.subarray(at, at + length), length }
}

/** An Ethernet frame around `payload`, of which `wireLength` bytes were on the wire. */
export function ipFrame(
  time: bigint,
  family: 4 | 6,
  protocol: number,
  id: number,
  payload: Buffer,
  wireLength: number,
): CapturedFrame {
  const header = family === 4 ? ipv4Header(protocol, id, 20 + wireLength) : ipv6Header(protocol, wireLength)
  const type = Buffer.from(family === 4 ? '0800' : '86dd', 'hex')
  const bytes = Buffer.concat([MACS, type, header, payload])
  return { time, bytes, original: 14 + header.length + wireLength, linkType: ETHERNET }
}

function ipv4Header(protocol: number, id: number, length: number): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header.writeUInt16BE(length, 2)
  header.writeUInt16BE(id & 0xffff, 4)
  header[8] = 64
  header[9] = protocol
  OUTER4.copy(header, 12)
  return withChecksum(header)
}

function ipv6Header(next: number, length: number): Buffer {
  const header = Buffer.alloc(8)
  header[0] = 0x60
  header.writeUInt16BE(length, 4)
  header[6] = next
  header[7] = 64
  return Buffer.concat([header, OUTER6])
}

/** RFC 1071 over an IPv4 header. */
function withChecksum(header: Buffer): Buffer {
  header.writeUInt16BE(0, 10)
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff)
  header.writeUInt16BE(~sum & 0xffff, 10)
  return header
}

/**
 * The frames an IP packet becomes on a path of this MTU, in order; the frame itself when it fits, was cut by the snap
 * length, is a fragment already, or is no untagged IP over Ethernet. IPv6 routers do not do this (RFC 8200 §4.5), but hosts and tunnels do.
 */
export function fragmented(frame: CapturedFrame, mtu: number, id: number): CapturedFrame[] {
  const packet = frame.linkType === ETHERNET ? ipPacket(frame) : null
  if (packet === null || packet.length <= mtu || packet.bytes.length < packet.length) return [frame]
  const four = packet.bytes[0]! >> 4 === 4
  if (four ? (packet.bytes.readUInt16BE(6) & 0x3fff) !== 0 : packet.bytes[6] === FRAGMENT_HEADER) return [frame]
  const headerLength = four ? (packet.bytes[0]! & 15) * 4 : 40
  const payload = packet.bytes.subarray(headerLength)
  const step = (mtu - headerLength - (four ? 0 : 8)) & ~7
  const pieces: CapturedFrame[] = []
  for (let at = 0; at < payload.length; at += step) {
    const more = at + step < payload.length
    const part = payload.subarray(at, at + step)
    const header = Buffer.from(packet.bytes.subarray(0, headerLength))
    const extension = Buffer.alloc(four ? 0 : 8)
    if (four) {
      header.writeUInt16BE(headerLength + part.length, 2)
      header.writeUInt16BE((more ? 0x2000 : 0) | (at >> 3), 6)
      withChecksum(header)
    } else {
      header.writeUInt16BE(8 + part.length, 4)
      extension[0] = header[6]!
      extension.writeUInt16BE(at | (more ? 1 : 0), 2)
      extension.writeUInt32BE(id, 4)
      header[6] = FRAGMENT_HEADER
    }
    const bytes = Buffer.concat([frame.bytes.subarray(0, 14), header, extension, part])
    pieces.push({ ...frame, bytes, original: bytes.length })
  }
  return pieces
}
