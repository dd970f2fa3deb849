/** Bytes from which on the runtime's own comparison is cheaper than a loop. */
const MANY_BYTES = 48

/** Whether `length` bytes are the same in both. */
export function sameText(a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): boolean {
  if (length >= MANY_BYTES) return a.compare(b, bStart, bStart + length, aStart, aStart + length) === 0
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false
  return true
}
