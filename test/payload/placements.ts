import type { CorpusRequest } from './corpus-request.ts'

/** What takes encodings off a value before its interpreter sees it. */
export type Carrier = 'url' | 'header' | 'cookie' | 'multipart' | 'json' | 'xml' | 'graphql' | 'claim'

export interface Placement {
  readonly name: string
  readonly carrier: Carrier
  /** The request that carries the value; null where it cannot stand (a line end in a header). */
  readonly put: (value: string) => CorpusRequest | null
}

const AGENT = ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'] as const
const COMMON = [['Host', 'shop.test'], AGENT, ['Accept', '*/*']] as const
const BOUNDARY = 'cut7f31'

/** What a client must encode for its value to arrive; bytes of the value that stand for themselves stay. */
function urlEncoded(value: string): string {
  return value.replace(/[^!$'()*,./:;<>@[\\\]^`{|}~\w=-]/gu, (c) =>
    // %uXXXX, overlong bytes and the like are put in as they are: see encodings.ts.
    encodeURIComponent(c),
  )
}

function get(target: string, headers: readonly (readonly [string, string])[] = []): CorpusRequest {
  const replaced = new Set(headers.map(([name]) => name))
  const common = COMMON.filter(([name]) => !replaced.has(name))
  return { method: 'GET', target, headers: [...common, ...headers], body: '' }
}

function post(contentType: string, body: string): CorpusRequest {
  const headers = [...COMMON, ['Content-Type', contentType], ['Content-Length', `${Buffer.byteLength(body)}`]] as const
  return { method: 'POST', target: '/v1/orders', headers, body }
}

/** RFC 9110 §5.5: no control characters; and only what every server reads the same way. */
const IN_HEADER = /^[\x20-\x7e]*$/

function header(name: string, before = ''): (value: string) => CorpusRequest | null {
  return (value) =>
    IN_HEADER.test(value) && value.trim() !== '' ? get('/v1/orders', [[name, before + value.trim()]]) : null
}

function jwt(value: string): string {
  const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString('base64url')
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: value, iat: 1_700_000_000 })}.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg`
}

function inXml(value: string): string | null {
  for (const c of value) if (c < ' ' && c !== '\t' && c !== '\n' && c !== '\r') return null
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll('\r', '&#13;')
}

function xml(before: string, after: string): (value: string) => CorpusRequest | null {
  return (value) => {
    const inside = inXml(value)
    return inside === null ? null : post('application/xml', `<?xml version="1.0"?>${before}${inside}${after}`)
  }
}

function multipart(disposition: string, body: string): CorpusRequest {
  const part = `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${body}\r\n--${BOUNDARY}--\r\n`
  return post(`multipart/form-data; boundary=${BOUNDARY}`, part)
}

export const PLACEMENTS: readonly Placement[] = [
  { name: 'path', carrier: 'url', put: (value) => get(`/files/${urlEncoded(value).replaceAll(';', '%3B')}`) },
  { name: 'query', carrier: 'url', put: (value) => get(`/v1/orders?page=2&q=${urlEncoded(value)}`) },
  { name: 'form', carrier: 'url', put: (value) => post(FORM, `a=1&note=${urlEncoded(value)}`) },
  { name: 'user-agent', carrier: 'header', put: header('User-Agent') },
  { name: 'referer', carrier: 'header', put: header('Referer') },
  {
    name: 'referer query',
    carrier: 'url',
    put: (value) => get('/v1/orders', [['Referer', `https://shop.test/s?q=${urlEncoded(value)}`]]),
  },
  { name: 'x-forwarded-for', carrier: 'header', put: header('X-Forwarded-For') },
  { name: 'own header', carrier: 'header', put: header('X-Api-Version') },
  {
    name: 'cookie',
    carrier: 'cookie',
    put: (value) =>
      IN_HEADER.test(value) && !/[;,]/.test(value) ? get('/v1/orders', [['Cookie', `lang=en; prefs=${value}`]]) : null,
  },
  { name: 'multipart', carrier: 'multipart', put: (value) => multipart('name="note"', value) },
  {
    name: 'file name',
    carrier: 'multipart',
    // A quote would end the parameter (RFC 7578 §4.2): browsers send %22.
    put: (value) =>
      /["\r\n\0]/.test(value) ? null : multipart(`name="avatar"; filename="${value}"`, 'GIF89a............'),
  },
  { name: 'json', carrier: 'json', put: (value) => post(JSON_TYPE, JSON.stringify({ id: 7, note: value })) },
  {
    name: 'json in json',
    carrier: 'json',
    put: (value) => post(JSON_TYPE, JSON.stringify({ id: 7, state: JSON.stringify({ filter: { name: value } }) })),
  },
  { name: 'xml text', carrier: 'xml', put: xml('<order><note>', '</note></order>') },
  { name: 'xml attribute', carrier: 'xml', put: xml('<order note="', '"/>') },
  {
    name: 'graphql variable',
    carrier: 'graphql',
    put: (value) =>
      post(
        JSON_TYPE,
        JSON.stringify({ query: 'query($n: String) { orders(note: $n) { id } }', variables: { n: value } }),
      ),
  },
  { name: 'jwt claim', carrier: 'claim', put: (value) => get('/v1/me', [['Authorization', `Bearer ${jwt(value)}`]]) },
]

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

/** A value under a name that is itself the attack: `user[$ne]=x`. */
export const NAMED_PLACEMENTS: readonly {
  readonly name: string
  readonly put: (key: string, value: string) => CorpusRequest
}[] = [
  { name: 'query', put: (key, value) => get(`/v1/orders?page=2&${key}=${urlEncoded(value)}`) },
  { name: 'form', put: (key, value) => post(FORM, `a=1&${key}=${urlEncoded(value)}`) },
  { name: 'query, percent', put: (key, value) => get(`/v1/orders?${encodeURIComponent(key)}=${urlEncoded(value)}`) },
  { name: 'form, percent', put: (key, value) => post(FORM, `${encodeURIComponent(key)}=${urlEncoded(value)}`) },
]

/** Documents that are a body of their own. */
export function xmlBody(value: string): CorpusRequest {
  return post('application/xml', value)
}

export function graphqlBody(document: string): CorpusRequest {
  return post(JSON_TYPE, JSON.stringify({ query: document }))
}

export function rawQuery(value: string): CorpusRequest {
  return get(`/v1/orders?page=2&q=${value}`)
}

export function rawPath(value: string): CorpusRequest {
  return get(`/files/${value}`)
}

export function rawForm(value: string): CorpusRequest {
  return post(FORM, `a=1&note=${value}`)
}
