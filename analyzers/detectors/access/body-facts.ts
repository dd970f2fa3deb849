import { textType } from '../../../daemon/inventory/scalar.ts'
import {
  isTellingName,
  mayBeSensitive,
  type SensitiveClass,
  sensitiveClass,
} from '../../../daemon/inventory/sensitive.ts'
import { AsciiBuffer, copyAscii, sameAscii } from '../../../daemon/model/ascii-bytes.ts'
import { HIGH_BITS, ONES, stringEnd } from '../../../daemon/model/json-bytes.ts'
import { nameHash } from '../property/json-names.ts'

/** Longer bodies are not read. */
const MAX_BODY = 65_536
/** Values that are looked at, and the depth down to which they are. */
const MAX_NODES = 512
const MAX_DEPTH = 6
/** Text that is nested deeper is taken for no JSON. */
const MAX_LEVELS = 256
const MAX_NAMES = 128
const MAX_NAME = 64

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c

/** The name of a field, whatever body it stands in. */
export interface FieldName {
  /** As it stands in the text, escapes and all. */
  readonly name: string
  /** Alike of `isAdmin`, `is_admin` and `IS-ADMIN`. */
  readonly hash: number
}

/** What one walk over a JSON text tells of it. */
export interface BodyFacts {
  /** Of all objects, at any depth, in their order, each once, at most 128. */
  readonly names: readonly FieldName[]
  /** Of the texts in it, in the order in which they are met. */
  readonly classes: readonly SensitiveClass[]
}

/** A name that bodies repeat, and what is known of it. */
class KnownName implements FieldName {
  readonly name: string
  readonly hash: number
  /** As a program reads it, without escapes. */
  readonly plain: string
  /** The walk that met it last. */
  walk = 0
  #telling: boolean | null = null

  constructor(name: string, hash: number, plain: string) {
    this.name = name
    this.hash = hash
    this.plain = plain.slice(0, MAX_NAME)
  }

  get isTelling(): boolean {
    this.#telling ??= isTellingName(this.plain)
    return this.#telling
  }
}

const SLOTS = 1024
/** Each slot belongs to the last who came. */
const known = new Array<KnownName | null>(SLOTS).fill(null)
const knownBytes = new AsciiBuffer(SLOTS * MAX_NAME)
const UNNAMED = new KnownName('', 0, '')
let walks = 0

const NO_NAMES: readonly FieldName[] = []
const NO_CLASSES: readonly SensitiveClass[] = []

/** Several detectors ask about one answer, one after the other: the last text and its facts. */
let lastText = ''
let lastFacts: BodyFacts | null = null

/** What is in a text that is JSON, object or array, up to where nothing more is looked at; null of any other, cut off ones included. */
export function bodyFacts(text: string | undefined): BodyFacts | null {
  if (text === undefined || text.length < 2 || text.length > MAX_BODY) return null
  const first = text.charCodeAt(0)
  if (first !== 0x7b && first !== 0x5b) return null
  if (text !== lastText) {
    lastFacts = new BodyWalk(text).read()
    lastText = text
  }
  return lastFacts
}

/** The text that is walked over, in UTF-8: bytes are read in a third of the time that characters of a string take. */
const scratch = new AsciiBuffer(MAX_BODY * 3 + 8)

/**
 * One pass over the text, which makes no structure, and no strings but of the few values that may be sensitive. It is as strict
 * about brackets, commas and texts as JSON is; a number may be any run of its characters.
 */
class BodyWalk {
  readonly #bytes = scratch.bytes
  readonly #view = scratch.view
  readonly #length: number
  readonly #names: FieldName[] = []
  readonly #classes: SensitiveClass[] = []
  readonly #walk = ++walks
  /** By level: whether it is an array, and the name that its values have. */
  readonly #isArray: boolean[] = []
  readonly #inherited: KnownName[] = []
  #name = UNNAMED
  #left = MAX_NODES
  /** Of the text that was read last: where it ends, and what may be in it. */
  #end = 0
  #escaped = false
  #hasAt = false
  #wide = false

  constructor(text: string) {
    this.#length = this.#bytes.write(text, 0, 'utf8')
    // Ends whatever goes on until something else comes.
    this.#bytes[this.#length] = 0
  }

  read(): BodyFacts | null {
    const bytes = this.#bytes
    let at = 0
    let level = 0
    do {
      if (this.#left <= 0 && this.#names.length === MAX_NAMES) break
      // A value is due.
      at = skipBlanks(bytes, at)
      const code = bytes[at]!
      const looked = level <= MAX_DEPTH + 1 && this.#left-- > 0 && level <= MAX_DEPTH
      if (code === 0x7b || code === 0x5b) {
        if (level === MAX_LEVELS) return null
        this.#isArray[level] = code === 0x5b
        this.#inherited[level] = this.#name
        level++
        at = skipBlanks(bytes, at + 1)
        if (bytes[at] === (code === 0x7b ? 0x7d : 0x5d)) {
          level--
          at++
        } else {
          if (code === 0x7b) at = this.#key(at)
          if (at < 0) return null
          continue
        }
      } else if (code === QUOTE) {
        if (!this.#string(at + 1) || (looked && !this.#judge(at + 1))) return null
        at = this.#end + 1
      } else {
        at = bareEnd(bytes, at)
        if (at < 0) return null
      }
      // A value has ended: what is around it goes on, or ends, too.
      for (;;) {
        at = skipBlanks(bytes, at)
        if (level === 0) break
        const next = bytes[at++]
        const isArray = this.#isArray[level - 1]!
        if (next === COMMA) {
          this.#name = this.#inherited[level - 1]!
          if (!isArray) at = this.#key(skipBlanks(bytes, at))
          if (at < 0) return null
          break
        }
        if (next !== (isArray ? 0x5d : 0x7d)) return null
        level--
      }
    } while (level > 0)
    if (level === 0 && at < this.#length) return null
    return {
      names: this.#names.length === 0 ? NO_NAMES : this.#names,
      classes: this.#classes.length === 0 ? NO_CLASSES : this.#classes,
    }
  }

  /** Reads a name and its colon; where the value may begin, or -1. */
  #key(at: number): number {
    const bytes = this.#bytes
    if (bytes[at] !== QUOTE || !this.#string(at + 1)) return -1
    const end = this.#end
    const colon = skipBlanks(bytes, end + 1)
    if (bytes[colon] !== COLON) return -1
    const name = this.#known(at + 1, end)
    if (name === null) return -1
    if (name.walk !== this.#walk) {
      name.walk = this.#walk
      this.#note(name)
    }
    this.#name = name
    return colon + 1
  }

  #known(start: number, end: number): KnownName | null {
    const length = (end - start) | 0
    if (this.#wide || length === 0 || length > MAX_NAME) return this.#made(start, end)
    const view = this.#view
    // Of one character, with the quote behind it.
    const first = length < 4 ? view.getInt16(start, true) : view.getInt32(start, true)
    const last = length < 4 ? 0 : view.getInt32(end - 4, true)
    const hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(last, 0x85ebca6b)
    const slot = ((hash ^ (hash >>> 15)) + length) & (SLOTS - 1)
    const found = known[slot]!
    if (
      found !== null &&
      found.name.length === length &&
      sameAscii(view, start, knownBytes.view, slot * MAX_NAME, length)
    ) {
      return found
    }
    const made = this.#made(start, end)
    if (made !== null) {
      copyAscii(view, start, knownBytes.view, slot * MAX_NAME, length)
      known[slot] = made
    }
    return made
  }

  #made(start: number, end: number): KnownName | null {
    const raw = this.#bytes.toString('utf8', start, end)
    const plain = this.#escaped ? unescaped(raw) : raw
    return plain === null ? null : new KnownName(raw, nameHash(raw), plain)
  }

  /** Names that are alike are one. */
  #note(found: KnownName): void {
    const names = this.#names
    const { length } = found.name
    if (length === 0 || length > MAX_NAME || names.length >= MAX_NAMES) return
    for (let i = 0; i < names.length; i++) if (names[i]!.hash === found.hash) return
    names.push(found)
  }

  /** Reads up to the quote that ends a text; false where none does. */
  #string(start: number): boolean {
    const bytes = this.#bytes
    const view = this.#view
    const length = this.#length
    let end = stringEnd(bytes, view, start, length)
    let escaped = false
    while (bytes[end] === BACKSLASH && end < length) {
      escaped = true
      end = stringEnd(bytes, view, end + 2, length)
    }
    if (end >= length) return false
    this.#end = end
    this.#escaped = escaped
    // What stands behind the end is looked at, too, which only makes the look closer.
    let odd = 0
    let at = 0
    for (let i = start; i < end; i = (i + 4) | 0) {
      const word = view.getInt32(i, true)
      const sign = word ^ 0x40404040
      odd |= word | ((word - 0x20202020) & ~word)
      at |= (sign - ONES) & ~sign
    }
    this.#hasAt = (at & HIGH_BITS) !== 0
    this.#wide = false
    if ((odd & HIGH_BITS) !== 0) {
      for (let i = start; i < end; i++) {
        if (bytes[i]! < 0x20) return false
        if (bytes[i]! >= 0x80) this.#wide = true
      }
    }
    return true
  }

  /** Looks at a text that is a value; false where its escapes are none. */
  #judge(start: number): boolean {
    const end = this.#end
    const { plain, isTelling } = this.#name
    const closely = this.#escaped || this.#wide || mayBeSensitive(this.#bytes, start, end, isTelling, this.#hasAt)
    if (!closely) return true
    const raw = this.#bytes.toString(this.#wide ? 'utf8' : 'latin1', start, end)
    const value = this.#escaped ? unescaped(raw) : raw
    if (value === null) return false
    const kind = sensitiveClass(plain, value, textType(value))
    if (kind !== null && !this.#classes.includes(kind)) this.#classes.push(kind)
    return true
  }
}

/** Null where an escape is none of JSON. */
function unescaped(raw: string): string | null {
  try {
    return JSON.parse(`"${raw}"`) as string
  } catch {
    return null
  }
}

function skipBlanks(bytes: Uint8Array, from: number): number {
  let at = from
  for (;;) {
    const code = bytes[at]!
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

const TRUE = Buffer.from('true').readInt32LE(0)
const ALSE = Buffer.from('alse').readInt32LE(0)
const NULL = Buffer.from('null').readInt32LE(0)

/** Where a number, or true, false or null ends; -1 where there is none. */
function bareEnd(bytes: Buffer, start: number): number {
  const first = bytes[start]!
  if (first === 0x74) return scratch.view.getInt32(start, true) === TRUE ? start + 4 : -1
  if (first === 0x66) return scratch.view.getInt32(start + 1, true) === ALSE ? start + 5 : -1
  if (first === 0x6e) return scratch.view.getInt32(start, true) === NULL ? start + 4 : -1
  let at = start
  while (OF_NUMBER[bytes[at]!] === 1) at++
  return at === start ? -1 : at
}

const OF_NUMBER = new Uint8Array(256)
for (const character of '0123456789-+.eE') OF_NUMBER[character.charCodeAt(0)] = 1
