/**
 * TCP sequence numbers: arithmetic modulo 2^32 (RFC 9293 §3.4). The only place where they are compared. Results and
 * stored values are signed 32-bit integers, which V8 keeps without a heap box; unsigned input is welcome.
 */

/** How far `a` is past `b`; negative when it is before. Right as long as they are less than 2^31 apart. */
export function seqDiff(a: number, b: number): number {
  return (a - b) | 0
}

export function seqAdd(seq: number, count: number): number {
  return (seq + count) | 0
}
