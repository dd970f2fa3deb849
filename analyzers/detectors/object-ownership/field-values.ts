import { hashText } from '../../baselines/lookup-hash.ts'
import { ownerName } from './owner-names.ts'

/** A field is not there. */
export const ABSENT = 0
/** It is there several times, with different values. */
export const MIXED = 1

/** Bodies are read up to here. */
const MAX_BODY = 65_536
const MAX_VALUE = 128
/** Sightings of one name in one body that are compared. */
const MAX_SIGHTINGS = 32
const MAX_BLANKS = 8
/** Where names are looked for, once per endpoint and a few times over. */
const MAX_NODES = 512
const MAX_DEPTH = 6

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** A value as it is compared: 32 bits, neither ABSENT nor MIXED; text and number are alike. */
export function valueHash(text: string): number {
  const hash = hashText(text)
  return hash > MIXED ? hash : hash + 2
}

/** The value that all fields of this name (as it stands, in quotes) have in a JSON text. One pass, no structure is made. */
export function valueIn(text: string, quotedName: string): number {
  const values = valuesIn(text, quotedName)
  return values.length === 0 ? ABSENT : values.length === 1 ? values[0]! : MIXED
}

/** The different values of the first fields of this name. */
export function valuesIn(text: string, quotedName: string): number[] {
  const values: number[] = []
  if (text.length > MAX_BODY) return values
  let at = text.indexOf(quotedName)
  for (let sightings = 0; at >= 0 && sightings < MAX_SIGHTINGS; sightings++) {
    const start = valueStart(text, at + quotedName.length)
    const value = start < 0 ? ABSENT : valueAt(text, start)
    if (value !== ABSENT && !values.includes(value)) values.push(value)
    at = text.indexOf(quotedName, at + quotedName.length)
  }
  return values
}

/** After the colon; -1 where the text in quotes was no name. */
function valueStart(text: string, from: number): number {
  let at = skipBlanks(text, from)
  if (text.charCodeAt(at) !== COLON) return -1
  at = skipBlanks(text, at + 1)
  return at < text.length ? at : -1
}

function skipBlanks(text: string, from: number): number {
  let at = from
  const end = Math.min(text.length, from + MAX_BLANKS)
  while (at < end && text.charCodeAt(at) <= 0x20) at++
  return at
}

/** A text without escapes, or a whole number. Anything else names nobody. */
function valueAt(text: string, start: number): number {
  const limit = Math.min(text.length, start + MAX_VALUE)
  if (text.charCodeAt(start) === QUOTE) {
    for (let at = start + 1; at < limit; at++) {
      const code = text.charCodeAt(at)
      if (code === BACKSLASH) return ABSENT
      if (code === QUOTE) return at === start + 1 ? ABSENT : valueHash(text.slice(start + 1, at))
    }
    return ABSENT
  }
  let at = start
  while (at < limit && isDigit(text.charCodeAt(at))) at++
  const next = text.charCodeAt(at)
  const ends = at === text.length || next === 0x2c || next === 0x7d || next === 0x5d || next <= 0x20
  return at === start || !ends ? ABSENT : valueHash(text.slice(start, at))
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** The value of a parameter of a query, undecoded. */
export function valueInQuery(query: string, name: string): number {
  let found = ABSENT
  let at = 0
  for (let pairs = 0; at < query.length && pairs < MAX_SIGHTINGS; pairs++) {
    const next = query.indexOf('&', at)
    const end = next < 0 ? query.length : next
    const length = end - at - name.length - 1
    if (length > 0 && length <= MAX_VALUE && query.startsWith(name, at) && query[at + name.length] === '=') {
      const value = valueHash(query.slice(end - length, end))
      if (found !== ABSENT && found !== value) return MIXED
      found = value
    }
    at = end + 1
  }
  return found
}

/** Names of parameters that say whose something is, or have one of these values. */
export function namesInQuery(query: string, values: readonly (string | null)[]): string[] {
  return query
    .split('&', MAX_SIGHTINGS)
    .map((pair): [string, string] => {
      const equals = pair.indexOf('=')
      return equals <= 0 ? ['', ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    })
    .filter(([name, value]) => ownerName(name) !== null || (name !== '' && value !== '' && values.includes(value)))
    .map(([name]) => name)
}

/** The same of a JSON text; nothing of what is none. */
export function namesInJson(text: string | undefined, values: readonly (string | null)[]): string[] {
  if (text === undefined || text.length < 2 || text.length > MAX_BODY) return []
  const first = text.charCodeAt(0)
  if (first !== 0x7b && first !== 0x5b) return []
  try {
    const names = new Set<string>()
    collect(JSON.parse(text), 0, { names, values, left: MAX_NODES })
    return [...names]
  } catch {
    return []
  }
}

interface Search {
  readonly names: Set<string>
  readonly values: readonly (string | null)[]
  left: number
}

function collect(value: unknown, depth: number, search: Search): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && search.left > 0; i++) collect(value[i], depth + 1, search)
    return
  }
  for (const [name, each] of Object.entries(value)) {
    if (search.left-- <= 0) return
    if (typeof each === 'string' || typeof each === 'number') {
      if (ownerName(name) !== null || isClaim(String(each), search.values)) search.names.add(name)
    } else collect(each, depth + 1, search)
  }
}

/** A value of one or two characters is equal to a claim by chance. */
function isClaim(text: string, values: readonly (string | null)[]): boolean {
  return text.length > 2 && values.includes(text)
}
