import type { Head } from '../http/exchange.ts'
import { formFields, multipartFields } from './form-fields.ts'
import { jsonFields } from './json-fields.ts'
import type { Field, Place } from './payload.ts'
import { xmlFields } from './xml-fields.ts'

/** Fields of one message that are looked at; the rest is counted as `payload.fields_cut`. */
export const MAX_FIELDS = 2048
const MAX_SEGMENTS = 64
const MAX_QUERIES_IN_TEXT = 3
const MAX_NAME = 256
/** Framing, and what no application reads. */
const STRUCTURAL = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'accept-encoding',
  'content-type',
  'upgrade-insecure-requests',
  'date',
])

/**
 * Every value of a request that its caller could choose. `take` gets them one by one; after MAX_FIELDS the rest is left out and the answer is
 * false.
 */
export function requestFields(head: Head, body: string, take: (field: Field) => void): boolean {
  let left = MAX_FIELDS
  const give: Give = (place, name, key, value, document = false) => {
    if (left-- <= 0) return false
    if (value !== '' || key !== '') take({ place, name: name.slice(0, MAX_NAME), key, value, document })
    return true
  }
  targetFields(head.target, give)
  for (const [name, value] of head.headers()) headerFields(name.toLowerCase(), value, give)
  if (body !== '') bodyFields(head.header('content-type') ?? '', body, give)
  return left >= 0
}

type Give = (place: Place, name: string, key: string, value: string, document?: boolean) => boolean

function targetFields(target: string, give: Give): void {
  const fragment = target.indexOf('#')
  const whole = fragment < 0 ? target : target.slice(0, fragment)
  const mark = whole.indexOf('?')
  const path = mark < 0 ? whole : whole.slice(0, mark)
  give('path', 'path', '', path)
  const segments = path.split('/', MAX_SEGMENTS)
  for (let i = 1; i < segments.length; i++) if (segments[i] !== '') give('path', `path:${i}`, '', segments[i]!)
  if (mark >= 0) formFields(whole.slice(mark + 1), (name, value) => give('query', `query:${name}`, name, value))
  // A payload may follow the fragment, which clients that play by the rules never send.
  if (fragment >= 0) give('query', 'query:#', '', target.slice(fragment + 1))
}

function headerFields(name: string, value: string, give: Give): void {
  if (STRUCTURAL.has(name)) return
  if (name === 'cookie') {
    for (const pair of value.split(';', 256)) {
      const equals = pair.indexOf('=')
      const cookie = equals < 0 ? '' : pair.slice(0, equals).trim()
      give('cookie', `cookie:${cookie}`, cookie, (equals < 0 ? pair : pair.slice(equals + 1)).trim())
    }
    return
  }
  if (name === 'authorization') {
    const claims = claimsOf(value)
    if (claims !== null) {
      for (const text of claims)
        jsonFields(text, (pointer, key, claim) => give('claim', `claim:${pointer}`, key, claim))
      return
    }
  }
  if (name === 'referer') {
    const mark = value.indexOf('?')
    if (mark >= 0) formFields(value.slice(mark + 1), (key, part) => give('header', `header:referer:${key}`, key, part))
  }
  give('header', `header:${name}`, '', value)
}

/** Header and payload of a JWT, as text; null if it is none. Nothing is verified. */
function claimsOf(authorization: string): string[] | null {
  const token = /^bearer\s{1,8}(\S{1,8192})$/i.exec(authorization)?.[1]
  if (token === undefined || !token.startsWith('eyJ')) return null
  const parts = token.split('.', 3)
  if (parts.length < 2) return null
  return parts.slice(0, 2).map((part) => Buffer.from(part, 'base64url').toString('utf8'))
}

function bodyFields(contentType: string, body: string, give: Give): void {
  const type = contentType.toLowerCase()
  const first = body.charCodeAt(leading(body))
  if (type.includes('multipart/')) {
    multipartFields(contentType, body, (name, fileName, value) => {
      if (fileName !== null && !give('multipart', `body:${name}.filename`, name, fileName)) return false
      return give('multipart', `body:${name}`, name, value)
    })
    return
  }
  if (type.includes('x-www-form-urlencoded')) {
    formFields(body, (name, value) => give('form', `body:${name}`, name, value) && inner(`body:${name}`, value, give))
    return
  }
  if (type.includes('json') || first === 0x7b || first === 0x5b) json('body:', body, give, MAX_QUERIES_IN_TEXT)
  else if (type.includes('xml') || first === 0x3c) {
    give('xml', 'body', '', body, true)
    xmlFields(body, (pointer, key, value) => give('xml', `body:${pointer}`, key, value))
  } else if (type.includes('graphql')) give('graphql', 'body:query', 'query', body)
  else if (type === '' && /^[\w.[\]%-]{1,64}=/.test(body)) {
    formFields(body, (name, value) => give('form', `body:${name}`, name, value))
  } else give('text', 'body', '', body)
}

/** Strings of JSON that hold JSON are looked into, three deep. */
function json(prefix: string, text: string, give: Give, nesting: number): boolean {
  let going = true
  jsonFields(text, (pointer, key, value) => {
    const name = `${prefix}${pointer}`
    const place = key === 'query' && GRAPHQL.test(value) ? 'graphql' : 'json'
    const nested = nesting > 0 && holdsJson(value) && isJson(value)
    going = give(place, name, key, value, nested)
    if (going && nested) going = json(name, value, give, nesting - 1)
    return going
  })
  return going
}

/** A document or selection set of GraphQL. */
const GRAPHQL = /^\s{0,64}(?:query|mutation|subscription|fragment|\{)/

function inner(name: string, value: string, give: Give): boolean {
  if (!/^(?:\{|\[|%7b|%5b)/i.test(value)) return true
  const text = value.includes('%') ? safeDecode(value) : value
  return holdsJson(text) && isJson(text) ? json(name, text, give, MAX_QUERIES_IN_TEXT) : true
}

/** What only looks like JSON is judged whole: templates have braces, too. */
function isJson(value: string): boolean {
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}

function safeDecode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '))
  } catch {
    return value
  }
}

function holdsJson(value: string): boolean {
  const first = value.charCodeAt(leading(value))
  return (first === 0x7b || first === 0x5b) && value.includes('"')
}

function leading(text: string): number {
  let at = 0
  while (at < 64 && text.charCodeAt(at) <= 0x20) at++
  return at
}
