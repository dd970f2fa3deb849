import { gzipSync } from 'node:zlib'

/**
 * The messages of the bench capture: a REST mix over 40 endpoints, half of the requests for lists of which 6 % are of
 * about 20 KB, 14 % of responses gzipped, 15 % chunked. All from one seed; secrets and people are made up.
 */
export interface Exchange {
  readonly request: Buffer
  readonly response: Buffer
  readonly status: number
}

const RESOURCES = ['orders', 'customers', 'products', 'carts', 'invoices', 'shipments', 'reviews', 'coupons']
const AGENTS = [
  'shop-app/4.2.1 (iPhone; iOS 19.1; Scale/3.00)',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'okhttp/5.1.0',
  'partner-sync/2.0 (+https://partner.example)',
]
const LARGE_LIST_BYTES = 20_000
const POOL = 64

export class Traffic {
  readonly #random: () => number
  readonly #tokens = new Map<number, string>()
  readonly #bodies: { readonly item: Pool; readonly list: Pool; readonly large: Pool }

  constructor(random: () => number) {
    this.#random = random
    this.#bodies = {
      item: this.#pool(() => this.#item()),
      list: this.#pool(() => this.#list(2 + Math.floor(random() * 4))),
      large: this.#pool(() => this.#list(Math.round(LARGE_LIST_BYTES / 190))),
    }
  }

  next(client: number): Exchange {
    const random = this.#random
    const resource = RESOURCES[Math.floor(random() * RESOURCES.length)]!
    const roll = random()
    const id = 1000 + Math.floor(random() * 50_000)
    if (roll < 0.5)
      return this.#exchange('GET', `/v1/${resource}?page=${1 + Math.floor(random() * 9)}&limit=20`, client, 'list')
    if (roll < 0.75) return this.#exchange('GET', `/v1/${resource}/${id}`, client, 'item')
    if (roll < 0.87) return this.#exchange('POST', `/v1/${resource}`, client, 'created')
    if (roll < 0.95) return this.#exchange('PUT', `/v1/${resource}/${id}`, client, 'item')
    return this.#exchange('DELETE', `/v1/${resource}/${id}`, client, 'none')
  }

  #exchange(method: string, target: string, client: number, kind: 'list' | 'item' | 'created' | 'none'): Exchange {
    const random = this.#random
    const body = method === 'POST' || method === 'PUT' ? this.#item() : ''
    const token = this.#tokenOf(client)
    const request =
      `${method} ${target} HTTP/1.1\r\nHost: api.shop.test\r\nUser-Agent: ${AGENTS[client % AGENTS.length]}\r\n` +
      `Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer ${token}\r\n` +
      `Accept-Language: en-GB,en;q=0.8\r\nX-Tenant: t-7\r\nCookie: theme=dark; region=eu-1\r\nX-Request-Id: ${hex(random, 32)}\r\nConnection: keep-alive\r\n` +
      (body === '' ? '\r\n' : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const failed = random()
    const status =
      failed < 0.03
        ? 404
        : failed < 0.04
          ? 401
          : failed < 0.045
            ? 500
            : kind === 'created'
              ? 201
              : kind === 'none'
                ? 204
                : 200
    return { request: Buffer.from(request), response: this.#response(status, kind), status }
  }

  #response(status: number, kind: 'list' | 'item' | 'created' | 'none'): Buffer {
    const random = this.#random
    const head =
      `HTTP/1.1 ${status} ${REASON[status]}\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 20:00:00 GMT\r\n` +
      `X-Request-Id: ${hex(random, 32)}\r\nCache-Control: no-store\r\nStrict-Transport-Security: max-age=31536000\r\nX-Frame-Options: DENY\r\nConnection: keep-alive\r\n`
    if (status === 204) return Buffer.from(`${head}\r\n`)
    if (status >= 400) {
      const error = `{"error":{"status":${status},"message":"${REASON[status]}"}}`
      return Buffer.from(`${head}Content-Type: application/json\r\nContent-Length: ${error.length}\r\n\r\n${error}`)
    }
    const pool = kind === 'list' ? (random() < 0.06 ? this.#bodies.large : this.#bodies.list) : this.#bodies.item
    const at = Math.floor(random() * POOL)
    const zipped = random() < 0.14
    const body = (zipped ? pool.zipped : pool.plain)[at]!
    const type = `Content-Type: application/json\r\n${zipped ? 'Content-Encoding: gzip\r\n' : ''}`
    if (random() >= 0.15)
      return Buffer.concat([Buffer.from(`${head}${type}Content-Length: ${body.length}\r\n\r\n`), body])
    const parts: Buffer[] = [Buffer.from(`${head}${type}Transfer-Encoding: chunked\r\n\r\n`)]
    for (let from = 0; from < body.length; from += 4096) {
      const chunk = body.subarray(from, from + 4096)
      parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
  }

  /** Each client keeps its token for the length of the capture. */
  #tokenOf(client: number): string {
    const random = this.#random
    let token = this.#tokens.get(client)
    if (token === undefined) {
      token = `${hex(random, 20)}.${hex(random, 60)}.${hex(random, 43)}`
      this.#tokens.set(client, token)
    }
    return token
  }

  #item(): string {
    const random = this.#random
    return JSON.stringify({
      id: 1000 + Math.floor(random() * 50_000),
      customer: `c-${hex(random, 12)}`,
      state: random() < 0.5 ? 'open' : 'shipped',
      total: Math.floor(random() * 100_000) / 100,
      currency: 'EUR',
      created: '2026-11-21T19:00:00Z',
      note: hex(random, 40),
    })
  }

  #list(count: number): string {
    return `{"items":[${Array.from({ length: count }, () => this.#item()).join(',')}],"total":${count},"page":1}`
  }

  #pool(make: () => string): Pool {
    const plain = Array.from({ length: POOL }, () => Buffer.from(make()))
    return { plain, zipped: plain.map((body) => gzipSync(body)) }
  }
}

interface Pool {
  readonly plain: readonly Buffer[]
  readonly zipped: readonly Buffer[]
}

const REASON: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  401: 'Unauthorized',
  404: 'Not Found',
  500: 'Internal Server Error',
}

function hex(random: () => number, length: number): string {
  let text = ''
  while (text.length < length)
    text += Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  return text.slice(0, length)
}
