/**
 * 32-bit hash of a text for sketches and bounded sets (FNV-1a over UTF-16 units, then the murmur3 finaliser, because the
 * low bits of FNV alone are too regular for HyperLogLog). Not keyed: nothing it is used for may decide by a single collision.
 */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Scrambles 32 bits (murmur3 finaliser): equal in, equal out, every input bit reaches every output bit. */
export function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
