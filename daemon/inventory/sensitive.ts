import { isPseudonym, REDACTED } from '../identity/pseudonym.ts'
import { normalName, secrecyOf } from '../identity/secret-names.ts'
import { isCardNumber, isTokenShaped, mayStartToken } from '../identity/token-shape.ts'
import type { FieldType } from './scalar.ts'

/** What a value tells of a person, or opens. Only how often each was seen is kept, never a value. */
export const SENSITIVE_CLASSES = [
  'email',
  'phone',
  'card',
  'iban',
  'national_id',
  'password',
  'token',
  'secret',
  'health',
  'location',
] as const
export type SensitiveClass = (typeof SENSITIVE_CLASSES)[number]

const PHONE_NAME = /phone|mobile|msisdn|^tel$|^fax$|^cell$|whatsapp/
const CARD_NAME = /card|^cc|^pan$|cvv|cvc|csc/
const NATIONAL_NAME =
  /^(?:ssn|sin|nino|nif|nie|dni|bsn|cpf|cnpj|curp|pesel|aadhaar|aadhar|tfn|itin|passport|passportno|passportnumber|taxid|taxnumber|nationalid|nationalidnumber|idcardnumber|identitynumber|personalnumber|socialsecuritynumber|driverslicense|drivinglicence)$/
const PHONE = /^\+?\(?[0-9][0-9 ()./-]{6,18}$/
const US_SSN = /^[0-9]{3}-[0-9]{2}-[0-9]{4}$/
const IBAN = /^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/
const CARD = /^[0-9][0-9 -]{11,21}[0-9]$/
const MOST_OF_CARD = 23
const SSN_LENGTH = 11
/** Shorter values are sensitive by their names alone. */
const LEAST_BY_LOOKS = 7
const LEAST_TOKEN = 20
const MAX_LOOKED_AT = 256

/** What a value of a field of this name says about the field; null for most. Values may be redacted already. */
export function sensitiveClass(name: string, text: string, type: FieldType): SensitiveClass | null {
  if (text === REDACTED) return CARD_NAME.test(normalName(name)) ? 'card' : 'password'
  const length = text.length
  if (length === 0 || length > MAX_LOOKED_AT) return null
  if (isPseudonym(text)) return secrecyOf(name) === 'erase' ? 'password' : 'token'
  if (type === 'email') return 'email'
  if (type === 'bool' || type === 'date' || type === 'uuid' || type === 'null') return null
  if (length >= LEAST_BY_LOOKS) {
    const first = text.charCodeAt(0)
    const digit = first >= 0x30 && first <= 0x39
    if (digit && length === SSN_LENGTH && US_SSN.test(text)) return 'national_id'
    if (digit && length >= 13 && CARD.test(text) && isCardNumber(text.replaceAll(/[ -]/g, ''))) return 'card'
    if ((first === 0x2b || (digit && PHONE_NAME.test(normalName(name)))) && PHONE.test(text)) return 'phone'
    if (length >= 15 && first >= 0x41 && first <= 0x5a && isIban(text.replaceAll(' ', ''))) return 'iban'
    if (length >= LEAST_TOKEN && isTokenShaped(text)) return 'token'
  }
  return isNationalIdName(name) ? 'national_id' : null
}

/** Whether the name of a field matters to what `sensitiveClass` makes of its values, when their looks are plain. */
export function isTellingName(name: string): boolean {
  const normal = normalName(name)
  return NATIONAL_NAME.test(normal) || PHONE_NAME.test(normal)
}

/**
 * False where `sensitiveClass` says null of [start, end), which is ASCII: told by length and first characters, so that most values
 * of a body are never made strings of. `telling`: see isTellingName. `hasAt`: an @ may be in it.
 */
export function mayBeSensitive(
  bytes: Uint8Array,
  start: number,
  end: number,
  telling: boolean,
  hasAt: boolean,
): boolean {
  const length = end - start
  if (length === 0 || length > MAX_LOOKED_AT) return false
  if (telling || hasAt) return true
  if (length < LEAST_BY_LOOKS) return false
  const first = bytes[start]!
  const second = bytes[start + 1]!
  if (first >= 0x30 && first <= 0x39) return length === SSN_LENGTH || (length >= 13 && length <= MOST_OF_CARD)
  if (first === 0x2b || (first === 0x72 && length === REDACTED.length)) return true
  if (first === 0x68 && second === 0x6d) return true
  if (length >= 15 && first >= 0x41 && first <= 0x5a && (second === 0x20 || (second >= 0x41 && second <= 0x5a))) {
    return true
  }
  return length >= LEAST_TOKEN && mayStartToken(first, second)
}

/**
 * What may be sensitive where `sensitiveClass` knows nothing: told by names for the most part, so good for a list that people read, and
 * not for a finding.
 */
export function hintedClass(name: string, text: string, type: FieldType): SensitiveClass | null {
  if (
    text.length > 16 &&
    (text.startsWith('-----BEGIN ') ? text.includes('PRIVATE KEY-----') : WITH_PASSWORD.test(text))
  )
    return 'secret'
  const normal = normalName(name)
  if (LOCATION_NAME.test(normal) && (type === 'number' || PLACE.test(text))) return 'location'
  return type !== 'bool' && HEALTH_NAME.test(normal) ? 'health' : null
}

/** `postgres://app:word@db`, whose user and password were replaced. */
const WITH_PASSWORD = /^[a-z][a-z0-9+.-]{1,20}:\/\/redacted@/
const LOCATION_NAME =
  /^(?:(?:last|current|home|work|geo|gps|pickup|dropoff|start|end)?(?:lat|latitude|lng|lon|long|longitude|location|position|coords?|coordinates?|latlng|latlong)|geohash|geopoint|geo|gps)$/
/** `52.52,13.405`, or a geohash. */
const PLACE = /^(?:-?\d{1,3}\.\d{2,12}(?:\s{0,2}[,;]\s{0,2}-?\d{1,3}\.\d{2,12})?|[0-9bcdefghjkmnpqrstuvwxyz]{7,12})$/
const HEALTH_NAME =
  /diagnos|^icd(?:9|10|11)?(?:code)?$|medication|prescription|allerg|blood(?:type|group|pressure|sugar)|symptom|^disease|vaccin|medicalrecord|medicalhistory|patientid|^mrn$|disabilit|pregnan|heartrate|^bmi$|healthinsurance|medicare|nhsnumber/

/** Whether a name alone says that values must not be kept, not even as one of a few. */
export function isPersonalName(name: string): boolean {
  const secrecy = secrecyOf(name)
  if (secrecy !== 'keep') return true
  const normal = normalName(name)
  return PERSONAL.test(normal) || PHONE_NAME.test(normal) || CARD_NAME.test(normal) || NATIONAL_NAME.test(normal)
}

const PERSONAL =
  /name$|^(?:user|account|login|email|mail|address|street|city|town|birth|dob|gender|sex|religion|zip|postcode|postal|iban|bic|holder|owner|customer|person|note|comment|message|text|body|q|query|search|term)/

function isNationalIdName(name: string): boolean {
  return NATIONAL_NAME.test(normalName(name))
}

/** ISO 13616: the number of the rearranged text modulo 97 is 1. */
function isIban(text: string): boolean {
  if (text.length > 34 || !IBAN.test(text)) return false
  let rest = 0
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36)
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97
  }
  return rest === 1
}
