import { seeded } from '../mutate/mutators.ts'
import { type Played, PlayedConnection } from './played-connection.ts'

/** What one exchange is: decided by the seed before a byte is written. */
interface Exchange {
  readonly method: string
  readonly target: string
  readonly status: number
  readonly requestBody: number
  readonly requestChunked: boolean
  readonly responseBody: number
  readonly framing: 'length' | 'chunked' | 'close'
  readonly extensions: boolean
  readonly trailers: boolean
  /** Of the interim response before the answer. */
  readonly interim: 100 | 103 | null
}

/** Some bodies begin like a message, so that a reader that loses its place says so by what it reports. */
const BAIT = 'GET /bait HTTP/1.1\r\nHost: bait.test\r\n\r\n'

/**
 * Several connections between clients and one server, in one timeline, with every exchange known: seeded, and the same
 * for the same seed. Targets are unique in a capture and body sizes on their connection, so a wrong pair cannot hide.
 */
export function conversations(seed: number): Played {
  const random = seeded(seed)
  const upTo = (most: number) => Math.floor(random() * most)
  const connections = Array.from({ length: 1 + upTo(4) }, (_, index) => {
    const depth = random() < 0.4 ? 2 + upTo(4) : 1
    const exchanges = Array.from({ length: 3 + upTo(10) }, (_each, place) =>
      exchange(random, `/c${index}/m${place}`, place),
    )
    const last = exchanges.length - 1
    if (random() < 0.3 && exchanges[last]!.framing === 'length' && !bodiless(exchanges[last]!)) {
      exchanges[last] = { ...exchanges[last]!, framing: 'close' }
    }
    const mss = [120, 536, 1448][upTo(3)]!
    return play(
      new PlayedConnection(`198.51.100.${20 + index}`, 40_000 + (seed % 20_000) + index, random, mss),
      exchanges,
      depth,
      random,
    )
  })
  return merge(connections)
}

function exchange(random: () => number, target: string, place: number): Exchange {
  const pick = <T>(...all: readonly T[]): T => all[Math.floor(random() * all.length)]!
  const method = pick('GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS')
  const status = pick(200, 200, 200, 201, 204, 304, 404, 500)
  const sends = method === 'POST' || method === 'PUT'
  const chunked = random() < 0.35
  return {
    method,
    target: `${target}?page=${place}`,
    status,
    requestBody: sends ? Math.floor(random() * 900) : 0,
    requestChunked: sends && random() < 0.3,
    responseBody: Math.floor(random() * random() * 4000) * 16 + place,
    framing: chunked ? 'chunked' : 'length',
    extensions: random() < 0.3,
    trailers: random() < 0.4,
    interim: sends && random() < 0.3 ? 100 : random() < 0.08 ? 103 : null,
  }
}

const bodiless = ({ method, status }: Exchange) => method === 'HEAD' || status === 204 || status === 304

/** RFC 9112 section 7.1, in a few chunks. */
function chunkedBody(size: number, { extensions, trailers }: Exchange): string {
  const body = bodyOf(size)
  let text = ''
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, Math.ceil(size / 3))
    text += `${length.toString(16)}${extensions ? ';name="va;lue"' : ''}\r\n${body.slice(at, at + length)}\r\n`
    at += length
  }
  return `${text}0\r\n${trailers ? 'X-Checksum: 1234\r\nX-Other: GET / HTTP/1.1\r\n' : ''}\r\n`
}

function bodyOf(size: number): string {
  return size % 8 === 0 ? (BAIT + 'b'.repeat(size)).slice(0, size) : 'a'.repeat(size)
}

function requestText(one: Exchange): { head: string; body: string } {
  const sends = one.method === 'POST' || one.method === 'PUT'
  const framing = one.requestChunked
    ? 'Transfer-Encoding: chunked\r\n'
    : sends
      ? `Content-Length: ${one.requestBody}\r\n`
      : ''
  const expect = one.interim === 100 ? 'Expect: 100-continue\r\n' : ''
  return {
    head: `${one.method} ${one.target} HTTP/1.1\r\nHost: api.shop.test\r\n${expect}${framing}\r\n`,
    body: one.requestChunked ? chunkedBody(one.requestBody, one) : bodyOf(one.requestBody),
  }
}

function responseText(one: Exchange): { head: string; body: string } {
  const framing =
    one.status === 204
      ? ''
      : one.framing === 'chunked'
        ? 'Transfer-Encoding: chunked\r\n'
        : one.framing === 'close'
          ? 'Connection: close\r\n'
          : `Content-Length: ${one.responseBody}\r\n`
  const body = bodiless(one)
    ? ''
    : one.framing === 'chunked'
      ? chunkedBody(one.responseBody, one)
      : bodyOf(one.responseBody)
  return { head: `HTTP/1.1 ${one.status} Some Reason\r\nServer: made-up\r\n${framing}\r\n`, body }
}

/** Up to `depth` requests go out before the first answer; then all their answers, or one by one. */
function play(wire: PlayedConnection, exchanges: readonly Exchange[], depth: number, random: () => number): Played {
  wire.open()
  let asked = 0
  let answered = 0
  const waited = new Set<number>()
  while (answered < exchanges.length) {
    while (asked < exchanges.length && asked - answered < depth) {
      const one = exchanges[asked]!
      const { head, body } = requestText(one)
      // A client that waits for 100 sends nothing behind its head until then.
      const waits = one.interim === 100 && asked === answered
      wire.request(asked, head, body, () => {
        if (waits) wire.interim('HTTP/1.1 100 Continue\r\n\r\n')
      })
      if (waits) waited.add(asked)
      asked++
    }
    for (const until = random() < 0.5 ? asked : answered + 1; answered < until; answered++) {
      const one = exchanges[answered]!
      if (one.interim === 103) wire.interim('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')
      const { head, body } = responseText(one)
      wire.response(answered, head, body)
      wire.settle({
        method: one.method,
        target: one.target,
        status: one.status,
        requestBody: one.requestBody,
        responseBody: bodiless(one) ? 0 : one.responseBody,
        underWay: asked - answered,
        interim: one.interim === 103 || waited.has(answered),
      })
    }
    wire.pause()
  }
  wire.close()
  return wire.played()
}

function merge(all: readonly Played[]): Played {
  const frames = all.flatMap((one) => one.frames).sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  return { frames, pairs: all.flatMap((one) => one.pairs) }
}
