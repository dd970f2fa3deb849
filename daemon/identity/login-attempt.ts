import { randomBytes } from 'node:crypto'
import { KeyedHash } from './keyed-hash.ts'
import { type Pseudonyms, REDACTED } from './pseudonym.ts'
import { bodyKind } from './redact-body.ts'
import { splitAuthorization } from './redact-headers.ts'
import { unescapeJson } from './redact-json.ts'
import { percentDecode } from './redact-url.ts'
import { isAccountName, isPasswordName, secrecyOf } from './secret-names.ts'
import { isJwtShaped } from './token-shape.ts'

/**
 * A request that tried to prove who its caller is. `secret` is a hash under a random key of this process, so it can only be
 * compared, here and now; it is never printed and never stored.
 */
export interface LoginAttempt {
  /** Where the secret stood: `body:/password`, `header:authorization`. */
  readonly field: string
  /** Pseudonym of the account; null when none was named. */
  readonly account: string | null
  readonly secret: string
}

/** Hashes that can be compared within this process and nowhere else. */
export class SecretHasher {
  readonly #hash: KeyedHash

  /** `key`: 32 random bytes; hashes of one key can be compared with each other. */
  constructor(key: Uint8Array = randomBytes(32)) {
    this.#hash = new KeyedHash(key)
  }

  hash(secret: string): string {
    return this.#hash.bytes(secret).toString('base64').slice(0, 22)
  }
}

/** Authorization schemes whose credentials name no account. */
const BEARERS: ReadonlySet<string> = new Set(['bearer', 'token', 'jwt', 'apikey', 'api-key', 'key', ''])

/**
 * A refused Authorization header as an attempt; null when nobody guesses so. A JWT is signed: a refused one has expired, or was forged,
 * and a crowd whose tokens expire is no crowd that guesses.
 */
export function refusedAuthorization(value: string, account: string | null, hasher: SecretHasher): LoginAttempt | null {
  const { scheme, credentials } = splitAuthorization(value)
  if (account === null && (!BEARERS.has(scheme.toLowerCase()) || isJwtShaped(credentials))) return null
  return { field: 'header:authorization', account, secret: hasher.hash(credentials) }
}

/** Login forms are small; what is larger is not looked at. */
export const MAX_LOGIN_BODY = 16_384
/** Tokens that one answer hands out. */
export const MAX_TOKENS = 4

const HINT = /pass|pwd|otp|code|pin\b/i

/** The attempt a request body makes, or null when it makes none. */
export function loginInBody(
  text: string,
  contentType: string | null,
  pseudonyms: Pseudonyms,
  hasher: SecretHasher,
): LoginAttempt | null {
  if (text.length > MAX_LOGIN_BODY || !HINT.test(text)) return null
  const fields = bodyFields(text, contentType)
  let password: Field | null = null
  let code: Field | null = null
  let account: Field | null = null
  for (const field of fields) {
    const secret = isPasswordName(field.name)
    if (secret === 'password') password ??= field
    else if (secret === 'code') code ??= CODE.test(field.value) ? field : null
    else if (account === null && field.value !== '' && isAccountName(field.name)) account = field
  }
  const proof = password ?? code
  if (proof === null || proof.value === '') return null
  // A form with a new password beside the old one changes it; a code alone names no account and is a second step.
  return {
    field: `body:${proof.path}`,
    account:
      account === null || account.value === REDACTED ? null : pseudonyms.of('account', account.value.slice(0, 512)),
    secret: hasher.hash(proof.value),
  }
}

const CODE = /^[0-9A-Za-z-]{3,12}$/

/** One scalar of a body. */
export interface Field {
  readonly name: string
  readonly path: string
  readonly value: string
}

const MAX_FIELDS = 64
const MAX_LEVELS = 4

/** The fields of a small body of JSON or a form; none of any other. */
export function bodyFields(text: string, contentType: string | null): Field[] {
  const kind = bodyKind(contentType, text)
  return kind === 'json' ? jsonFields(text) : kind === 'form' ? formFields(text) : []
}

/** Scalars of the first levels of an object, with their JSON pointers (RFC 6901). */
function jsonFields(text: string): Field[] {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch {
    return brokenJsonFields(text)
  }
  const fields: Field[] = []
  collect(root, '', '', 0, fields)
  return fields
}

function collect(value: unknown, name: string, path: string, level: number, fields: Field[]): void {
  if (fields.length >= MAX_FIELDS) return
  if (typeof value === 'string' || typeof value === 'number') {
    fields.push({ name, path, value: String(value) })
  } else if (typeof value === 'object' && value !== null && level < MAX_LEVELS) {
    for (const [key, inner] of Object.entries(value)) {
      if (fields.length >= MAX_FIELDS) return
      collect(inner, key, `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, level + 1, fields)
    }
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MAX_NAME = 64
const MAX_VALUE = 1024
const COLON = /\s{0,8}:\s{0,8}"/y

/**
 * Cut off or broken: the pairs of strings that can be read. A quote that begins no pair may be the one that opens the
 * next string, so each stretch is looked at twice at most.
 */
function brokenJsonFields(text: string): Field[] {
  const fields: Field[] = []
  for (let open = text.indexOf('"'); open >= 0 && fields.length < MAX_FIELDS; ) {
    const close = closingQuote(text, open + 1)
    if (close < 0) break
    COLON.lastIndex = close + 1
    if (!COLON.test(text)) {
      open = close
      continue
    }
    const start = COLON.lastIndex
    const end = closingQuote(text, start)
    if (end < 0) break
    const nameLength = close - open - 1
    if (nameLength > 0 && nameLength <= MAX_NAME && end - start <= MAX_VALUE) {
      const name = unescapeJson(text.slice(open + 1, close))
      fields.push({ name, path: `/${name}`, value: unescapeJson(text.slice(start, end)) })
    }
    open = text.indexOf('"', end + 1)
  }
  return fields
}

/** Where the string that began before `from` ends, or -1. */
function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return -1
}

function formFields(text: string): Field[] {
  return text.split('&', MAX_FIELDS).map((pair) => {
    const equals = pair.indexOf('=')
    const name = percentDecode(equals < 0 ? pair : pair.slice(0, equals), true)
    return { name, path: `/${name}`, value: equals < 0 ? '' : percentDecode(pair.slice(equals + 1), true) }
  })
}

/** Values of the fields of a login's answer that hand out tokens. */
export function tokensInAnswer(text: string): string[] {
  if (text.length > MAX_LOGIN_BODY) return []
  return jsonFields(text)
    .filter((field) => field.value.length >= 8 && secrecyOf(field.name) === 'token')
    .map((field) => field.value)
}
