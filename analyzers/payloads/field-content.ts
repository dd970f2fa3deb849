/** Of what kind a value is. Up to `word` they are plain: nothing that an interpreter would trip over belongs in them. */
export const KINDS = ['number', 'UUID', 'hexadecimal', 'date', 'word', 'e-mail address', 'text'] as const
export type Kind = (typeof KINDS)[number]
/** The first so many of KINDS. */
export const PLAIN_KINDS = 5

/** Kinds of characters; each is a bit of FieldContent.classes. */
const LETTER = 1
const DIGIT = 2
const JOINER = 4
const SPACE = 8
const QUOTE = 16
const ANGLE = 32
const BRACKET = 64
const OTHER = 128
const NOT_ASCII = 256
export const CLASSES = 9

/** Characters of a value that are looked at. */
const LOOKED_AT = 256

/** What is known of a value without keeping it. */
export interface FieldContent {
  /** Index in KINDS. */
  readonly kind: number
  /** The kinds of characters in it, as bits. */
  readonly classes: number
  /** In UTF-16 units. */
  readonly length: number
}

const PATTERNS = [
  /^[+-]?\d{1,20}(?:[.,]\d{1,20})?$/,
  /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i,
  /^[\da-f]{8,128}$/i,
  /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/,
  /^[\p{L}\d_.-]{1,64}$/u,
  /^[\w.+-]{1,64}@[\w.-]{1,128}$/,
]

/** `1.` and `..` are words by their characters, and none by what they are for. */
const HAS_WORD = /[\p{L}\d]/u

export function contentOf(value: string): FieldContent {
  const text = value.length > LOOKED_AT ? value.slice(0, LOOKED_AT) : value
  let kind = PATTERNS.findIndex((pattern) => pattern.test(text))
  if (kind < 0 || !HAS_WORD.test(text)) kind = KINDS.length - 1
  return { kind, classes: classesOf(text), length: value.length }
}

function classesOf(text: string): number {
  let classes = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    classes |= code < 128 ? CLASS_OF[code]! : NOT_ASCII
  }
  return classes
}

const CLASS_OF = new Uint8Array(128).fill(OTHER)
for (let code = 0; code <= 0x20; code++) CLASS_OF[code] = SPACE
for (const [characters, name] of [
  ['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', LETTER],
  ['0123456789', DIGIT],
  ['-_.,:+@', JOINER],
  ['\'"`', QUOTE],
  ['<>', ANGLE],
  ['(){}[]', BRACKET],
] as const) {
  for (const character of characters) CLASS_OF[character.charCodeAt(0)] = name
}
