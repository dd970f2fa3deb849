/** What one value is, by its looks. A body adds `null`, `object` and `array`. */
export type FieldType = 'null' | 'bool' | 'int' | 'number' | 'uuid' | 'date' | 'email' | 'string' | 'object' | 'array'

const INT = /^-?(?:0|[1-9][0-9]{0,15})$/
const NUMBER = /^-?[0-9]{1,15}\.[0-9]{1,15}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const DATE = /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:[T ][0-9]{2}:[0-9]{2}[0-9:.,Zz+-]{0,20})?$/
const EMAIL = /^[^\s@/:]{1,64}@[^\s@./:]{1,63}(?:\.[^\s@./:]{1,63}){1,8}$/

/** Longer texts are strings, whatever they look like. */
const MAX_LOOKED_AT = 256

/** The type of a string as it stands in a JSON body: a number in quotes stays a string. */
export function textType(text: string): FieldType {
  const length = text.length
  if (length < 6 || length > MAX_LOOKED_AT) return 'string'
  if (length === 36 && UUID.test(text)) return 'uuid'
  const first = text.charCodeAt(0)
  if (first >= 0x30 && first <= 0x39 && length >= 10 && length <= 40 && DATE.test(text)) return 'date'
  return text.includes('@') && EMAIL.test(text) ? 'email' : 'string'
}

/** The type of a value of a path, a query or a form, where everything is text. */
export function valueType(text: string): FieldType {
  const length = text.length
  if (length <= 17 && length > 0) {
    if (INT.test(text)) return 'int'
    if (text === 'true' || text === 'false') return 'bool'
  }
  if (length <= 32 && NUMBER.test(text)) return 'number'
  return textType(text)
}
