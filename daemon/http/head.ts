import { isUtf8 } from 'node:buffer'
import { viewOf } from '../model/ascii-bytes.ts'
import type { Header } from '../model/transaction.ts'
import type { Head } from './exchange.ts'
import { SLOTS } from './head-scanner.ts'
import type { HeadBlock } from './head-slabs.ts'
import { equalsLowerCase, KNOWN_COUNT, knownIndex } from './known-headers.ts'

/** A head over its own bytes; strings are made when asked for. */
export class ParsedHead implements Head {
  readonly status: number
  readonly headerCount: number
  /** Of `bytes`. */
  view: DataView
  #bytes: Buffer
  #base: number
  readonly #length: number
  #offsets: Uint16Array
  #at: number
  /** Whose cell it is in, to be given back; null where it is in none (head-slabs.ts). */
  block: HeadBlock | null
  readonly #version: number
  readonly #methodEnd: number
  readonly #targetStart: number
  readonly #targetEnd: number
  readonly #ascii: boolean
  #encoding: 'latin1' | 'utf8' | null

  constructor(
    bytes: Buffer,
    view: DataView,
    base: number,
    length: number,
    offsets: Uint16Array,
    at: number,
    block: HeadBlock | null,
    headerCount: number,
    ascii: boolean,
    status: number,
    version: number,
    methodEnd: number,
    targetStart: number,
    targetEnd: number,
  ) {
    this.#bytes = bytes
    this.view = view
    this.#base = base
    this.#length = length
    this.#offsets = offsets
    this.#at = at
    this.block = block
    this.headerCount = headerCount
    this.#ascii = ascii
    // Pure ASCII reads the same both ways, and latin1 decoding is the cheaper one.
    this.#encoding = ascii ? 'latin1' : null
    this.status = status
    this.#version = version
    this.#methodEnd = methodEnd
    this.#targetStart = targetStart
    this.#targetEnd = targetEnd
  }

  /** It was copied: where to. */
  moveTo(bytes: Buffer, view: DataView, base: number, offsets: Uint16Array, at: number, block: HeadBlock | null): void {
    this.#bytes = bytes
    this.view = view
    this.#base = base
    this.#offsets = offsets
    this.#at = at
    this.block = block
  }

  /** Where it begins in `bytes`. */
  get base(): number {
    return this.#base
  }

  /** In bytes. */
  get length(): number {
    return this.#length
  }

  get method(): string {
    if (this.#methodEnd === 0) return ''
    return methodName(this.#bytes, this.#base, this.#base + this.#methodEnd)
  }

  get target(): string {
    return this.#text(this.#targetStart, this.#targetEnd)
  }

  get version(): string {
    if (this.#version === 11) return '1.1'
    if (this.#version === 10) return '1.0'
    return `${Math.floor(this.#version / 10)}.${this.#version % 10}`
  }

  get latin1(): boolean {
    return !this.#ascii && this.#readAs() === 'latin1'
  }

  #readAs(): 'latin1' | 'utf8' {
    if (this.#encoding === null) {
      const head = this.#bytes.subarray(this.#base, this.#base + this.#length)
      this.#encoding = isUtf8(head) ? 'utf8' : 'latin1'
    }
    return this.#encoding
  }

  #text(from: number, to: number): string {
    if (to <= from) return ''
    const start = this.#base + from
    const end = this.#base + to
    return this.#readAs() === 'latin1'
      ? this.#bytes.toString('latin1', start, end)
      : this.#bytes.toString('utf8', start, end)
  }

  #slot(index: number): number {
    return this.#at + KNOWN_COUNT + index * SLOTS
  }

  #name(index: number): string {
    const slot = this.#slot(index)
    return this.#text(this.#offsets[slot]!, this.#offsets[slot + 1]!)
  }

  #value(index: number): string {
    const slot = this.#slot(index)
    const value = this.#text(this.#offsets[slot + 2]!, this.#offsets[slot + 3]!)
    return value.includes('\n') ? unfold(value) : value
  }

  header(name: string): string | null {
    const known = knownIndex(name)
    if (known >= 0) {
      const index = this.#offsets[this.#at + known]!
      return index === 0 ? null : this.#value(index - 1)
    }
    const wanted = Buffer.from(name, 'latin1')
    for (let i = 0; i < this.headerCount; i++) if (this.#named(wanted, i)) return this.#value(i)
    return null
  }

  headerAll(name: string): string[] {
    const values: string[] = []
    const known = knownIndex(name)
    if (known >= 0 && this.#offsets[this.#at + known] === 0) return values
    const wanted = Buffer.from(name, 'latin1')
    for (let i = 0; i < this.headerCount; i++) if (this.#named(wanted, i)) values.push(this.#value(i))
    return values
  }

  field(index: number): Header {
    return [this.#name(index), this.#value(index)]
  }

  /** Whether all of it is ASCII, so that its bytes are its characters. */
  get ascii(): boolean {
    this.#readAs()
    return this.#ascii
  }

  /** What the offsets of the fields below point into; not to be written to. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Index of the first field of a known header (known-headers.ts), -1 when there is none. */
  fieldOf(known: number): number {
    return this.#offsets[this.#at + known]! - 1
  }

  /** Where the request target stands in `bytes`; an empty range in a response. */
  get targetStart(): number {
    return this.#base + this.#targetStart
  }

  get targetEnd(): number {
    return this.#base + this.#targetEnd
  }

  nameStart(index: number): number {
    return this.#base + this.#offsets[this.#slot(index)]!
  }

  nameEnd(index: number): number {
    return this.#base + this.#offsets[this.#slot(index) + 1]!
  }

  /** Folded lines are still folded. */
  valueStart(index: number): number {
    return this.#base + this.#offsets[this.#slot(index) + 2]!
  }

  valueEnd(index: number): number {
    return this.#base + this.#offsets[this.#slot(index) + 3]!
  }

  headers(): Header[] {
    const all: Header[] = []
    for (let i = 0; i < this.headerCount; i++) all.push([this.#name(i), this.#value(i)])
    return all
  }

  #named(wanted: Buffer, index: number): boolean {
    const slot = this.#slot(index)
    const start = this.#offsets[slot]!
    const length = this.#offsets[slot + 1]! - start
    return length === wanted.length && equalsLowerCase(wanted, this.#bytes, this.#base + start)
  }
}

/** Stands for the head where none is kept. */
const EMPTY = Buffer.alloc(0)
export const NO_HEAD = new ParsedHead(
  EMPTY,
  viewOf(EMPTY),
  0,
  0,
  new Uint16Array(KNOWN_COUNT),
  0,
  null,
  0,
  true,
  0,
  0,
  0,
  0,
  0,
)

/** RFC 9112 §5.2: a folded line counts as blanks. A loop, since the text is hostile and may be all blanks. */
function unfold(value: string): string {
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length > 0)
    .join(' ')
}

/** The methods of RFC 9110 §9.3, and PATCH, by length * 32 + the first letter, of which no two have the same. */
const USUAL_METHODS = new Array<{ readonly name: string; readonly bytes: Buffer } | undefined>(256).fill(undefined)
const LONGEST_METHOD = 7
for (const name of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE']) {
  USUAL_METHODS[name.length * 32 + (name.charCodeAt(0) & 31)] = { name, bytes: Buffer.from(name, 'latin1') }
}

/** The usual methods without making a new string. */
export function methodName(bytes: Buffer, from: number, to: number): string {
  const length = to - from
  const usual = length > LONGEST_METHOD ? undefined : USUAL_METHODS[length * 32 + (bytes[from]! & 31)]
  if (usual === undefined) return bytes.toString('latin1', from, to)
  for (let i = 0; i < length; i++) {
    if (bytes[from + i] !== usual.bytes[i]) return bytes.toString('latin1', from, to)
  }
  return usual.name
}
