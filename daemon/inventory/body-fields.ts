import type { FieldPlace } from './field.ts'
import { ANY_NAME, fieldName } from './field-names.ts'
import type { FieldSet } from './field-set.ts'
import { textType, valueType } from './scalar.ts'

/** Deeper values, more elements of a list, more fields of a body than these are not looked at. */
export const MAX_DEPTH = 6
const MAX_ELEMENTS = 8
const MAX_NODES = 256
const MAX_PAIRS = 32

/** Learns the fields of one body; one object serves all, for it counts the nodes of the body at hand. */
export class BodyReader {
  #left = 0
  #fields!: FieldSet
  #place: FieldPlace = 'body'
  #caller = 0

  /** False: it is no JSON as a whole, so nothing was learnt. Objects, lists and values are learnt alike. */
  json(text: string, fields: FieldSet, place: FieldPlace, caller: number): boolean {
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      return false
    }
    this.#begin(fields, place, caller, MAX_NODES)
    this.#walk(body, '', 0)
    return true
  }

  /** `a=1&b=2`, of a query or a form. */
  pairs(text: string, fields: FieldSet, place: FieldPlace, caller: number): void {
    this.#begin(fields, place, caller, MAX_PAIRS)
    let start = 0
    while (start < text.length && this.#left-- > 0) {
      let end = text.indexOf('&', start)
      if (end < 0) end = text.length
      if (end > start) this.#pair(text.slice(start, end))
      start = end + 1
    }
  }

  #begin(fields: FieldSet, place: FieldPlace, caller: number, nodes: number): void {
    this.#fields = fields
    this.#place = place
    this.#caller = caller
    this.#left = nodes
  }

  #pair(pair: string): void {
    const equals = pair.indexOf('=')
    const name = fieldName(decoded(equals < 0 ? pair : pair.slice(0, equals)))
    const value = equals < 0 ? '' : decoded(pair.slice(equals + 1))
    this.#fields.of(this.#place, name, this.#caller)?.learnText(value, valueType(value), this.#caller)
  }

  #walk(value: unknown, name: string, depth: number): void {
    if (this.#left-- <= 0) return
    if (Array.isArray(value)) this.#list(value, name, depth)
    else if (typeof value === 'object' && value !== null) this.#object(value, name, depth)
    else if (name !== '') this.#scalar(value, name)
  }

  #scalar(value: unknown, name: string): void {
    const field = this.#fields.of(this.#place, name, this.#caller)
    if (field === null) return
    if (typeof value === 'string') field.learnText(value, textType(value), this.#caller)
    else if (typeof value === 'number') field.learnNumber(value, this.#caller)
    else field.learnKind(value === null ? 'null' : 'bool', this.#caller)
  }

  #list(list: readonly unknown[], name: string, depth: number): void {
    if (name !== '') this.#fields.of(this.#place, name, this.#caller)?.learnKind('array', this.#caller)
    if (depth >= MAX_DEPTH) return
    for (let i = 0; i < list.length && i < MAX_ELEMENTS; i++) this.#walk(list[i], `${name}[]`, depth + 1)
  }

  #object(object: object, name: string, depth: number): void {
    if (name !== '') this.#fields.of(this.#place, name, this.#caller)?.learnKind('object', this.#caller)
    if (depth >= MAX_DEPTH) return
    const keys = Object.keys(object)
    for (let i = 0; i < keys.length && this.#left > 0; i++) {
      const key = keys[i]!
      // A name with a separator of ours in it could not be told from a place further in.
      const child = key.includes('.') || key.includes('[') ? ANY_NAME : fieldName(key)
      this.#walk((object as Record<string, unknown>)[key], name === '' ? child : `${name}.${child}`, depth + 1)
    }
  }
}

function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
