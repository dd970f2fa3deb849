import { mix } from '../../baselines/lookup-hash.ts'

/** Bodies are read up to here. */
const MAX_BODY = 65_536
const MAX_NAME = 64
const MAX_NAMES = 128
const MAX_VALUE = 128

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** A field of a JSON text. */
export interface JsonName {
  readonly name: string
  readonly hash: number
  /** Where its value begins. */
  readonly valueAt: number
}

/**
 * The names of all objects in a JSON text, at any depth, each once, at most 128. One pass; no structure is made, so that a text
 * that is no JSON, or cut off, gives what it has; nor a list, since most of them are only looked up by their hashes.
 * *Borrowed*: the next `read` writes over them.
 */
export class JsonNames {
  length = 0
  #text = ''
  readonly #hashes = new Uint32Array(MAX_NAMES)
  readonly #starts = new Int32Array(MAX_NAMES)
  readonly #ends = new Int32Array(MAX_NAMES)
  readonly #valuesAt = new Int32Array(MAX_NAMES)

  read(text: string | undefined): this {
    this.length = 0
    if (text === undefined || text.length < 2) return this
    const first = text.charCodeAt(0)
    if (first !== 0x7b && first !== 0x5b) return this
    this.#text = text
    const end = Math.min(text.length, MAX_BODY)
    for (let at = 1; at < end && this.length < MAX_NAMES; at++) {
      if (text.charCodeAt(at) !== QUOTE) continue
      const start = at + 1
      let hash = 0x811c9dc5
      for (at = start; at < end; at++) {
        const code = text.charCodeAt(at)
        if (code === QUOTE) break
        if (code === BACKSLASH) at++
        else hash = foldedInto(hash, code)
      }
      const value = valueAfter(text, at + 1, end)
      if (value >= 0 && at - start <= MAX_NAME && at !== start) this.#add(mix(hash), start, at, value)
    }
    return this
  }

  hash(index: number): number {
    return this.#hashes[index]!
  }

  /** One of them, to keep. */
  at(index: number): JsonName {
    const name = this.#text.slice(this.#starts[index]!, this.#ends[index]!)
    return { name, hash: this.#hashes[index]!, valueAt: this.#valuesAt[index]! }
  }

  #add(hash: number, start: number, end: number, valueAt: number): void {
    for (let i = 0; i < this.length; i++) if (this.#hashes[i] === hash) return
    this.#hashes[this.length] = hash
    this.#starts[this.length] = start
    this.#ends[this.length] = end
    this.#valuesAt[this.length] = valueAt
    this.length++
  }
}

const NAMES = new JsonNames()

/** All of them, to keep. */
export function jsonNames(text: string | undefined): JsonName[] {
  const { length } = NAMES.read(text)
  return Array.from({ length }, (_, index) => NAMES.at(index))
}

/** The hash that `jsonNames` gives a name as it stands, escapes and all. */
export function nameHash(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    if (code === BACKSLASH) at++
    else hash = foldedInto(hash, code)
  }
  return mix(hash)
}

/** Alike: isAdmin, is_admin, IS-ADMIN. */
function foldedInto(hash: number, code: number): number {
  return code === 0x5f || code === 0x2d ? hash : Math.imul(hash ^ (code | 0x20), 0x01000193)
}

/** The value of a field as it stands: a number, a word, or a text with its quotes; empty where it is none of these, or long. */
export function valueText(text: string, { valueAt }: JsonName): string {
  const limit = Math.min(text.length, valueAt + MAX_VALUE)
  const isText = text.charCodeAt(valueAt) === QUOTE
  for (let at = valueAt + 1; at < limit; at++) {
    const code = text.charCodeAt(at)
    if (isText) {
      if (code === BACKSLASH) return ''
      if (code === QUOTE) return text.slice(valueAt, at + 1)
    } else if (code === 0x2c || code === 0x7d || code === 0x5d || code <= 0x20) {
      const value = text.slice(valueAt, at)
      return value.startsWith('{') || value.startsWith('[') ? '' : value
    }
  }
  return ''
}

/** Where the value begins; -1 where the text in quotes was no name. */
function valueAfter(text: string, from: number, end: number): number {
  let at = from
  while (at < end && text.charCodeAt(at) <= 0x20) at++
  if (text.charCodeAt(at) !== COLON) return -1
  at++
  while (at < end && text.charCodeAt(at) <= 0x20) at++
  return at < end ? at : -1
}
