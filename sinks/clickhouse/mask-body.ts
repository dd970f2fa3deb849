/**
 * Personal data in the bodies of stored evidence becomes constants: e-mail addresses, telephone numbers with a country code (E.164), and
 * account numbers (IBAN, ISO 13616, checked modulo 97). Tokens, passwords and card numbers are gone before: the parser redacts them.
 *
 * Linear in the text: each byte is looked at a bounded number of times.
 */
export function maskBody(text: string): string {
  return masked(
    masked(masked(text, emailAt, '@', 'masked-email'), phoneAt, '+', 'masked-phone'),
    ibanAt,
    null,
    'masked-iban',
  )
}

/** Where a match around or from `at` begins and ends (exclusive), or null. */
type Find = (text: string, at: number) => { readonly from: number; readonly to: number } | null

/** `hint`: the character that every match has; null when any may begin one. */
function masked(text: string, find: Find, hint: string | null, by: string): string {
  let out = ''
  let done = 0
  for (let at = next(text, hint, 0); at >= 0; ) {
    const found = at < done ? null : find(text, at)
    if (found === null || found.from < done) {
      at = next(text, hint, at + 1)
      continue
    }
    out += text.slice(done, found.from) + by
    done = found.to
    at = next(text, hint, done)
  }
  return done === 0 ? text : out + text.slice(done)
}

function next(text: string, hint: string | null, from: number): number {
  if (hint !== null) return text.indexOf(hint, from)
  return from < text.length ? from : -1
}

const MAX_LOCAL = 64
const MAX_DOMAIN = 255

function emailAt(text: string, at: number): ReturnType<Find> {
  let from = at
  while (from > 0 && at - from < MAX_LOCAL && isLocal(text.charCodeAt(from - 1))) from--
  let to = at + 1
  while (to < text.length && to - at <= MAX_DOMAIN && isDomain(text.charCodeAt(to))) to++
  while (to > at + 1 && !isLetter(text.charCodeAt(to - 1))) to--
  let dot = to - 1
  while (dot > at && text[dot] !== '.') dot--
  return from < at && dot > at + 1 && to - dot > 2 ? { from, to } : null
}

const MIN_DIGITS = 8
const MAX_DIGITS = 15

function phoneAt(text: string, at: number): ReturnType<Find> {
  // In a form, a plus after a word is a space.
  if (at > 0 && isAlphanumeric(text.charCodeAt(at - 1))) return null
  let digits = 0
  let to = at + 1
  let end = to
  for (; to < text.length && digits <= MAX_DIGITS; to++) {
    const code = text.charCodeAt(to)
    if (isDigit(code)) {
      digits++
      end = to + 1
    } else if (!PHONE_GAPS.includes(text[to]!) || to - end > 1) break
  }
  const whole = end >= text.length || !isAlphanumeric(text.charCodeAt(end))
  return digits >= MIN_DIGITS && digits <= MAX_DIGITS && whole ? { from: at, to: end } : null
}

const PHONE_GAPS = ' -./()'
const MIN_IBAN = 15
const MAX_IBAN = 34

function ibanAt(text: string, at: number): ReturnType<Find> {
  if (!isUpper(text.charCodeAt(at)) || !isUpper(text.charCodeAt(at + 1))) return null
  if (!isDigit(text.charCodeAt(at + 2)) || !isDigit(text.charCodeAt(at + 3))) return null
  if (at > 0 && isAlphanumeric(text.charCodeAt(at - 1))) return null
  let to = at
  while (to < text.length && to - at <= MAX_IBAN && (isUpper(text.charCodeAt(to)) || isDigit(text.charCodeAt(to)))) to++
  const length = to - at
  if (length < MIN_IBAN || length > MAX_IBAN || isAlphanumeric(text.charCodeAt(to))) return null
  return remainder97(text.slice(at + 4, to) + text.slice(at, at + 4)) === 1 ? { from: at, to } : null
}

/** Letters count as 10 to 35 (ISO 7064, MOD 97-10). */
function remainder97(text: string): number {
  let rest = 0
  for (const character of text) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isUpper(code: number): boolean {
  return code >= 0x41 && code <= 0x5a
}

function isLetter(code: number): boolean {
  return isUpper(code & ~0x20)
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isLetter(code)
}

function isDomain(code: number): boolean {
  return isAlphanumeric(code) || code === 0x2d || code === 0x2e
}

/** The unquoted characters of RFC 5322 that mail systems really use. */
function isLocal(code: number): boolean {
  return isDomain(code) || code === 0x5f || code === 0x25 || code === 0x2b
}
