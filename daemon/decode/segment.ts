import { viewOf } from '../model/ascii-bytes.ts'

const EMPTY = Buffer.alloc(0)

/** TCP flag bits (RFC 9293 §3.1). */
export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10

/**
 * One TCP segment, decoded in place. One instance is reused for every frame: all fields are *borrowed*, valid until the
 * next frame is decoded. Addresses are four 32-bit words each, IPv4 mapped (::ffff:a.b.c.d), so one layout serves both.
 */
export class Segment {
  family: 4 | 6 = 4
  src0 = 0
  src1 = 0
  src2 = 0
  src3 = 0
  dst0 = 0
  dst1 = 0
  dst2 = 0
  dst3 = 0
  srcPort = 0
  dstPort = 0
  /** Sequence and acknowledgement numbers, as signed 32 bits; compare only through reassembly/sequence.ts. */
  seq = 0
  ack = 0
  flags = 0
  window = 0
  /** IPv4 identification, -1 for IPv6: tells a true retransmission from a mirrored duplicate. */
  ipId = -1
  /** Where the payload's captured bytes stand. */
  bytes: Buffer = EMPTY
  /** The same bytes, for numbers of several bytes. */
  view: DataView = viewOf(EMPTY)
  payloadStart = 0
  payloadEnd = 0
  /** Payload bytes that were on the wire but not captured (snap length). They follow `payloadEnd`. */
  payloadMissing = 0
  /** Innermost VLAN id and VNI, -1 when there is none. */
  vlan = -1
  vni = -1
}
