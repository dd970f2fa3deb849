import { isUtf8 } from 'node:buffer'
import type { Layer, Unwrapped } from './payload.ts'

/** Rounds of unwrapping: more than five layers no interpreter peels off either. */
export const MAX_LAYERS = 5
/** Characters of a value that are looked at; what is longer is looked at in pieces around what was found in it. */
export const MAX_TEXT = 8192
const NO_LAYERS: readonly Layer[] = []

/**
 * Takes encodings off a value until none is left, or five are gone. No round makes a text longer, so the whole takes at
 * most six times the length of the text.
 */
export function unwrap(value: string, plusIsSpace: boolean): Unwrapped {
  let text = value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value
  if (plusIsSpace && text.includes('+')) text = text.replaceAll('+', ' ')
  let layers: Layer[] | null = null
  for (let round = 0; round < MAX_LAYERS; round++) {
    const layer = outermost(text)
    if (layer === null) break
    const inner = TAKE_OFF[layer](text)
    if (inner === text) break
    text = inner
    layers ??= []
    layers.push(layer)
  }
  if (text.includes('\0')) {
    text = text.replaceAll('\0', '')
    layers ??= []
    layers.push('nul')
  }
  return { text, layers: layers ?? NO_LAYERS }
}

const PERCENT = /%(?:[0-9a-f]{2}|u[0-9a-f]{4})/i
const OVERLONG = /%c[01]%[89ab][0-9a-f]|%e0%[89][0-9a-f]%[89ab][0-9a-f]|[\u00c0\u00c1][\u0080-\u00bf]/i
const ENTITY =
  /&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|lt|gt|quot|apos|amp|colon|lpar|rpar|sol|bsol|tab|newline|nbsp|dollar|period|semi|grave);?/i
const ESCAPE = /\\(?:u[0-9a-f]{4}|u\{[0-9a-f]{1,6}\}|x[0-9a-f]{2}|[01][0-7]{2})/i

function outermost(text: string): Exclude<Layer, 'nul'> | null {
  if (text.includes('%') && PERCENT.test(text)) return OVERLONG.test(text) ? 'overlong' : 'percent'
  if (text.includes('&') && ENTITY.test(text)) return 'entities'
  if (text.includes('\\') && ESCAPE.test(text)) return 'escapes'
  if (OVERLONG.test(text)) return 'overlong'
  if (decodesToText(text)) return 'base64'
  return null
}

const TAKE_OFF: Readonly<Record<Exclude<Layer, 'nul'>, (text: string) => string>> = {
  percent: percentDecoded,
  overlong: (text) => shortened(percentDecoded(text)),
  entities: (text) => text.replace(ENTITIES, (whole, name: string) => entity(name) ?? whole),
  escapes: (text) => text.replace(ESCAPES, (_, a, b, c, octal) => character(a ?? b ?? c, octal)),
  base64: (text) => Buffer.from(text.trim(), 'base64').toString('utf8'),
}

const PERCENTS = /%u([0-9a-f]{4})|%([0-9a-f]{2})/gi
/** RFC 3986 §2.1, and the `%u` of old browsers. Bytes that are no UTF-8 stand for U+0080-U+00FF. */
function percentDecoded(text: string): string {
  let high = false
  const decoded = text.replace(PERCENTS, (_, wide: string | undefined, byte: string) => {
    const code = Number.parseInt(wide ?? byte, 16)
    if (wide === undefined && code >= 0x80) high = true
    return String.fromCharCode(code)
  })
  if (!high) return decoded
  const bytes = Buffer.from(decoded, 'latin1')
  // What was wider than a byte before must not be cut to one.
  return !WIDE.test(decoded) && isUtf8(bytes) ? bytes.toString('utf8') : decoded
}
const WIDE = /[\u0100-\uffff]/

const OVERLONGS = /[\u00c0\u00c1]([\u0080-\u00bf])|\u00e0([\u0080-\u009f])([\u0080-\u00bf])/g
/** Sequences longer than their character needs, which RFC 3629 §3 forbids because they smuggle `/` and `<` past filters. */
function shortened(text: string): string {
  return text.replace(OVERLONGS, (whole, last: string | undefined, middle: string, end: string) => {
    if (last !== undefined) return String.fromCharCode(((whole.charCodeAt(0) & 1) << 6) | (last.charCodeAt(0) & 0x3f))
    return String.fromCharCode(((middle.charCodeAt(0) & 0x1f) << 6) | (end.charCodeAt(0) & 0x3f))
  })
}

const ENTITIES =
  /&(#[0-9]{1,7}|#x[0-9a-f]{1,6}|lt|gt|quot|apos|amp|colon|lpar|rpar|sol|bsol|tab|newline|nbsp|dollar|period|semi|grave);?/gi
const NAMED: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
  colon: ':',
  lpar: '(',
  rpar: ')',
  sol: '/',
  bsol: '\\',
  tab: '\t',
  newline: '\n',
  nbsp: ' ',
  dollar: '$',
  period: '.',
  semi: ';',
  grave: '`',
}

function entity(name: string): string | null {
  if (name[0] !== '#') return NAMED[name.toLowerCase()] ?? null
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : null
}

const ESCAPES = /\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}|\\x([0-9a-f]{2})|\\([01][0-7]{2})/gi

function character(hex: string | undefined, octal: string | undefined): string {
  const code = hex === undefined ? Number.parseInt(octal ?? '0', 8) : Number.parseInt(hex, 16)
  return code <= 0x10ffff ? String.fromCodePoint(code) : ''
}

/** Shorter ones are words. */
const MIN_BASE64 = 12
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/
/** Bytes looked at before all is decoded. */
const TASTE = 48

/** Whether all of it is base64 of text. Words of letters alone decode to bytes that are none. */
function decodesToText(value: string): boolean {
  const text = value.trim()
  if (text.length < MIN_BASE64 || text.length % 4 === 1 || !BASE64.test(text)) return false
  const bytes = Buffer.from(text.slice(0, TASTE), 'base64')
  for (const byte of bytes)
    if (byte < 0x20 ? byte !== 0x0a && byte !== 0x0d && byte !== 0x09 : byte > 0x7e) return false
  return bytes.length > 0
}
