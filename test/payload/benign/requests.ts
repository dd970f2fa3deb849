import type { Header } from '../../../daemon/model/transaction.ts'
import type { CorpusRequest, CorpusSet } from '../corpus-request.ts'
import { AGENTS, COOKIES, LANGUAGES, OTHERS, REFERERS } from './clients.ts'
import { HTML, LINES, LOGS, MARKDOWN, MATHEMATICS, PATHS, TOKENS, TRACES, URLS } from './documents.ts'
import { Grammar } from './grammar.ts'
import { CSS, GRAPHQL_DOCUMENTS, JAVASCRIPT, PHP, PYTHON, REGEX, SHELL, SQL, TEMPLATES, YAML } from './programs.ts'
import { NAMES, QUESTIONS, SEARCHES, SENTENCES } from './prose.ts'

/** A benign request, and what kind of value its main field holds. */
export interface Benign {
  readonly kind: string
  readonly request: CorpusRequest
}

interface Kind {
  readonly name: string
  /** Share of the corpus, in parts. */
  readonly parts: number
  /** Too long for a URL. */
  readonly long: boolean
  readonly make: (grammar: Grammar) => string
}

/**
 * Far more of what looks like an attack than traffic has: a third of the requests carry code, markup, logs or templates, the rest prose,
 * searches, names, and values made by programs.
 */
const KINDS: readonly Kind[] = [
  { name: 'name', parts: 8, long: false, make: (g) => g.text(NAMES) },
  { name: 'search', parts: 16, long: false, make: (g) => g.text(SEARCHES) },
  { name: 'sentence', parts: 10, long: false, make: (g) => g.text(SENTENCES) },
  { name: 'prose', parts: 6, long: true, make: (g) => g.texts(SENTENCES, 2, 8, ' ') },
  { name: 'question', parts: 4, long: false, make: (g) => g.text(QUESTIONS) },
  {
    name: 'discussion',
    parts: 2,
    long: true,
    make: (g) => `${g.texts(SENTENCES, 1, 2, ' ')}\n\n${g.text(QUESTIONS)}\n${g.text(SENTENCES)}`,
  },
  ...Object.entries({
    sql: SQL,
    javascript: JAVASCRIPT,
    php: PHP,
    shell: SHELL,
    python: PYTHON,
    yaml: YAML,
    css: CSS,
  }).map(([name, templates]) => ({ name, parts: 2, long: true, make: (g: Grammar) => g.texts(templates, 1, 3, '\n') })),
  { name: 'regex', parts: 1, long: false, make: (g) => g.text(REGEX) },
  { name: 'template', parts: 2, long: true, make: (g) => g.text(TEMPLATES) },
  { name: 'markdown', parts: 4, long: true, make: (g) => g.texts(MARKDOWN, 1, 3, '\n') },
  { name: 'html', parts: 4, long: true, make: (g) => g.texts(HTML, 1, 3, '\n') },
  { name: 'log', parts: 2, long: true, make: (g) => g.texts(LOGS, 1, 6, '\n') },
  { name: 'trace', parts: 1, long: true, make: (g) => `${g.text(SENTENCES)}\n\n${g.text(TRACES)}` },
  { name: 'mathematics', parts: 2, long: false, make: (g) => g.text(MATHEMATICS) },
  { name: 'url', parts: 8, long: false, make: (g) => g.text(URLS) },
  { name: 'path', parts: 4, long: false, make: (g) => g.text(PATHS) },
  { name: 'csv', parts: 2, long: true, make: (g) => g.texts(LINES, 2, 12, '\n') },
  { name: 'token', parts: 6, long: false, make: (g) => g.text(TOKENS) },
]

/** Names that the main field of a request may have. */
export const NAMES_OF_FIELDS = [
  'q',
  'name',
  'note',
  'comment',
  'description',
  'title',
  'text',
  'message',
  'content',
  'source',
  'body',
  'url',
  'path',
  'filter',
  'value',
  'search',
  'subject',
  'query',
  'redirect',
  'callback',
  'label',
  'address',
  'data',
  'code',
]
const TARGETS = [
  '/v1/orders',
  '/v1/orders/«5»',
  '/api/«noun»s/«uuid»/comments',
  '/search',
  '/users/«5»/profile',
  "/places/L'Aquila/«noun»s",
  '/v2/«noun»/«hex24»',
  '/blog/2026/11/«adjective»-«noun»-and-«noun»',
  '/wiki/«Noun»_(disambiguation)',
  '/files/a%20b/«noun».pdf',
  '/repos/«noun»/«noun»/contents/src/index.ts',
  '/graphql',
  '/api/rpc',
  '/select/«noun»/from/«noun»',
  '/products/c%2B%2B-in-depth',
  '/tags/c%23',
]

/** Requests of the reporting set. */
export const REPORTED = 50_000

/** `count` requests, the same for the same set on every machine. */
export function* benign(set: CorpusSet, count: number): Generator<Benign> {
  const grammar = new Grammar('benign payloads', set)
  const table = KINDS.flatMap((kind) => Array.from({ length: kind.parts }, () => kind))
  for (let i = 0; i < count; i++) {
    const kind = grammar.random.pick(table)
    yield { kind: kind.name, request: requestOf(grammar, kind.make(grammar), kind.long) }
  }
}

function requestOf(g: Grammar, value: string, long: boolean): CorpusRequest {
  const field = g.one(NAMES_OF_FIELDS)
  const target = g.text(TARGETS)
  const headers = headersOf(g)
  const way = g.random.between(long ? 3 : 0, 12)
  if (way <= 2) {
    return {
      method: 'GET',
      target: `${target}?page=${g.digits(1)}&${field}=${encodeURIComponent(value)}`,
      headers,
      body: '',
    }
  }
  const [type, body] = bodyOf(g, way, field, value)
  return {
    method: 'POST',
    target,
    headers: [...headers, ['Content-Type', type], ['Content-Length', `${Buffer.byteLength(body)}`]],
    body,
  }
}

function bodyOf(g: Grammar, way: number, field: string, value: string): [string, string] {
  switch (way) {
    case 3:
    case 4: {
      const form = `id=${g.digits(4)}&${field}=${encodeURIComponent(value).replaceAll('%20', '+')}&csrf=${g.fill('«token-24»')}`
      return ['application/x-www-form-urlencoded', form]
    }
    case 5: {
      const boundary = `----WebKitFormBoundary${g.hex(16)}`
      const file = g.fill('«file»').replaceAll('"', '%22')
      const part = (disposition: string, text: string) =>
        `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`
      const parts = `${part(`name="${field}"`, value)}${part(`name="file"; filename="${file}"`, g.fill('«base64-90»'))}--${boundary}--\r\n`
      return [`multipart/form-data; boundary=${boundary}`, parts]
    }
    case 6: {
      const inner = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
      const legal = [...inner].filter((c) => c >= ' ' || c === '\n' || c === '\t').join('')
      return [
        'application/xml',
        `<?xml version="1.0" encoding="UTF-8"?><order id="${g.digits(5)}"><${field}>${legal}</${field}></order>`,
      ]
    }
    case 7: {
      const query = g.text(GRAPHQL_DOCUMENTS)
      return [
        'application/json',
        JSON.stringify({ operationName: null, query, variables: { id: g.digits(4), [field]: value } }),
      ]
    }
    case 8:
      return [
        'application/json',
        JSON.stringify({ type: 'save', state: JSON.stringify({ [field]: value, open: true }) }),
      ]
    default: {
      const ids = Array.from({ length: g.random.between(0, 12) }, () => g.fill('«6»'))
      return [
        'application/json; charset=utf-8',
        JSON.stringify({
          id: g.fill('«uuid»'),
          [field]: value,
          ids,
          author: g.text(NAMES),
          created: g.fill('«date»T«time»Z'),
        }),
      ]
    }
  }
}

/** What no client sends as it is: RFC 9110 §5.5. */
const UNSENT = /[^\x20-\x7e\u0080-\u00ff]/g

function headersOf(g: Grammar): Header[] {
  const headers: Header[] = [
    ['Host', g.fill('«domain»')],
    ['User-Agent', g.text(AGENTS)],
    ['Accept', '*/*'],
  ]
  if (g.random.chance(0.6)) headers.push(['Cookie', g.text(COOKIES)])
  if (g.random.chance(0.4)) headers.push(['Referer', g.text(REFERERS)])
  if (g.random.chance(0.5)) headers.push(['Accept-Language', g.text(LANGUAGES)])
  if (g.random.chance(0.5)) {
    const [name, value] = g.one(OTHERS)
    headers.push([name, g.fill(value)])
  }
  return headers.map(([name, value]): Header => [name, value.replace(UNSENT, '?')])
}
