import { z } from 'zod'

/**
 * What states are made of. A state is a tuple, not an object: a snapshot holds hundreds of thousands of them, and names would
 * be most of its bytes. It is read back through its schema, since a file may be damaged or made up: no number that is none,
 * none so large that sums of it are none, no list without end.
 */

/** Counts, weights, evidence: whatever is added up. */
export const amount = z.number().min(-1e15).max(1e15)
/** Microseconds since 1970; 0 where nothing happened yet. */
export const time = z.number().min(0).max(1e16)
export const hash32 = z.int().min(0).max(0xffffffff)
export const flag = z.boolean()
/** A name, an address, a template. What is kept is cut to less long before. */
export const text = z.string().max(65_536)

/** Numbers of 32 bits as text, base64 of their bytes in little-endian order. */
export function packed(numbers: Uint32Array | Uint8Array): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('base64')
}

/** Throws when it is not `into.byteLength` bytes. */
export function unpackInto(into: Uint32Array | Uint8Array, from: string): void {
  const bytes = Buffer.from(from, 'base64')
  if (bytes.length !== into.byteLength) throw new Error('packed numbers of the wrong length')
  Buffer.from(into.buffer, into.byteOffset, into.byteLength).set(bytes)
}
