import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloseReason, Direction } from '../../daemon/reassembly/stream.ts'
import { HttpDriver } from './http-flow.ts'

interface Segment {
  readonly direction: Direction
  readonly bytes: Buffer
  readonly position: number
  readonly acked: number
  readonly time: number
}

interface Shape {
  /** Requests the client keeps outstanding: 1 is no pipelining. */
  readonly depth: number
  /** Sends a burst, waits for all its answers, sends the next; otherwise keeps `depth` outstanding all the time. */
  readonly burst: boolean
  readonly messages: readonly Shot[]
}

interface Shot {
  readonly method: string
  readonly requestBody: number
  readonly responseBody: number
  readonly chunked: boolean
  readonly status: number
  readonly interim: boolean
  readonly requestCut: number
  readonly responseCut: number
  readonly serverFirst: boolean
  readonly think: number
}

/** Text that would make a start line if a parser lost its place. */
const BAIT = 'GET /bait HTTP/1.1\r\nHost: bait.test\r\n\r\nHTTP/1.1 200 OK\r\nX-Tag: bait\r\nContent-Length: 0\r\n\r\n'

function requestBytes(tag: number, shot: Shot): Buffer {
  const withBody = shot.method === 'POST'
  const length = withBody ? `Content-Length: ${shot.requestBody}\r\n` : ''
  const body = withBody ? BAIT.repeat(20).slice(0, shot.requestBody) : ''
  return Buffer.from(`${shot.method} /r/${tag} HTTP/1.1\r\nHost: api.test\r\n${length}\r\n${body}`)
}

function responseBytes(tag: number, shot: Shot): Buffer {
  const bodiless = shot.method === 'HEAD' || shot.status === 304
  const body = BAIT.repeat(20).slice(0, shot.responseBody)
  const interim = shot.interim ? 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' : ''
  const head = `${interim}HTTP/1.1 ${shot.status} OK\r\nX-Tag: ${tag}\r\n`
  if (shot.chunked) {
    const chunk = body === '' ? '' : `${body.length.toString(16)};a=b\r\n${body}\r\n`
    return Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${bodiless ? '' : `${chunk}0\r\nX-T: 1\r\n\r\n`}`)
  }
  return Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${bodiless ? '' : body}`)
}

/** Plays both ends of a connection; the acknowledgements are those two real stacks would send. */
function play(shape: Shape): Segment[] {
  const segments: Segment[] = []
  const sent: [number, number] = [0, 0]
  let time = 1_000_000
  const emit = (direction: Direction, bytes: Buffer, cut: number) => {
    const parts = cut > 0 && cut < bytes.length ? [bytes.subarray(0, cut), bytes.subarray(cut)] : [bytes]
    for (const part of parts) {
      const other = direction === 0 ? 1 : 0
      segments.push({ direction, bytes: part, position: sent[direction], acked: sent[other], time })
      sent[direction] += part.length
      time += 10
    }
  }
  let asked = 0
  let answered = 0
  while (answered < shape.messages.length) {
    const outstanding = asked - answered
    const room = shape.burst ? outstanding === 0 : outstanding < shape.depth
    if (asked < shape.messages.length && (outstanding === 0 || (room && !shape.messages[asked]!.serverFirst))) {
      const count = shape.burst ? shape.depth : 1
      for (let i = 0; i < count && asked < shape.messages.length; i++) {
        const shot = shape.messages[asked]!
        // A server with work to do does not let seconds pass.
        time += outstanding === 0 ? shot.think : Math.min(shot.think, 500)
        emit(0, requestBytes(asked, shot), shot.requestCut)
        asked++
      }
    } else {
      emit(1, responseBytes(answered, shape.messages[answered]!), shape.messages[answered]!.responseCut)
      answered++
    }
  }
  return segments
}

const shot: fc.Arbitrary<Shot> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
  requestBody: fc.integer({ min: 0, max: 600 }),
  responseBody: fc.integer({ min: 0, max: 600 }),
  chunked: fc.boolean(),
  status: fc.constantFrom(200, 200, 404, 304),
  interim: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  requestCut: fc.constantFrom(0, 0, 5, 30, 60, 100),
  responseCut: fc.constantFrom(0, 0, 5, 20, 60, 100, 300),
  serverFirst: fc.boolean(),
  think: fc.constantFrom(0, 50, 500, 3_000_000),
})

const shape: fc.Arbitrary<Shape> = fc.record({
  depth: fc.constantFrom(1, 1, 2, 3),
  burst: fc.boolean(),
  messages: fc.array(shot, { minLength: 1, maxLength: 24 }),
})

/** How a capture differs from the wire. */
interface Loss {
  readonly mask: readonly boolean[]
  /** Only every so many segments can be lost. */
  readonly rarity: number
  /** How many later segments pass by before reassembly gives up waiting for a hole. */
  readonly patience: number
  /** The capture begins at this segment. */
  readonly late: number
}

const WHOLE: Loss = { mask: [false], rarity: 1, patience: 0, late: 0 }

/** Delivers what was captured as reassembly would: what follows a hole in its direction is held until it gives up. */
function capture(segments: readonly Segment[], loss: Loss, driver: HttpDriver, tail: boolean): void {
  const held: [Segment[], Segment[]] = [[], []]
  const since: [number, number] = [0, 0]
  const deliver = (segment: Segment): void => {
    const missing = segment.position - driver.position[segment.direction]
    if (missing > 0) driver.lose(segment.direction, missing)
    driver.send(segment.direction, segment.bytes, segment.acked)
  }
  const flush = (direction: Direction): void => {
    for (const segment of held[direction].splice(0)) deliver(segment)
  }
  const seen = segments.slice(loss.late)
  const first = [0, 1].map((direction) => {
    const segment = seen.find((one) => one.direction === direction)
    return loss.late === 0 ? 0 : (segment?.position ?? seen.find((one) => one.direction !== direction)?.acked ?? 0)
  })
  const shift = (segment: Segment): Segment => ({
    ...segment,
    position: segment.position - first[segment.direction]!,
    acked: Math.max(0, segment.acked - first[1 - segment.direction]!),
  })
  seen.map(shift).forEach((segment, index) => {
    driver.now = Math.max(driver.now, segment.time)
    for (const direction of [0, 1] as const) {
      if (held[direction].length > 0 && ++since[direction] > loss.patience) flush(direction)
    }
    if (index % loss.rarity === 0 && loss.mask[index % loss.mask.length]!) return
    const waiting = held[segment.direction]
    if (waiting.length > 0 || (segment.position > driver.position[segment.direction] && loss.patience > 0)) {
      if (waiting.length === 0) since[segment.direction] = 0
      waiting.push(segment)
    } else deliver(segment)
  })
  flush(0)
  flush(1)
  if (!tail) return
  // What is missing at the end shows by the acknowledgement, or by the FIN, that follows.
  for (const direction of [0, 1] as const) {
    const last = seen.findLast((segment) => segment.direction === direction)
    const end = last === undefined ? 0 : shift(last).position + last.bytes.length
    if (end > driver.position[direction]) driver.lose(direction, end - driver.position[direction])
  }
}

function wrongPairs(driver: HttpDriver): string[] {
  const wrong: string[] = []
  for (const { request, response } of driver.exchanges) {
    if (request === null || response === null) continue
    const tag = response.headers.find(([name]) => name === 'X-Tag')?.[1]
    if (request.target !== `/r/${tag}`) wrong.push(`${request.target} with ${tag}`)
  }
  return wrong
}

const reason = fc.constantFrom('fin', 'rst', 'idle', 'end_of_input') as fc.Arbitrary<
  'fin' | 'rst' | 'idle' | 'end_of_input'
>

test('a conversation that was captured whole gives every pair, each exact', () => {
  fc.assert(
    fc.property(shape, reason, (conversation, why) => {
      const driver = new HttpDriver()
      capture(play(conversation), WHOLE, driver, true)
      driver.close(why)
      expect(driver.exchanges.map(({ pairing }) => pairing)).toEqual(conversation.messages.map(() => 'exact'))
      expect(wrongPairs(driver)).toEqual([])
      expect(driver.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
    }),
    { numRuns: 400 },
  )
})

const loss: fc.Arbitrary<Loss> = fc.record({
  mask: fc.array(fc.boolean(), { minLength: 1, maxLength: 48 }),
  rarity: fc.integer({ min: 1, max: 4 }),
  patience: fc.constantFrom(0, 0, 1, 3, 8),
  late: fc.constantFrom(0, 0, 0, 1, 2, 5),
})

test('whatever segments are lost, no request is paired with the answer to another', () => {
  fc.assert(
    fc.property(shape, loss, reason, (conversation, lost, why) => {
      const driver = new HttpDriver({ fromStart: lost.late === 0 })
      capture(play(conversation), lost, driver, why === 'fin' || why === 'idle')
      driver.close(why)
      expect(wrongPairs(driver)).toEqual([])
      expect(driver.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
    }),
    { numRuns: 4000 },
  )
})

test('one lost segment of a client that does not pipeline costs at most the messages around it', () => {
  fc.assert(
    fc.property(
      fc.array(shot, { minLength: 3, maxLength: 12 }),
      fc.nat(),
      fc.constantFrom(0, 3),
      (shots, which, patience) => {
        // Neither HEAD, whose answer cannot always be told from one with a body, nor bodies that imitate messages.
        const messages = shots.map((one) => ({ ...one, method: 'GET', responseBody: 0 }))
        const segments = play({ depth: 1, burst: false, messages })
        const at = which % segments.length
        const driver = new HttpDriver()
        const mask = segments.map((_, index) => index === at)
        capture(segments, { mask, rarity: 1, patience, late: 0 }, driver, true)
        driver.close('fin')
        const pairs = driver.exchanges.filter(({ request, response }) => request !== null && response !== null)
        expect(wrongPairs(driver)).toEqual([])
        expect(pairs.length).toBeGreaterThanOrEqual(messages.length - 2)
      },
    ),
    { numRuns: 500 },
  )
})

test('a lossy conversation is read as in a fresh stage, whatever the one before it was, whose objects it may have', () => {
  const read = (driver: HttpDriver, conversation: Shape, lost: Loss, why: CloseReason) => {
    capture(play(conversation), lost, driver, why === 'fin' || why === 'idle')
    return driver.close(why)
  }
  fc.assert(
    fc.property(shape, loss, reason, shape, loss, reason, (before, first, how, conversation, lost, why) => {
      const fromStart = lost.late === 0
      const fresh = read(new HttpDriver({ fromStart }), conversation, lost, why)
      const again = read(new HttpDriver({ fromStart: first.late === 0 }), before, first, how)
      again.reopen(fromStart)
      expect(read(again, conversation, lost, why).exchanges).toEqual(fresh.exchanges)
    }),
    { numRuns: 1500 },
  )
})
