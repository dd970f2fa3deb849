import { CODE, CUT, HARMLESS, KEEP, NAME, OPAQUE, STRING } from './json-vector-code.ts'
import { JsonVectors, type NameSays } from './json-vectors.ts'
import type { Pseudonyms } from './pseudonym.ts'
import { MAX_KEY, redactJsonBare, redactJsonString, unescapeJson } from './redact-json.ts'
import type { Place } from './redact-value.ts'
import { type Secrecy, secrecyOf } from './secret-names.ts'

const SECRECY: readonly Secrecy[] = ['keep', 'opaque', 'code']
SECRECY.forEach((secrecy, says) => {
  if (says !== (secrecy === 'keep' ? KEEP : secrecy === 'opaque' ? OPAQUE : CODE)) throw new RangeError(secrecy)
})

let vectors: JsonVectors | null | undefined

/** Made when the first body is looked at; null where there is no WebAssembly. */
export function jsonVectors(): JsonVectors | null {
  if (vectors === undefined) vectors = JsonVectors.open()
  return vectors
}

/**
 * Whether redactJson would leave this text (UTF-8) as it is: one pass over the bytes that makes no string of them, except of names that are
 * new and of the few values that might be secrets, which it asks redactJson about. False when in doubt, and at the first name of a secret.
 */
export function isHarmlessJson(bytes: Buffer, place: Place, pseudonyms: Pseudonyms): boolean {
  const json = jsonVectors()
  if (json === null || !json.begin(bytes, place === 'response')) return false
  let seen = false
  for (;;) {
    const met = json.scan(seen)
    if (met === HARMLESS) return true
    if (met === CUT) return false
    if (met === NAME) {
      const raw = json.raw()
      const secrecy = raw === '' || raw.length > MAX_KEY ? 'keep' : secrecyOf(unescapeJson(raw))
      const says = SECRECY.indexOf(secrecy)
      if (says < 0) return false
      json.learn(says as NameSays)
      seen = false
    } else {
      const raw = json.raw()
      const secrecy = SECRECY[json.next]!
      const value = json.escaped ? unescapeJson(raw) : raw
      const redacted =
        met === STRING
          ? redactJsonString(value, secrecy, place, pseudonyms)
          : redactJsonBare(value, secrecy, place, pseudonyms)
      if (redacted !== null) return false
      seen = true
    }
  }
}
