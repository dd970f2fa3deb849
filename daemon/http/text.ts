import { isUtf8 } from 'node:buffer'

/** Media types whose content is text whatever the bytes look like. */
const TEXT_TYPES = new Set([
  'application/json',
  'application/xml',
  'application/javascript',
  'application/x-javascript',
  'application/ecmascript',
  'application/x-www-form-urlencoded',
  'application/graphql',
  'application/x-ndjson',
  'application/jsonl',
  'application/yaml',
  'application/x-yaml',
  'application/sql',
  'application/csp-report',
  'application/jwt',
])
const BINARY_FAMILIES = ['image/', 'audio/', 'video/', 'font/']
/** Bytes looked at when the type says nothing. */
const SNIFFED_BYTES = 512

/** `Text/HTML; charset=x` to `text/html`. */
function mediaType(contentType: string): string {
  const semicolon = contentType.indexOf(';')
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
}

type Said = 'text' | 'binary' | 'nothing'

/** Bodies of one type come in rows. */
let lastType = ''
let lastSaid: Said = 'nothing'

/** What a type says of the bytes. */
function saidBy(contentType: string): Said {
  if (contentType === lastType) return lastSaid
  const type = mediaType(contentType)
  lastType = contentType
  lastSaid = 'nothing'
  if (BINARY_FAMILIES.some((family) => type.startsWith(family))) {
    lastSaid = type === 'image/svg+xml' ? 'text' : 'binary'
  } else if (type.startsWith('text/') || TEXT_TYPES.has(type) || type.endsWith('+json') || type.endsWith('+xml')) {
    lastSaid = 'text'
  }
  return lastSaid
}

/**
 * Whether a decoded body without NULs is text: by its type, and where the type is missing, generic or multipart, by its first bytes
 * (hardly any control characters).
 */
export function isText(contentType: string | null, bytes: Buffer): boolean {
  const said = contentType === null ? 'nothing' : saidBy(contentType)
  return said === 'nothing' ? looksLikeText(bytes) : said === 'text'
}

function looksLikeText(bytes: Buffer): boolean {
  const looked = Math.min(bytes.length, SNIFFED_BYTES)
  let controls = 0
  for (let i = 0; i < looked; i++) {
    const c = bytes[i]!
    if (c === 0) return false
    if (c < 0x20 && c !== 0x09 && c !== 0x0a && c !== 0x0d && c !== 0x1b) controls++
  }
  if (controls * 100 > looked) return false
  return isUtf8(wholeCharacters(bytes.subarray(0, looked)))
}

/** Text as UTF-8, without a character that was cut off at the end; null when it is none. */
export function utf8Of(bytes: Buffer): Buffer | null {
  const whole = wholeCharacters(bytes)
  return isUtf8(whole) ? whole : null
}

/** Without the first bytes of a UTF-8 character whose rest is missing (at most three). */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const c = bytes[bytes.length - back]!
    if (c < 0x80) return bytes
    if (c >= 0xc0) {
      const length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2
      return back < length ? bytes.subarray(0, bytes.length - back) : bytes
    }
  }
  return bytes
}
