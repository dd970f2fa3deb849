import { textType } from '../../../daemon/inventory/scalar.ts'
import {
  isTellingName,
  mayBeSensitive,
  type SensitiveClass,
  sensitiveClass,
} from '../../../daemon/inventory/sensitive.ts'
import { ownText } from '../../../daemon/model/own-text.ts'
import { mix } from '../../baselines/lookup-hash.ts'

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

/**
 * One pass over the characters, which makes no structure, and no strings but of the few values that may be sensitive. It is as strict
 * about brackets, commas and texts as JSON is; a number may be any run of its characters.
 */
class BodyWalk {
  readonly #text: string
  readonly #names: FieldName[] = []
  readonly #classes: SensitiveClass[] = []
  readonly #walk = ++walks
  /** By level: whether it is an array, and the name that its values have. */
  readonly #isArray: boolean[] = []
  readonly #inherited: KnownName[] = []
  #name = UNNAMED
  #left = MAX_NODES
  /** Of the text that was read last. */
  #end = 0
  #escaped = false
  #hasAt = false
  #hash = 0

  constructor(text: string) {
    this.#text = text
  }

  read(): BodyFacts | null {
    const text = this.#text
    const { length } = text
    let at = 0
    let level = 0
    do {
      if (this.#left <= 0 && this.#names.length === MAX_NAMES) break
      // A value is due.
      at = skipBlanks(text, at)
      const code = text.charCodeAt(at)
      const looked = level <= MAX_DEPTH + 1 && this.#left-- > 0 && level <= MAX_DEPTH
      if (code === 0x7b || code === 0x5b) {
        if (level === MAX_LEVELS) return null
        this.#isArray[level] = code === 0x5b
        this.#inherited[level] = this.#name
        level++
        at = skipBlanks(text, at + 1)
        if (text.charCodeAt(at) === (code === 0x7b ? 0x7d : 0x5d)) {
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
        at = bareEnd(text, at)
        if (at < 0) return null
      }
      // A value has ended: what is around it goes on, or ends, too.
      for (;;) {
        at = skipBlanks(text, at)
        if (level === 0) break
        const next = text.charCodeAt(at++)
        const isArray = this.#isArray[level - 1]!
        if (next === COMMA) {
          this.#name = this.#inherited[level - 1]!
          if (!isArray) at = this.#key(skipBlanks(text, at))
          if (at < 0) return null
          break
        }
        if (next !== (isArray ? 0x5d : 0x7d)) return null
        level--
      }
    } while (level > 0)
    if (level === 0 && at < length) return null
    return {
      names: this.#names.length === 0 ? NO_NAMES : this.#names,
      classes: this.#classes.length === 0 ? NO_CLASSES : this.#classes,
    }
  }

  /** Reads a name and its colon; where the value may begin, or -1. */
  #key(at: number): number {
    const text = this.#text
    if (text.charCodeAt(at) !== QUOTE || !this.#string(at + 1)) return -1
    const end = this.#end
    const colon = skipBlanks(text, end + 1)
    if (text.charCodeAt(colon) !== COLON) return -1
    const name = this.#known(at + 1, end)
    if (name === null) return -1
    this.#name = name
    return colon + 1
  }

  #known(start: number, end: number): KnownName | null {
    const text = this.#text
    const length = end - start
    const hash = mix(this.#hash)
    const slot = (hash ^ length) & (SLOTS - 1)
    let found = known[slot]!
    if (found === null || found.hash !== hash || found.name.length !== length || !text.startsWith(found.name, start)) {
      const raw = text.slice(start, end)
      const plain = this.#escaped ? unescaped(raw) : raw
      if (plain === null) return null
      found = new KnownName(ownText(raw), hash, ownText(plain))
      if (length <= MAX_NAME) known[slot] = found
    }
    if (found.walk !== this.#walk) {
      found.walk = this.#walk
      this.#note(found, length)
    }
    return found
  }

  /** Names that are alike are one. */
  #note(found: KnownName, length: number): void {
    const names = this.#names
    if (length === 0 || length > MAX_NAME || names.length >= MAX_NAMES) return
    for (let i = 0; i < names.length; i++) if (names[i]!.hash === found.hash) return
    names.push(found)
  }

  /** Reads up to the quote that ends a text; false where none does. */
  #string(start: number): boolean {
    const text = this.#text
    const { length } = text
    let hash = 0x811c9dc5
    let escaped = false
    let hasAt = false
    for (let at = start; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#end = at
        this.#escaped = escaped
        this.#hasAt = hasAt
        this.#hash = hash
        return true
      }
      if (code === BACKSLASH) {
        escaped = true
        at++
      } else if (code < 0x20) return false
      else {
        if (code === 0x40) hasAt = true
        if (code !== 0x5f && code !== 0x2d) hash = Math.imul(hash ^ (code | 0x20), 0x01000193)
      }
    }
    return false
  }

  /** Looks at a text that is a value; false where its escapes are none. */
  #judge(start: number): boolean {
    const text = this.#text
    const end = this.#end
    const { plain, isTelling } = this.#name
    let value: string | null
    if (this.#escaped) value = unescaped(text.slice(start, end))
    else if (!mayBeSensitive(text, start, end, isTelling, this.#hasAt)) return true
    else value = text.slice(start, end)
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

function skipBlanks(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** Where a number, or true, false or null ends; -1 where there is none. */
function bareEnd(text: string, start: number): number {
  const first = text.charCodeAt(start)
  if (first === 0x74) return text.startsWith('true', start) ? start + 4 : -1
  if (first === 0x66) return text.startsWith('false', start) ? start + 5 : -1
  if (first === 0x6e) return text.startsWith('null', start) ? start + 4 : -1
  let at = start
  while (isOfNumber(text.charCodeAt(at))) at++
  return at === start ? -1 : at
}

function isOfNumber(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e || code === 0x2b || code === 0x65 || code === 0x45
  )
}
