import { mix } from './draw.ts'

/**
 * How objects are named in paths. The n-th object of a resource has the same name in every run of a seed; nothing is stored.
 *
 *   number     1042                      uuid      6f9619ff-8b86-4d01-b42d-00cf4fc964ff
 *   ulid       01JD4K…                   objectid  24 hex digits
 *   prefixed   ord_8Fk2PqZ1x0            sku       AB-1042-X
 *   slug       amber-birch-lamp          handle    lena.holm, or lenaholm7
 *   word       one of a dozen            code      SAVE10-KX
 *   mixed      a number before a migration, a uuid after it
 *   date, month, currency, locale, email
 */
export type IdKind =
  | 'number'
  | 'uuid'
  | 'ulid'
  | 'objectid'
  | 'prefixed'
  | 'sku'
  | 'slug'
  | 'handle'
  | 'word'
  | 'code'
  | 'mixed'
  | 'date'
  | 'month'
  | 'currency'
  | 'locale'
  | 'email'

const QUALITIES = (
  'amber birch coral delta ember fjord grove heron indigo juniper kite lagoon maple nectar opal pearl quartz raven sable ' +
  'tundra umber velvet willow zephyr brisk calm dusky eager gentle humble ivory jolly keen lively mellow noble olive plain'
).split(' ')
const COLOURS = 'red blue green black white grey teal rose sand rust navy plum gold mint lime cyan'.split(' ')
const THINGS = (
  'lamp chair table shelf mug kettle blanket pillow basket bottle jacket boots scarf gloves tent stove bike helmet ' +
  'speaker camera tripod monitor keyboard mouse charger cable router drone puzzle globe clock mirror vase candle'
).split(' ')
const FIRST =
  'anna ben clara david elif finn greta hugo ida jan kofi lena mira noah olga paul quinn rosa sami tara'.split(' ')
const LAST =
  'adler berg cano dorn ek frost gomez holm ivan jung klein lund maler novak okafor peters roth sato tran ueda'.split(
    ' ',
  )
const WORDS =
  'kitchen garden office outdoor lighting textiles audio photo travel toys games books storage bath pets sale'.split(
    ' ',
  )
const CURRENCIES = 'EUR USD GBP CHF SEK NOK DKK PLN CZK HUF JPY CNY'.split(' ')
const LOCALES = 'en-GB en-US de-DE de-CH fr-FR it-IT es-ES pt-BR nl-NL sv-SE pl-PL ja-JP'.split(' ')
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'.toUpperCase()
const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** Objects over this were made after the migration from numbers to uuids. */
const MIGRATED_FROM = 2000
/** Dates count back from here: 2026-12-31. */
const LAST_DAY = Date.UTC(2026, 11, 31)
const DAY_MS = 86_400_000

/** The name of object `number` (from 0) of a resource; `seed` differs between resources. */
export function nameOf(kind: IdKind, seed: number, prefix: string, number: number): string {
  switch (kind) {
    case 'number':
      return String(10_000 + (seed % 70_000) + number)
    case 'uuid':
      return uuid(seed, number)
    case 'mixed':
      return number < MIGRATED_FROM ? String(10_000 + number) : uuid(seed, number)
    case 'ulid':
      return `01JD${letters(CROCKFORD, seed, number, 22)}`
    case 'objectid':
      return `65${digits(seed, number, 22)}`
    case 'prefixed':
      return `${prefix}_${letters(BASE62, seed, number, 14)}`
    case 'sku':
      return `${CROCKFORD[10 + (mix(seed, number) % 20)]}${CROCKFORD[10 + (mix(seed + 1, number) % 20)]}-${1000 + number}-${COLOURS[number % 16]!.slice(0, 1).toUpperCase()}`
    case 'slug': {
      const [a, b, c] = [number % 40, Math.floor(number / 40) % 16, Math.floor(number / 640) % 34]
      return `${QUALITIES[(a + seed) % 40]}-${COLOURS[b]}-${THINGS[(c + a) % 34]}`
    }
    case 'handle': {
      const joint = ['.', '_', '', '-'][mix(seed, number) % 4]!
      const tail = number < 400 ? '' : String(Math.floor(number / 400))
      return `${FIRST[number % 20]}${joint}${LAST[Math.floor(number / 20) % 20]}${tail}`
    }
    case 'word':
      return WORDS[number % WORDS.length]!
    case 'code':
      return `SAVE${5 * (1 + (number % 9))}-${letters(CROCKFORD, seed, number, 4)}`
    case 'date':
      return new Date(LAST_DAY - (number % 400) * DAY_MS).toISOString().slice(0, 10)
    case 'month':
      return new Date(LAST_DAY - (number % 24) * 30 * DAY_MS).toISOString().slice(0, 7)
    case 'currency':
      return CURRENCIES[number % CURRENCIES.length]!
    case 'locale':
      return LOCALES[number % LOCALES.length]!
    case 'email':
      return `${nameOf('handle', seed, '', number)}@mail.example`
  }
}

export function personName(number: number): string {
  const first = FIRST[number % 20]!
  const last = LAST[Math.floor(number / 20) % 20]!
  return `${first[0]!.toUpperCase()}${first.slice(1)} ${last[0]!.toUpperCase()}${last.slice(1)}`
}

/** Words that people write: for search, notes and reviews. */
export function phrase(number: number): string {
  return `${QUALITIES[mix(7, number) % 40]} ${COLOURS[mix(11, number) % 16]} ${THINGS[mix(13, number) % 34]}`
}

function uuid(seed: number, number: number): string {
  const text = digits(seed, number, 32)
  const variant = '89ab'[mix(seed, number) % 4]
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-${variant}${text.slice(17, 20)}-${text.slice(20)}`
}

function digits(seed: number, number: number, length: number): string {
  let text = ''
  for (let round = 1; text.length < length; round++)
    text += mix(seed + 977 * round, number)
      .toString(16)
      .padStart(8, '0')
  return text.slice(0, length)
}

function letters(alphabet: string, seed: number, number: number, length: number): string {
  let text = ''
  for (let round = 1; text.length < length; round++) {
    let rest = mix(seed + 613 * round, number)
    for (let i = 0; i < 5 && text.length < length; i++) {
      text += alphabet[rest % alphabet.length]
      rest = Math.floor(rest / alphabet.length)
    }
  }
  return text
}
