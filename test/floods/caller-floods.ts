import { DENIED, exchanges, type Flood, hex, MISSING, OK, PROXIES, plain, random32, withBody } from './flood.ts'

/** Slow enough that windows close and what waits in quarantine is learnt while the flood goes on. */
const LONG_STEP_US = 2000

/** Against what is remembered of callers, credentials, paths and objects. */
export const CALLER_FLOODS: readonly Flood[] = [
  plain(
    'distinct-everything',
    300_000,
    exchanges((random, i) => {
      const token = hex(random, 5)
      const head = `Host: ${hex(random, 2)}.test\r\nAuthorization: Bearer ${token}\r\nCookie: sid=${hex(random, 4)}\r\n`
      const forwarded = `X-Forwarded-For: 203.0.113.${i % 250}\r\nX-Api-Key: ${hex(random, 4)}\r\n`
      const path = i & 1 ? `/v1/${hex(random, 1)}/${hex(random, 2)}` : `/${hex(random, 3)}`
      return [Buffer.from(`GET ${path}?q=${hex(random, 1)} HTTP/1.1\r\n${head}${forwarded}\r\n`), i & 2 ? MISSING : OK]
    }),
    LONG_STEP_US,
  ),
  plain(
    'distinct-accounts',
    150_000,
    exchanges((random) => {
      const body = Buffer.from(`{"username":"u${hex(random, 2)}@mail.test","password":"${hex(random, 2)}"}`)
      return [withBody('POST /login HTTP/1.1', 'application/json', body), DENIED]
    }),
    LONG_STEP_US,
  ),
  plain(
    'distinct-objects',
    300_000,
    exchanges((random, i) => {
      const head = `Host: api.test\r\nAuthorization: Bearer ${hex(random, 5)}\r\n\r\n`
      return [Buffer.from(`GET /v1/orders/${i} HTTP/1.1\r\n${head}`), i & 3 ? OK : MISSING]
    }),
    LONG_STEP_US,
  ),
  plain(
    'callers',
    300_000,
    exchanges((random, i) => {
      // Everybody comes from somewhere else and never again.
      const from = `203.${random32(random) & 255}.${(i >>> 8) & 255}.${i & 255}`
      return [Buffer.from(`GET /v1/news HTTP/1.1\r\nHost: api.test\r\nX-Forwarded-For: ${from}\r\n\r\n`), OK]
    }, PROXIES),
    LONG_STEP_US,
  ),
  plain(
    'random-paths',
    300_000,
    exchanges((random, i) => {
      const path = `/${hex(random, 1)}/${'abcdefgh'.charAt(i & 7)}${hex(random, 2)}.html`
      return [Buffer.from(`GET ${path} HTTP/1.1\r\nHost: api.test\r\n\r\n`), i & 1 ? MISSING : OK]
    }),
    LONG_STEP_US,
  ),
  plain(
    'giant-tokens',
    15_000,
    exchanges((random) => {
      const part = hex(random, 40)
      const claims = Buffer.from(`{"sub":"${part}","role":["${part.repeat(20)}"]}`).toString('base64url')
      const head = `Authorization: Bearer eyJhbGciOiJub25lIn0.${claims}.${part}\r\nCookie: sid=${part.repeat(40)}\r\n`
      return [Buffer.from(`GET /v1/me HTTP/1.1\r\nHost: api.test\r\n${head}X-Api-Key: ${part.repeat(10)}\r\n\r\n`), OK]
    }),
    LONG_STEP_US,
  ),
  plain(
    'long-paths',
    60_000,
    exchanges((random, i) => {
      // What is kept of a path or an id must not keep all that stood beside it.
      const from = `X-Forwarded-For: 203.${random32(random) & 255}.${(i >>> 8) & 255}.${i & 255}`
      const id = `${hex(random, 1)}-0000-4000-8000-${hex(random, 1)}0000`
      const long = hex(random, 1000)
      const target = i & 1 ? `/${hex(random, 2)}/${long}.php` : `/v1/orders/${id}?q=${long}`
      return [Buffer.from(`GET ${target} HTTP/1.1\r\nHost: api.test\r\n${from}\r\n\r\n`), i & 1 ? MISSING : OK]
    }, PROXIES),
    LONG_STEP_US,
  ),
]
