import { gunzipSync } from 'node:zlib'

/**
 * A capture file held whole in memory, as the mutators see it: a link type and owned frames. A second, simpler reader than
 * the product's own, so that a mistake in one does not hide in the other. Trusts its input: it only reads fixtures.
 */
export interface CapturedFrame {
  /** Whole nanoseconds since 1970. */
  readonly time: bigint
  readonly bytes: Buffer
  /** Length on the wire; more than `bytes.length` when the snap length cut it. */
  readonly original: number
  readonly linkType: number
}

export interface PcapShape {
  readonly nanoseconds?: boolean
  readonly bigEndian?: boolean
}

export const ETHERNET = 1
export const NULL_LOOPBACK = 0
export const RAW_IP = 101

const MICROSECOND_MAGIC = 0xa1b2c3d4
const NANOSECOND_MAGIC = 0xa1b23c4d
const PCAPNG_MAGIC = 0x0a0d0d0a

/** Frames of a pcap or pcapng file, also gzipped. A tail cut off mid-record is left out. */
export function readCapture(file: Buffer): CapturedFrame[] {
  const bytes = file[0] === 0x1f && file[1] === 0x8b ? gunzipSync(file) : file
  return bytes.readUInt32BE(0) === PCAPNG_MAGIC ? readPcapng(bytes) : readPcap(bytes)
}

function readPcap(bytes: Buffer): CapturedFrame[] {
  const big = [MICROSECOND_MAGIC, NANOSECOND_MAGIC].includes(bytes.readUInt32BE(0))
  const u32 = (at: number) => (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))
  const unit = u32(0) === NANOSECOND_MAGIC ? 1n : 1000n
  const linkType = u32(20) & 0xffff
  const frames: CapturedFrame[] = []
  for (let at = 24; at + 16 <= bytes.length; ) {
    const captured = u32(at + 8)
    if (at + 16 + captured > bytes.length) break
    const time = BigInt(u32(at)) * 1_000_000_000n + BigInt(u32(at + 4)) * unit
    frames.push({ time, bytes: bytes.subarray(at + 16, at + 16 + captured), original: u32(at + 12), linkType })
    at += 16 + captured
  }
  return frames
}

/** Little-endian, one section, enhanced packet blocks: what dumpcap and our own writer make. */
function readPcapng(bytes: Buffer): CapturedFrame[] {
  const frames: CapturedFrame[] = []
  const interfaces: { linkType: number; unitNs: bigint }[] = []
  for (let at = 0; at + 12 <= bytes.length; ) {
    const type = bytes.readUInt32LE(at)
    const length = bytes.readUInt32LE(at + 4)
    if (length < 12 || at + length > bytes.length) break
    if (type === 1) {
      const options = bytes.subarray(at + 16, at + length - 4)
      interfaces.push({ linkType: bytes.readUInt16LE(at + 8), unitNs: resolution(options) })
    } else if (type === 6) {
      const port = interfaces[bytes.readUInt32LE(at + 8)]!
      const ticks = (BigInt(bytes.readUInt32LE(at + 12)) << 32n) | BigInt(bytes.readUInt32LE(at + 16))
      const captured = bytes.readUInt32LE(at + 20)
      frames.push({
        time: ticks * port.unitNs,
        bytes: bytes.subarray(at + 28, at + 28 + captured),
        original: bytes.readUInt32LE(at + 24),
        linkType: port.linkType,
      })
    }
    at += length
  }
  return frames
}

/** if_tsresol (option 9): powers of ten down to nanoseconds. */
function resolution(options: Buffer): bigint {
  for (let at = 0; at + 4 <= options.length; ) {
    const length = options.readUInt16LE(at + 2)
    if (options.readUInt16LE(at) === 9) return 10n ** BigInt(9 - options[at + 4]!)
    at += 4 + length + (-length & 3)
  }
  return 1000n
}

/** One classic pcap file. All frames must be of one link type. */
export function writePcap(frames: readonly CapturedFrame[], shape: PcapShape = {}): Buffer {
  const nano = shape.nanoseconds ?? false
  const put = (target: Buffer, value: number, at: number) =>
    shape.bigEndian ? target.writeUInt32BE(value, at) : target.writeUInt32LE(value, at)
  const header = Buffer.alloc(24)
  put(header, nano ? NANOSECOND_MAGIC : MICROSECOND_MAGIC, 0)
  if (shape.bigEndian) header.writeUInt32BE(0x0002_0004, 4)
  else header.writeUInt32LE(0x0004_0002, 4)
  put(header, 262_144, 16)
  put(header, frames[0]?.linkType ?? ETHERNET, 20)
  const parts: Buffer[] = [header]
  for (const frame of frames) {
    const record = Buffer.alloc(16)
    put(record, Number(frame.time / 1_000_000_000n), 0)
    put(record, Number((frame.time % 1_000_000_000n) / (nano ? 1n : 1000n)), 4)
    put(record, frame.bytes.length, 8)
    put(record, frame.original, 12)
    parts.push(record, frame.bytes)
  }
  return Buffer.concat(parts)
}

export interface PcapngInterface {
  readonly linkType: number
  /** Timestamps are counted in 10^-resolution seconds. */
  readonly resolution: number
  readonly name: string
}

/** One pcapng section; `port` says which interface saw a frame. A custom block stands between, for readers to skip. */
export function writePcapng(
  frames: readonly (CapturedFrame & { readonly port: number })[],
  interfaces: readonly PcapngInterface[],
): Buffer {
  const sectionHeader = Buffer.alloc(16)
  sectionHeader.writeUInt32LE(0x1a2b3c4d, 0)
  sectionHeader.writeUInt16LE(1, 4)
  sectionHeader.writeBigInt64LE(-1n, 8)
  const blocks = [block(PCAPNG_MAGIC, sectionHeader)]
  for (const port of interfaces) {
    const fixed = Buffer.alloc(8)
    fixed.writeUInt16LE(port.linkType, 0)
    blocks.push(
      block(
        1,
        Buffer.concat([
          fixed,
          option(2, Buffer.from(port.name)),
          option(9, Buffer.of(port.resolution)),
          option(0, Buffer.alloc(0)),
        ]),
      ),
    )
  }
  blocks.push(block(0x0000_0bad, Buffer.from('\0\0\0\0skip me!')))
  for (const frame of frames) {
    const ticks = frame.time / 10n ** BigInt(9 - interfaces[frame.port]!.resolution)
    const fixed = Buffer.alloc(20)
    fixed.writeUInt32LE(frame.port, 0)
    fixed.writeUInt32LE(Number(ticks >> 32n), 4)
    fixed.writeUInt32LE(Number(ticks & 0xffff_ffffn), 8)
    fixed.writeUInt32LE(frame.bytes.length, 12)
    fixed.writeUInt32LE(frame.original, 16)
    blocks.push(block(6, Buffer.concat([fixed, frame.bytes])))
  }
  return Buffer.concat(blocks)
}

function block(type: number, body: Buffer): Buffer {
  const padded = body.length + (-body.length & 3)
  const out = Buffer.alloc(12 + padded)
  out.writeUInt32LE(type, 0)
  out.writeUInt32LE(out.length, 4)
  body.copy(out, 8)
  out.writeUInt32LE(out.length, out.length - 4)
  return out
}

function option(code: number, value: Buffer): Buffer {
  const out = Buffer.alloc(4 + value.length + (-value.length & 3))
  out.writeUInt16LE(code, 0)
  out.writeUInt16LE(value.length, 2)
  value.copy(out, 4)
  return out
}
