import { type Pseudonyms, REDACTED } from './pseudonym.ts'
import type { Secrecy } from './secret-names.ts'
import { isCardNumber, isTokenShaped, redactText } from './token-shape.ts'

/** Where a value stands. `code` is a one-time code where a client sends it and an error number where a server answers it. */
export type Place = 'query' | 'request' | 'response'

/** The decoded value of a field by the secrecy of its name; the same string when there is nothing to hide. */
export function redactValue(value: string, secrecy: Secrecy, place: Place, pseudonyms: Pseudonyms): string {
  if (value.length === 0) return value
  switch (secrecy) {
    case 'token':
      return pseudonyms.secret(value)
    case 'erase':
      return REDACTED
    case 'code':
      if (place !== 'response' && isOneTimeCode(value)) return REDACTED
      return place === 'query' || isOpaque(value) ? pseudonyms.secret(value) : value
    case 'opaque':
      return isOpaque(value) ? pseudonyms.secret(value) : redactPlain(value, pseudonyms)
    case 'keep':
      return redactPlain(value, pseudonyms)
  }
}

/** A value whose name says nothing: only its looks count. */
function redactPlain(value: string, pseudonyms: Pseudonyms): string {
  if (value.length < 12) return value
  if (isTokenShaped(value)) return pseudonyms.secret(value)
  return redactText(value, pseudonyms)
}

function isOneTimeCode(value: string): boolean {
  return value.length <= 11 && /^[0-9]{3,10}$|^[0-9]{3}[- ][0-9]{3}$/.test(value)
}

/** Long and mixed like something a machine made. */
function isOpaque(value: string): boolean {
  return value.length >= 16 && /[0-9]/.test(value) && /[A-Za-z]/.test(value) && !/\s/.test(value)
}

/** A number as it stands in JSON. */
export function isCardLiteral(literal: string): boolean {
  return literal.length >= 13 && literal.length <= 19 && isCardNumber(literal)
}
