import { CARD, JWT, KEY, PASSWORD, PLANTED, type Planted, RESET, TOKEN } from '../conformance/planted-secrets.ts'
import { FloodWire, ipv4, Talk } from '../floods/flood-wire.ts'
import type { Canary } from './scan.ts'

/** Those of the traffic. One-time codes are left out here: six digits occur by chance in so much output. */
export const TRAFFIC_CANARIES: readonly Canary[] = [
  { name: 'token', secret: TOKEN },
  { name: 'JWT claims', secret: JWT.split('.')[1]! },
  { name: 'API key', secret: KEY },
  { name: 'password', secret: PASSWORD.slice(0, -1) },
  { name: 'card', secret: CARD },
  { name: 'card with spaces', secret: '4111 1111 1111 1111' },
  { name: 'reset token', secret: RESET },
  { name: 'person', secret: 'canary.person' },
]

type Exchange = Planted[1]

const STEP_US = 20_000
const GUESSES = 15
const MISSES = 40
const WORDS = ['admin', 'backup', 'config', 'debug', 'internal', 'legacy', 'panel', 'secret', 'staging', 'upload']

/**
 * A capture with secrets in every place the conformance tests know, and the attacks that make incidents of requests with
 * secrets in them: passwords guessed at one account, and missing paths asked for with tokens.
 */
export function plantedCapture(): Buffer {
  const wire = new FloodWire(STEP_US, null)
  // A gap or a cut is the parser's business and not the wire's here.
  for (const [at, [, exchange]] of PLANTED.filter(([place]) => place !== 'gap').entries()) talk(wire, at, exchange)
  for (let at = 0; at < GUESSES; at++) {
    talk(wire, 500, {
      method: 'POST',
      target: `/v1/login?api_key=${KEY}`,
      headers: [
        ['Content-Type', 'application/json'],
        ['Cookie', `sid=${TOKEN}`],
      ],
      body: JSON.stringify({ email: 'somebody@shop.test', password: `${PASSWORD}${at}` }),
      status: 401,
      responseHeaders: [['Set-Cookie', `sid=${TOKEN}; Path=/`]],
    })
  }
  for (let at = 0; at < MISSES; at++) {
    // Without a credential: who asks is the address, which has no past here.
    talk(wire, 600, {
      target: `/${WORDS[at % WORDS.length]}/${WORDS[Math.floor(at / WORDS.length)]}/reset/${RESET}?card=${CARD}`,
      status: 404,
      headers: [['X-Debug', KEY]],
    })
  }
  return wire.take()
}

let port = 20_000

function talk(wire: FloodWire, client: number, exchange: Exchange): void {
  const caller = ipv4(0xcb00_7100 + (client % 250) + (client >= 500 ? 0x100_0000 : 0), port++)
  const each = new Talk(wire, caller).open()
  const { method = 'GET', target = '/', headers = [], status = 200, responseHeaders = [] } = exchange
  each.ask(message(`${method} ${target} HTTP/1.1\r\nHost: api.shop.test`, headers, exchange.body))
  each.answer(message(`HTTP/1.1 ${status} Status`, responseHeaders, exchange.responseBody))
  each.close()
}

function message(
  head: string,
  headers: readonly (readonly [string, string])[],
  given: string | Buffer | undefined,
): Buffer {
  const body = Buffer.from(given ?? '')
  const lines = [head, ...headers.map(([name, value]) => `${name}: ${value}`), `Content-Length: ${body.length}`]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
}
