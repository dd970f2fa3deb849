/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected polynomial 0x82f63b78, four bytes a step ("slicing", Kounavis and
 * Berry, 2005).
 */
const TABLES = Array.from({ length: 4 }, () => new Int32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  TABLES[0]![byte] = crc
}
for (let slice = 1; slice < 4; slice++) {
  for (let byte = 0; byte < 256; byte++) {
    const before = TABLES[slice - 1]![byte]!
    TABLES[slice]![byte] = (before >>> 8) ^ TABLES[0]![before & 0xff]!
  }
}
const [T0, T1, T2, T3] = TABLES as [Int32Array, Int32Array, Int32Array, Int32Array]

/** Checksum of `bytes` as an unsigned 32-bit number; `seed` is the checksum of what came before. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  let at = 0
  for (const end = bytes.length - 3; at < end; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    crc = T3[crc & 0xff]! ^ T2[(crc >>> 8) & 0xff]! ^ T1[(crc >>> 16) & 0xff]! ^ T0[crc >>> 24]!
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]!) & 0xff]!
  return ~crc >>> 0
}
