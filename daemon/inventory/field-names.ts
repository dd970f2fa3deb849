import { ownText } from '../identity/secret-names.ts'
import { isTokenShaped } from '../identity/token-shape.ts'

/** What stands for a name that is somebody's value: a key of a map by user, by date, by token. */
export const ANY_NAME = '*'

const MAX_NAME = 64
const NAME = /^[A-Za-z_$@][A-Za-z0-9_.$:[\]-]*$/
const MAX_DIGITS = 3
const MAX_KNOWN = 8192

const known = new Map<string, string>()

/** The name of a field as it is listed: itself when a programmer may have chosen it, else `*`. */
export function fieldName(name: string): string {
  const found = known.get(name)
  if (found !== undefined) return found
  const own = isChosen(name) ? ownText(name) : ANY_NAME
  // Names repeat; a full map means that somebody makes them up, and what is made up is not worth keeping.
  if (known.size >= MAX_KNOWN) known.clear()
  if (name.length <= MAX_NAME) known.set(ownText(name), own)
  return own
}

function isChosen(name: string): boolean {
  const { length } = name
  if (length === 0 || length > MAX_NAME || !NAME.test(name) || name.startsWith('hmac:')) return false
  let digits = 0
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i)
    if (code >= 0x30 && code <= 0x39) digits++
  }
  return digits <= MAX_DIGITS && !(length >= 16 && isTokenShaped(name))
}
