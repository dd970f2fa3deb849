import type { Header } from '../model/transaction.ts'
import { child, openValue } from './path.ts'
import { BAD, toText } from './values.ts'

const MAX_HEADERS = 256
const MAX_NAME = 256

/** Adds one field, or several where a value is a list. False: it is no header. */
function add(name: unknown, value: unknown, to: Header[]): boolean {
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME) return false
  // Pseudo-headers of HTTP/2 are no fields: a mapping names them where they belong.
  if (name.charCodeAt(0) === 0x3a) return true
  if (typeof value === 'string') {
    to.push([name, value])
    return true
  }
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) {
    for (const each of value.slice(0, MAX_HEADERS)) {
      const text = toText(each)
      if (typeof text === 'string') to.push([name, text])
    }
    return true
  }
  const text = toText(value)
  if (typeof text !== 'string') return false
  to.push([name, text])
  return true
}

/** `{name: value}`, `{name: [value, value]}`. */
export function headersOfObject(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return BAD
  const headers: Header[] = []
  for (const name of Object.keys(value)) {
    if (headers.length >= MAX_HEADERS) break
    add(name, (value as Record<string, unknown>)[name], headers)
  }
  return headers
}

/** `[{name|key, value}]` or `[[name, value]]`. */
export function headersOfPairs(value: unknown): unknown {
  if (!Array.isArray(value)) return BAD
  const headers: Header[] = []
  for (const pair of value.slice(0, MAX_HEADERS) as unknown[]) {
    if (Array.isArray(pair)) add(pair[0], pair[1], headers)
    else add(child(pair, 'name') ?? child(pair, 'key'), child(pair, 'value') ?? rawValue(pair), headers)
  }
  return headers
}

/** Envoy's values that are not UTF-8. */
function rawValue(pair: unknown): unknown {
  const raw = child(pair, 'raw_value') ?? child(pair, 'rawValue')
  return typeof raw === 'string' ? Buffer.from(raw, 'base64').toString('latin1') : undefined
}

/** The same object as JSON text. */
export function headersOfJson(value: unknown): unknown {
  if (typeof value !== 'string') return headersOfObject(value)
  try {
    const parsed: unknown = JSON.parse(value)
    return Array.isArray(parsed) ? headersOfPairs(parsed) : headersOfObject(parsed)
  } catch {
    return BAD
  }
}

/** Members of the record whose name begins with `prefix`: `request_User-Agent`. */
export function headersByPrefix(prefix: string): (record: unknown) => unknown {
  return (record) => {
    if (typeof record !== 'object' || record === null) return undefined
    const headers: Header[] = []
    for (const name of Object.keys(record)) {
      if (headers.length >= MAX_HEADERS || !name.startsWith(prefix)) continue
      add(name.slice(prefix.length), (record as Record<string, unknown>)[name], headers)
    }
    return headers.length === 0 ? undefined : headers
  }
}

/** Attributes of OTLP under `http.request.header.`, whose names are in lower case with dashes kept. */
export function headersByAttribute(prefix: string): (record: unknown) => unknown {
  return (record) => {
    const attributes = child(record, 'attributes')
    if (!Array.isArray(attributes)) return undefined
    const headers: Header[] = []
    for (const entry of attributes.slice(0, MAX_HEADERS) as unknown[]) {
      const key = child(entry, 'key')
      if (typeof key !== 'string' || !key.startsWith(prefix)) continue
      add(key.slice(prefix.length), openValue(child(entry, 'value')), headers)
    }
    return headers.length === 0 ? undefined : headers
  }
}

export function hasHeader(headers: readonly Header[], name: string): boolean {
  for (const header of headers) if (header[0].length === name.length && header[0].toLowerCase() === name) return true
  return false
}
