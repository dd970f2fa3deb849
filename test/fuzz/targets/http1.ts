import { payloadLength, tcpParts } from '../../mutate/tcp-frame.ts'
import { HttpDriver } from '../http-flow.ts'
import { below, havoc, pick } from './bytes.ts'
import { captureFiles } from './frame-list.ts'
import { demand, type FuzzTarget } from './target.ts'

const HEADER = 5
const CLOSES = ['fin', 'rst', 'idle', 'evicted', 'end_of_input'] as const
/** Small, so that limits are met. */
const TIGHT = { maxHeadBytes: 300, maxHeaders: 6, maxFieldBytes: 40, maxPending: 3, maxBodyBytes: 64 }
const WORDS = [
  'GET / HTTP/1.1\r\n',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n',
  'CONNECT a:1 HTTP/1.1\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 99999999999999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Connection: close\r\n',
  ' folded\r\n',
  '\r\n',
  '\n',
  '\r',
  '0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '5;a="\r\n"\r\nhello\r\n',
].map((word) => Buffer.from(word, 'latin1'))

/** One turn of a connection: direction and length of a hole before it in one byte each, then two of length, and bytes. */
interface Turn {
  readonly direction: 0 | 1
  readonly hole: number
  /** Into pieces of so many bytes; 0: in one. */
  readonly cut: number
  readonly bytes: Buffer
}

function write(turns: readonly Turn[]): Buffer {
  return Buffer.concat(
    turns.flatMap(({ direction, hole, cut, bytes }) => {
      const length = Math.min(bytes.length, 0xffff)
      return [Buffer.of(direction, hole, cut, length & 255, length >> 8), bytes.subarray(0, length)]
    }),
  )
}

function read(input: Buffer): Turn[] {
  const turns: Turn[] = []
  for (let at = 0; at + HEADER <= input.length; ) {
    const length = input.readUInt16LE(at + 3)
    turns.push({
      direction: input[at]! & 1 ? 1 : 0,
      hole: input[at + 1]!,
      cut: input[at + 2]!,
      bytes: input.subarray(at + HEADER, at + HEADER + length),
    })
    at += HEADER + length
  }
  return turns
}

/** Messages of both directions, with holes and cuts anywhere: framing, resynchronisation and pairing. */
export const http1: FuzzTarget = {
  name: 'http1',
  corpus: () =>
    captureFiles().flatMap(({ frames }) => {
      const turns = frames.flatMap((frame): Turn[] => {
        const at = tcpParts(frame)
        if (at === null || payloadLength(at) <= 0) return []
        const direction = /:(80|80[0-9][0-9]|3128)$/.test(at.source) ? 1 : 0
        return [{ direction, hole: 0, cut: 0, bytes: frame.bytes.subarray(at.payload, at.end) }]
      })
      return turns.length === 0 ? [] : [write(turns.slice(0, 40))]
    }),
  mutate: (random, corpus) => {
    const turns = read(pick(random, corpus))
    const texts = [...WORDS, ...turns.map(({ bytes }) => bytes)]
    for (let changes = 1 + below(random, 6); changes > 0; changes--) {
      const at = below(random, turns.length)
      const turn = turns[at]!
      const how = below(random, 6)
      if (how === 0) turns[at] = { ...turn, hole: below(random, 256) }
      else if (how === 1) turns[at] = { ...turn, cut: below(random, 40) }
      else if (how === 2) turns.splice(at, 0, { ...turn, bytes: pick(random, texts) })
      else if (how === 3) turns[at] = { ...turn, bytes: spliced(random, turn.bytes, texts) }
      else turns[at] = { ...turn, bytes: havoc(random, turn.bytes, texts, 3) }
    }
    return write(turns)
  },
  run: (input) => {
    const turns = read(input)
    for (const limits of [{}, TIGHT]) {
      const driver = new HttpDriver({ fromStart: (input[input.length - 1]! & 1) === 0, limits })
      for (const { direction, hole, cut, bytes } of turns) {
        if (hole > 0) driver.lose(direction, hole)
        const step = cut === 0 ? Math.max(1, bytes.length) : cut
        for (let at = 0; at < bytes.length; at += step) driver.send(direction, bytes.subarray(at, at + step))
        if ((hole & 128) !== 0) driver.advance(1_000_000)
      }
      driver.close(CLOSES[(input[input.length - 1] ?? 0) % CLOSES.length]!)
      const { bytes, messages, pairs } = driver.unexplained()
      demand(
        bytes === 0 && messages === 0 && pairs === 0,
        `unexplained: ${bytes} bytes, ${messages} messages, ${pairs} pairs`,
      )
      demand(driver.stage.waiting === 0, 'requests wait after the end')
      demand(driver.kept.bytes === 0, `${driver.kept.bytes} bytes are kept after the end`)
    }
  },
}

function spliced(random: () => number, bytes: Buffer, texts: readonly Buffer[]): Buffer {
  // Where lines begin, most of the time: elsewhere words are only text.
  const line = bytes.indexOf('\n', below(random, bytes.length + 1)) + 1
  return Buffer.concat([bytes.subarray(0, line), pick(random, texts), bytes.subarray(line)])
}
