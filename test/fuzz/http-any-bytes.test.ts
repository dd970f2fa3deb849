import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CloseReason, Direction } from '../../daemon/reassembly/stream.ts'
import { HttpDriver } from './http-flow.ts'

/** Pieces that HTTP traffic is made of, well formed and not: random bytes alone would never leave the start line. */
const FRAGMENTS = [
  'GET / HTTP/1.1\r\n',
  'POST /a?b=c HTTP/1.1\r\n',
  'HEAD /x HTTP/1.0\r\n',
  'CONNECT a.test:443 HTTP/1.1\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'GET /with space HTTP/1.1\r\n',
  'GET / HTTP/9.9\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 204 \r\n',
  'HTTP/1.1 304\r\n',
  'HTTP/1.1 100 Continue\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n',
  'HTTP/1.0 500 Oops\r\n',
  'HTTP/1.',
  'Host: a.test\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 5, 6\r\n',
  'content-length: 20\n',
  'Content-Length: -1\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer-Encoding: gzip\r\n',
  'Connection: close\r\n',
  'X-Fold: a\r\n  b\r\n',
  ' c\r\n',
  'no colon\r\n',
  ': empty\r\n',
  'X: a\rb\r\n',
  'X: \0\r\n',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r',
  '\n',
  '5\r\nhello\r\n',
  '0\r\n\r\n',
  '0\r\nTrailer: x\r\n\r\n',
  '5;ext="v"\r\nhello\r\n',
  'fffffffffffffff\r\n',
  'hello',
  '\x16\x03\x01\x02\x00',
]

const piece = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...FRAGMENTS).map((text) => Buffer.from(text, 'latin1')) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
)
const bytes = fc.array(piece, { minLength: 1, maxLength: 16 }).map((pieces) => Buffer.concat(pieces))

/** One direction's turn: bytes, or a hole. */
const turn = fc.record({
  direction: fc.constantFrom<Direction>(0, 1),
  bytes,
  hole: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 200 }) }),
})
const turns = fc.array(turn, { minLength: 1, maxLength: 10 })
const reason = fc.constantFrom<CloseReason>('fin', 'rst', 'idle', 'evicted', 'end_of_input')
const limits = { maxHeadBytes: 300, maxHeaders: 6, maxFieldBytes: 40, maxPending: 3, maxBodyBytes: 64 }

interface Turn {
  readonly direction: Direction
  readonly bytes: Buffer
  readonly hole: number
}

function run(turns: readonly Turn[], size: () => number, fromStart: boolean, why: CloseReason): HttpDriver {
  return play(new HttpDriver({ fromStart, limits }), turns, size, why)
}

function play(driver: HttpDriver, turns: readonly Turn[], size: () => number, why: CloseReason): HttpDriver {
  for (const { direction, bytes, hole } of turns) {
    if (hole > 0) driver.lose(direction, hole)
    // All pieces acknowledge what was there before the turn, as one large segment would.
    const acked = driver.position[direction === 0 ? 1 : 0]
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, Math.max(1, size()))
      driver.send(direction, bytes.subarray(at, at + length), acked)
      at += length
    }
  }
  if (why === 'fin') {
    driver.end(0)
    driver.end(1)
  }
  return driver.close(why)
}

test('any bytes end in exchanges and named drops that add up, and nothing throws', () => {
  fc.assert(
    fc.property(
      turns,
      fc.boolean(),
      reason,
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
      (all, fromStart, why, sizes) => {
        let next = 0
        const driver = run(all, () => sizes[next++ % sizes.length]!, fromStart, why)
        expect(driver.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
        expect(driver.stage.waiting).toBe(0)
      },
    ),
    { numRuns: 3000 },
  )
})

test('however a whole stream is cut into segments, the same exchanges come out', () => {
  fc.assert(
    fc.property(turns, reason, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (all, why, sizes) => {
      const whole = all.map((one) => ({ ...one, hole: 0 }))
      let next = 0
      const cut = run(whole, () => sizes[next++ % sizes.length]!, true, why)
      const uncut = run(whole, () => Number.MAX_SAFE_INTEGER, true, why)
      const bytewise = run(whole, () => 1, true, why)
      expect(cut.exchanges).toEqual(uncut.exchanges)
      expect(bytewise.exchanges).toEqual(uncut.exchanges)
      expect(bytewise.funnel.totals()).toEqual(uncut.funnel.totals())
    }),
    { numRuns: 1500 },
  )
})

test('a flow is read as in a fresh stage, whatever the one before it was, whose objects it may have', () => {
  const whole = () => Number.MAX_SAFE_INTEGER
  fc.assert(
    fc.property(turns, turns, fc.boolean(), fc.boolean(), reason, reason, (before, all, first, fromStart, how, why) => {
      const fresh = run(all, whole, fromStart, why)
      const again = run(before, whole, first, how)
      again.reopen(fromStart)
      play(again, all, whole, why)
      expect(again.exchanges).toEqual(fresh.exchanges)
      expect(again.unexplained()).toEqual({ bytes: 0, messages: 0, pairs: 0 })
      expect(again.kept.bytes).toBe(0)
    }),
    { numRuns: 3000 },
  )
})
