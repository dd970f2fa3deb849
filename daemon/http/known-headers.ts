/**
 * Headers that framing or a later stage asks for on most messages. The scanner notes where each first stands, so asking
 * costs no search. Names are lower case, found by length and first letter through a short chain.
 */
export const KNOWN_HEADERS = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'content-type',
  'content-encoding',
  'authorization',
  'cookie',
  'set-cookie',
  'user-agent',
  'x-forwarded-for',
  'forwarded',
  'x-real-ip',
  'x-api-key',
  'upgrade',
  'expect',
  'date',
  'referer',
  'location',
  'accept',
  'traceparent',
  'x-request-id',
  'cf-connecting-ip',
  'true-client-ip',
  'origin',
  'x-forwarded-client-cert',
  'x-forwarded-proto',
  'proxy-authorization',
  'x-consumer-id',
  'x-csrf-token',
  'accept-language',
  'accept-encoding',
  'api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
] as const

export const KNOWN_COUNT = KNOWN_HEADERS.length
export const HOST = 0
export const CONTENT_LENGTH = 1
export const TRANSFER_ENCODING = 2
export const CONNECTION = 3
const FRAMING_COUNT = 4

const MAX_LENGTH = 32
const names = KNOWN_HEADERS.map((name) => Buffer.from(name, 'latin1'))

/** The first `count` known names, found by their shape. */
class NameTable {
  readonly count: number
  /** Whether these are all the known names. */
  readonly all: boolean
  /** By length * 32 + first letter: index of the first known name of that shape, -1 if none. */
  readonly first = new Int8Array(MAX_LENGTH * 32).fill(-1)
  /** Next known name of the same shape, -1 at the end. */
  readonly next = new Int8Array(KNOWN_COUNT).fill(-1)

  constructor(count: number) {
    this.count = count
    this.all = count === KNOWN_COUNT
    for (let index = count - 1; index >= 0; index--) {
      const name = names[index]!
      const shape = name.length * 32 + (name[0]! & 31)
      this.next[index] = this.first[shape]!
      this.first[shape] = index
    }
  }
}

export const ALL_NAMES = new NameTable(KNOWN_COUNT)
/** What framing and pairing need, for when nobody looks at anything else. */
export const FRAMING_NAMES = new NameTable(FRAMING_COUNT)
export type { NameTable }

const byName = new Map<string, number>(KNOWN_HEADERS.map((name, index) => [name, index]))

/** Index of a lower-case name, -1 when it is not known. */
export function knownIndex(name: string): number {
  return byName.get(name) ?? -1
}

/** Index of the name at [start, end) of `bytes`, in any case, -1 when it is not in the table. */
export function knownHeaderAt(table: NameTable, bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length >= MAX_LENGTH || length === 0) return -1
  let index = table.first[length * 32 + (bytes[start]! & 31)]!
  while (index >= 0) {
    if (equalsLowerCase(names[index]!, bytes, start)) return index
    index = table.next[index]!
  }
  return -1
}

/** Compares a lower-case name with the bytes at `start`, letters in any case. */
export function equalsLowerCase(name: Buffer, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) {
    const expected = name[i]!
    const found = bytes[start + i]!
    if (found === expected) continue
    if (expected < 0x61 || expected > 0x7a || (found | 0x20) !== expected) return false
  }
  return true
}
