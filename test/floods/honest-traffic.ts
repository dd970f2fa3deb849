import { type FloodWire, ipv4, Talk } from './flood-wire.ts'

/**
 * Honest callers that go on while a flood rages: one keeps its connection for the whole time, the others come and go.
 * Each `step` writes one frame, so that the flood stands between any two of them.
 */
export class HonestTraffic {
  readonly #wire: FloodWire
  readonly #steady: Talk
  #visitor: Talk
  #queue: (() => void)[] = []
  /** Requests whose answers were written too. */
  pairs = 0

  constructor(wire: FloodWire) {
    this.#wire = wire
    this.#steady = new Talk(wire, ipv4(0xc633_6401, 40_000)).open()
    this.#visitor = new Talk(wire, ipv4(0xc633_6402, 40_001))
  }

  step(): void {
    if (this.#queue.length === 0) this.#script()
    this.#queue.shift()!()
  }

  /** Ends in order, so that every answer is written. */
  finish(): void {
    while (this.#queue.length > 0) this.#queue.shift()!()
    this.#steady.close()
  }

  #script(): void {
    const number = this.pairs / 2
    const visitor = new Talk(this.#wire, ipv4(0xc633_6402, 1024 + (number % 60_000)))
    this.#visitor = visitor
    const ask = (talk: Talk, who: string) => {
      const request = Buffer.from(`GET /${who}/${number} HTTP/1.1\r\nHost: honest.test\r\n\r\n`)
      const answer = Buffer.from(`HTTP/1.1 200 OK\r\nX-Answer: ${who}/${number}\r\nContent-Length: 5\r\n\r\nhello`)
      const half = answer.length >> 1
      return [
        () => talk.ask(request),
        () => talk.answer(answer.subarray(0, half)),
        () => {
          talk.answer(answer.subarray(half))
          this.pairs++
        },
      ]
    }
    this.#queue = [
      () => void this.#visitor.open(),
      ...ask(visitor, 'visitor'),
      () => visitor.close(),
      ...ask(this.#steady, 'steady'),
    ]
  }
}
