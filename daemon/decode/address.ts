/**
 * Addresses as four 32-bit words, IPv4 mapped (::ffff:a.b.c.d), to text and back. Words may come signed or unsigned.
 */

/** ::ffff:0:0/96, the second word from the right of an IPv4-mapped address (RFC 4291 §2.5.5.2). The first two are 0. */
export const MAPPED = 0xffff
/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` */
const LONGEST = 45

/** Dotted for IPv4 and mapped IPv4, else RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups as `::`. */
export function formatAddress(w0: number, w1: number, w2: number, w3: number): string {
  if (w0 === 0 && w1 === 0 && w2 === MAPPED) return formatIpv4(w3)
  const groups = [w0 >>> 16, w0 & 0xffff, w1 >>> 16, w1 & 0xffff, w2 >>> 16, w2 & 0xffff, w3 >>> 16, w3 & 0xffff]
  let runStart = -1
  let runLength = 1 // a single zero group is not shortened (RFC 5952 §4.2.2)
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > runLength) {
      runStart = start
      runLength = length
    }
  }
  if (runStart < 0) return hex(groups)
  return `${hex(groups.slice(0, runStart))}::${hex(groups.slice(runStart + runLength))}`
}

function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`
}

function hex(groups: number[]): string {
  return groups.map((group) => group.toString(16)).join(':')
}

/**
 * Strict: dotted IPv4 of four decimal octets without leading zeros, or IPv6 of RFC 4291 §2.2 (`::` once, a dotted tail
 * allowed). No zone, brackets, port or spaces; null for anything else. Words are unsigned.
 */
export function parseAddress(text: string): Uint32Array | null {
  if (text.length < 2 || text.length > LONGEST) return null
  const words = new Uint32Array(4)
  if (!text.includes(':')) {
    const v4 = parseIpv4(text)
    if (v4 < 0) return null
    words[2] = MAPPED
    words[3] = v4
    return words
  }
  return parseIpv6(text, words) ? words : null
}

/** The address as an unsigned number, -1 when it is none. By hand: a record of a topic has four to read. */
function parseIpv4(text: string): number {
  let address = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1
      address = address * 256 + octet
      octet = 0
      digits = 0
      continue
    }
    const digit = code - ZERO
    // No leading zeros: some read them as octal.
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return -1
    octet = octet * 10 + digit
    if (octet > 255) return -1
    digits++
  }
  return dots === 3 && digits > 0 ? address * 256 + octet : -1
}

const DOT = 0x2e
const ZERO = 0x30

function parseIpv6(text: string, words: Uint32Array): boolean {
  const sides = text.split('::', 3)
  if (sides.length > 2) return false
  const head = parseGroups(sides[0]!, sides.length === 1)
  const tail = sides.length === 2 ? parseGroups(sides[1]!, true) : []
  if (head === null || tail === null) return false
  const given = head.length + tail.length
  // `::` stands for at least one group.
  if (sides.length === 1 ? given !== 8 : given > 7) return false
  const groups = [...head, ...new Array<number>(8 - given).fill(0), ...tail]
  for (let index = 0; index < 4; index++) words[index] = groups[2 * index]! * 0x10000 + groups[2 * index + 1]!
  return true
}

/** Colon-separated groups; the last may be a dotted IPv4 address when it ends the text. */
function parseGroups(text: string, last: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':', 9)
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!
    if (last && index === parts.length - 1 && part.includes('.')) {
      const v4 = parseIpv4(part)
      if (v4 < 0) return null
      groups.push(Math.floor(v4 / 0x10000), v4 % 0x10000)
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}
