import type { Transaction } from '../../daemon/model/transaction.ts'
import { formFields } from '../../daemon/payload/form-fields.ts'
import { jsonFields } from '../../daemon/payload/json-fields.ts'
import { unwrap } from '../../daemon/payload/unwrap.ts'

/** Fields of one request that are looked at, and characters of its body. */
const MAX_FIELDS = 32
const MAX_BODY = 8192
/** Base64 is left as it is: it is no number, and nobody types it into a field for words. */
const ENCODED = /[%&\\+]/
const FORM = /^[\w.[\]%-]{1,64}=/

/**
 * Values of a request as it was handed on, redacted, by the names that marks of payloads have: `query:id`, `body:/items/[]/id`, and `path:3` for
 * what stands where the endpoint has a variable. Each is unwrapped as the scanner does it,
 * but for base64.
 */
export function fieldValues(tx: Transaction, take: (field: string, text: string) => void): void {
  let left = MAX_FIELDS
  const give = (field: string, value: string, plus: boolean): boolean => {
    if (left-- <= 0) return false
    if (value !== '') take(field, ENCODED.test(value) ? unwrap(value, plus).text : value)
    return true
  }
  const template = tx.endpoint ?? ''
  if (template.includes('{') && tx.path !== null) {
    const names = template.slice(template.indexOf('/')).split('/')
    const segments = tx.path.split('/', names.length)
    for (let i = 1; i < segments.length; i++) if (names[i]!.startsWith('{')) give(`path:${i}`, segments[i]!, false)
  }
  if (tx.query !== '') formFields(tx.query, (name, value) => give(`query:${name}`, value, true))
  if (tx.requestBodyBytes === 0) return
  const body = tx.requestBody?.slice(0, MAX_BODY) ?? ''
  const first = body[0]
  if (first === '{' || first === '[') jsonFields(body, (pointer, _, value) => give(`body:${pointer}`, value, false))
  else if (FORM.test(body)) formFields(body, (name, value) => give(`body:${name}`, value, true))
}
