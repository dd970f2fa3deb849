import { DistinctCounter } from '../../analyzers/baselines/distinct-counter.ts'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { type CountState, countFrom, countState } from './count-state.ts'
import type { FieldType } from './scalar.ts'
import { hintedClass, isPersonalName, type SensitiveClass, sensitiveClass } from './sensitive.ts'

/** Where a field stands. `body` is of the request, `response` the body of the answer. */
export type FieldPlace = 'path' | 'query' | 'header' | 'body' | 'response'

export interface FieldState {
  readonly place: FieldPlace
  readonly name: string
  readonly seen: number
  readonly types: Readonly<Partial<Record<FieldType, number>>>
  readonly sensitive: Readonly<Partial<Record<SensitiveClass, number>>>
  readonly min: number | null
  readonly max: number | null
  readonly minLength: number | null
  readonly maxLength: number | null
  /** Null: more than can be listed, or none of those that may be. A word is known from its second caller on. */
  readonly values: readonly (readonly [hash: number, caller: number, word: string | null])[] | null
  /** Values that were such words. */
  readonly words: number
  readonly caller: number
  readonly shared: boolean
  readonly distinct: CountState | null
}

export const MAX_VALUES = 16

interface Value {
  readonly hash: number
  readonly caller: number
  /** Null until a second caller has sent it. */
  word: string | null
}
const WORD = /^[A-Za-z][A-Za-z0-9_.-]{0,31}$/
const MAX_DIGITS = 2

/** A word as a program chooses among few: not a name, a number or anything made. */
function isWord(text: string): boolean {
  if (text.length > 32 || !WORD.test(text)) return false
  let digits = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x30 && code <= 0x39) digits++
  }
  return digits <= MAX_DIGITS
}

/**
 * What was learnt of one field: how often, of which types, how long, how large, which sensitive classes. A value itself is kept only as one
 * of at most 16 words that several callers use, so that nothing that belongs to one caller stays here: until a second
 * caller sends the same word only its hash is known.
 */
export class FieldRecord {
  readonly place: FieldPlace
  readonly name: string
  seen = 0
  readonly types = new Map<FieldType, number>()
  readonly sensitive = new Map<SensitiveClass, number>()
  min: number | null = null
  max: number | null = null
  minLength: number | null = null
  maxLength: number | null = null
  values: Value[] | null
  words = 0
  /** Hash of the first caller. */
  readonly caller: number
  /** A second caller has used it. */
  shared = false
  /** Of the values, for a place in the path. */
  readonly distinct: DistinctCounter | null

  constructor(place: FieldPlace, name: string, caller: number) {
    this.place = place
    this.name = name
    this.caller = caller
    this.values = place === 'path' || isPersonalName(lastName(name)) ? null : []
    this.distinct = place === 'path' ? new DistinctCounter() : null
  }

  /** An object, an array or a null: what has no value of its own. */
  learnKind(type: FieldType, caller: number): void {
    this.#count(type, caller)
  }

  learnNumber(value: number, caller: number): void {
    this.#count(Number.isInteger(value) ? 'int' : 'number', caller)
    this.#range(value)
    this.values = null
    // A number of a person, a card or an account may stand there without quotes.
    const text = String(value)
    const name = lastName(this.name)
    const type = Number.isInteger(value) ? 'int' : 'number'
    const found = sensitiveClass(name, text, 'int') ?? hintedClass(name, text, type)
    if (found !== null) this.#classify(found)
  }

  learnText(text: string, type: FieldType, caller: number): void {
    this.#count(type, caller)
    this.distinct?.learnOne(hashText(text))
    const name = lastName(this.name)
    const found = sensitiveClass(name, text, type) ?? hintedClass(name, text, type)
    if (found !== null) {
      this.#classify(found)
      return
    }
    const { length } = text
    if (type === 'int' || type === 'number') this.#range(Number(text))
    else {
      if (this.minLength === null || length < this.minLength) this.minLength = length
      if (this.maxLength === null || length > this.maxLength) this.maxLength = length
    }
    if (this.values !== null) this.#value(text, type, caller)
  }

  /** Adds what is known of the same field elsewhere. */
  absorb(other: FieldRecord): void {
    this.seen += other.seen
    this.words += other.words
    for (const [type, count] of other.types) this.types.set(type, (this.types.get(type) ?? 0) + count)
    for (const [found, count] of other.sensitive) this.sensitive.set(found, (this.sensitive.get(found) ?? 0) + count)
    this.min = least(this.min, other.min)
    this.max = most(this.max, other.max)
    this.minLength = least(this.minLength, other.minLength)
    this.maxLength = most(this.maxLength, other.maxLength)
    this.shared ||= other.shared || other.caller !== this.caller
    this.values = this.values === null || other.values === null ? null : together(this.values, other.values)
  }

  toState(): FieldState {
    const { place, name, seen, min, max, minLength, maxLength, words, caller, shared } = this
    return {
      place,
      name,
      seen,
      types: Object.fromEntries(this.types),
      sensitive: Object.fromEntries(this.sensitive),
      min,
      max,
      minLength,
      maxLength,
      values: this.values === null ? null : this.values.map(({ hash, caller, word }) => [hash, caller, word]),
      words,
      caller,
      shared,
      distinct: this.distinct === null ? null : countState(this.distinct),
    }
  }

  static fromState(state: FieldState): FieldRecord {
    const field = new FieldRecord(state.place, state.name, state.caller)
    field.seen = state.seen
    for (const [type, count] of Object.entries(state.types)) field.types.set(type as FieldType, count)
    for (const [found, count] of Object.entries(state.sensitive)) field.sensitive.set(found as SensitiveClass, count)
    field.min = state.min
    field.max = state.max
    field.minLength = state.minLength
    field.maxLength = state.maxLength
    field.values =
      state.values === null || field.values === null
        ? null
        : state.values.slice(0, MAX_VALUES).map(([hash, caller, word]) => ({ hash, caller, word }))
    field.words = state.words
    field.shared = state.shared
    if (state.distinct !== null) field.distinct?.merge(countFrom(state.distinct))
    return field
  }

  #count(type: FieldType, caller: number): void {
    this.seen++
    this.types.set(type, (this.types.get(type) ?? 0) + 1)
    if (caller !== this.caller) this.shared = true
  }

  #range(value: number): void {
    if (this.min === null || value < this.min) this.min = value
    if (this.max === null || value > this.max) this.max = value
  }

  #classify(found: SensitiveClass): void {
    this.sensitive.set(found, (this.sensitive.get(found) ?? 0) + 1)
    this.values = null
  }

  #value(text: string, type: FieldType, caller: number): void {
    if (type !== 'string' || !isWord(text)) {
      this.values = null
      return
    }
    this.words++
    const values = this.values!
    const hash = hashText(text)
    for (const value of values) {
      if (value.hash !== hash) continue
      if (value.word === null && value.caller !== caller) value.word = text
      return
    }
    if (values.length === MAX_VALUES) this.values = null
    else values.push({ hash, caller, word: null })
  }
}

/** Null: more than can be listed. A word that either knows is known. */
function together(values: readonly Value[], more: readonly Value[]): Value[] | null {
  const all = values.map((value) => ({ ...value }))
  for (const value of more) {
    const known = all.find(({ hash }) => hash === value.hash)
    if (known !== undefined) known.word ??= value.word
    else if (all.length < MAX_VALUES) all.push({ ...value })
    else return null
  }
  return all
}

function least(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

function most(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}

/** `email` of `users[].email`: what the name says, it says there. */
export function lastName(name: string): string {
  const bare = name.endsWith('[]') ? name.slice(0, -2) : name
  return bare.slice(bare.lastIndexOf('.') + 1)
}
