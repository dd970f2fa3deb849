import { type Pseudonyms, REDACTED } from './pseudonym.ts'

/**
 * Secrets known by their looks: JWTs, keys with a well-known prefix, card numbers. Each scan reads every character a fixed
 * number of times, whatever the text.
 */

const KEY_PREFIXES = [
  'sk_live_',
  'sk_test_',
  'rk_live_',
  'rk_test_',
  'whsec_',
  'ghp_',
  'gho_',
  'ghu_',
  'ghs_',
  'ghr_',
  'github_pat_',
  'glpat-',
  'xoxb-',
  'xoxp-',
  'xoxa-',
  'xoxr-',
  'xoxs-',
  'xapp-',
  'shpat_',
  'shpss_',
  'sk-ant-',
  'sk-proj-',
  'npm_',
  'pypi-',
  'dop_v1_',
  'hf_',
  'lin_api_',
  'sq0atp-',
  'sq0csp-',
  'EAACEdEose0cBA',
  'ya29.',
  'SG.',
  'AIza',
  'AKIA',
  'ASIA',
] as const

/** Shorter than this after its prefix, it is a word. */
const MIN_KEY_REST = 12

/** First characters of the prefixes, `e` of `eyJ` included: most runs are told apart by one look. */
const FIRST = new Uint8Array(128)
for (const prefix of [...KEY_PREFIXES, 'eyJ']) FIRST[prefix.charCodeAt(0)] = 1

/** First two characters of the prefixes, of ASCII each. */
const FIRST_TWO = new Uint8Array(128 * 128)
for (const prefix of [...KEY_PREFIXES, 'eyJ']) FIRST_TWO[prefix.charCodeAt(0) * 128 + prefix.charCodeAt(1)] = 1

/** Whether a token may start with these two characters of ASCII. */
export function mayStartToken(first: number, second: number): boolean {
  return FIRST_TWO[first * 128 + second] === 1
}

/** Characters tokens are made of. */
const TOKEN_CHARACTER = new Uint8Array(128)
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+') {
  TOKEN_CHARACTER[character.charCodeAt(0)] = 1
}

/** Whether `text`, as a whole, is a JWT or a key with a known prefix. */
export function isTokenShaped(text: string): boolean {
  if (text.length < 12) return false
  const first = text.charCodeAt(0)
  if (first > 127 || FIRST[first] === 0) return false
  return isJwtShaped(text) || hasKeyPrefix(text)
}

/** `eyJ…` and at least one dot: header and payload of a token start with `{"`. The signature may be empty. */
export function isJwtShaped(text: string): boolean {
  if (!text.startsWith('eyJ') || text.length < 16) return false
  const dot = text.indexOf('.')
  return dot >= 8 && dot < text.length - 1
}

function hasKeyPrefix(text: string): boolean {
  for (const prefix of KEY_PREFIXES) {
    if (text.startsWith(prefix)) return text.length >= prefix.length + MIN_KEY_REST
  }
  return false
}

/** Replaces JWTs, keys and card numbers wherever they stand in free text. */
export function redactText(text: string, pseudonyms: Pseudonyms): string {
  if (text.length < 12) return text
  let out = ''
  let copied = 0
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code > 127 || TOKEN_CHARACTER[code] === 0) {
      at++
      continue
    }
    let end = at + 1
    while (end < text.length && isTokenCharacter(text.charCodeAt(end))) end++
    const replacement = end - at >= 12 ? replaceRun(text.slice(at, end), pseudonyms) : null
    if (replacement !== null) {
      out += text.slice(copied, at) + replacement
      copied = end
    } else if (code >= 0x30 && code <= 0x39) {
      const card = cardEnd(text, at)
      if (card > at) {
        out += text.slice(copied, at) + REDACTED
        copied = card
        end = Math.max(end, card)
      }
    }
    at = end
  }
  return copied === 0 ? text : out + text.slice(copied)
}

function isTokenCharacter(code: number): boolean {
  return code < 128 && TOKEN_CHARACTER[code] === 1
}

/** A run of token characters may have a sentence's dot or a `-` before or after the token, or be a pseudonym made up by a client. */
function replaceRun(run: string, pseudonyms: Pseudonyms): string | null {
  let start = 0
  while (start < run.length && '-._~+'.includes(run[start]!)) start++
  const trimmed = start === 0 ? run : run.slice(start)
  if (isTokenShaped(trimmed)) return run.slice(0, start) + pseudonyms.secret(trimmed)
  const inside = run.indexOf('eyJ')
  if (inside > 0 && isJwtShaped(run.slice(inside))) return run.slice(0, inside) + pseudonyms.secret(run.slice(inside))
  return null
}

/** Digits of a card number starting at `start`, with single blanks or dashes between: the end, or `start` when it is none. */
function cardEnd(text: string, start: number): number {
  let digits = ''
  let at = start
  let end = start
  while (at < text.length && digits.length < 20) {
    const code = text.charCodeAt(at)
    if (code >= 0x30 && code <= 0x39) {
      digits += text[at]
      at++
      end = at
    } else if ((code === 0x20 || code === 0x2d) && at === end) {
      at++
    } else {
      break
    }
  }
  const before = start === 0 ? 0 : text.charCodeAt(start - 1)
  const after = end < text.length ? text.charCodeAt(end) : 0
  if (isLetterOrDigit(before) || isLetterOrDigit(after)) return start
  return isCardNumber(digits) ? end : start
}

function isLetterOrDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

/** Issuer ranges and lengths of the large schemes (ISO/IEC 7812): Luhn alone would take one number in ten. */
const CARD =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{10,17})$/

/** 13 to 19 digits of a card scheme with a right check digit (Luhn). */
export function isCardNumber(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || !CARD.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 0x30
    if (i % 2 === 1) {
      digit *= 2
      if (digit > 9) digit -= 9
    }
    sum += digit
  }
  return sum % 10 === 0
}
