import { mix } from '../../baselines/lookup-hash.ts'

const LONGEST = 512

/**
 * Hash of a path in which every run of digits counts as one sign and long hexadecimal words as another: `/orders/17` and
 * `/orders/18` are the same miss, `/admin` and `/backup` are not. Reads at most 512 characters.
 */
export function shapeOf(path: string): number {
  const length = Math.min(path.length, LONGEST)
  let hash = 0x811c9dc5
  let start = 0
  while (start < length) {
    let end = start
    let digits = 0
    let hex = true
    while (end < length && path.charCodeAt(end) !== 47) {
      const code = path.charCodeAt(end)
      if (code >= 48 && code <= 57) digits++
      else if (!((code >= 97 && code <= 102) || (code >= 65 && code <= 70) || code === 45)) hex = false
      end++
    }
    // An identifier: hexadecimal or dashed-hexadecimal with digits in it, 8 characters or more.
    if (hex && digits > 0 && end - start >= 8) hash = step(hash, 1)
    else hash = literal(path, start, end, hash)
    hash = step(hash, 47)
    start = end + 1
  }
  return mix(hash)
}

function literal(path: string, start: number, end: number, seed: number): number {
  let hash = seed
  let inDigits = false
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    const digit = code >= 48 && code <= 57
    if (digit && inDigits) continue
    hash = step(hash, digit ? 35 : code)
    inDigits = digit
  }
  return hash
}

function step(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193)
}
