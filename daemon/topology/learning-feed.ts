import { setTimeout } from 'node:timers/promises'
import { sealedParts } from '../durable/sealed-lines.ts'
import type { LearningPart } from '../model/learning.ts'
import type { LearningChunk } from './engine-protocol.ts'
import { type Covers, learningLines } from './learning-file.ts'

/** Characters of a part: made in a few milliseconds, between which traffic is read and control packs it. */
const PART = 128 * 1024
const PAUSE_MS = 2

export interface LearningFeedOptions {
  /** Of now: what failed is left out. */
  parts(): readonly LearningPart[]
  readonly keyId: string
  readonly everySeconds: number
  covers(): Covers
  send(chunk: LearningChunk): void
  /** It threw and is switched off: a bug, to be told loudly. */
  failed(error: unknown): void
}

/** The engine's end of snapshots: hands control what is learnt every so many seconds and at the end, in parts. */
export class LearningFeed {
  readonly #options: LearningFeedOptions
  #beats = 0
  #on = true
  #sending = false
  #ended = false

  constructor(options: LearningFeedOptions) {
    this.#options = options
  }

  /** Every second. */
  beat(): void {
    if (++this.#beats < this.#options.everySeconds || this.#sending || !this.#on) return
    this.#beats = 0
    this.#sending = true
    this.#send()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#sending = false
      })
  }

  /** The last snapshot, at once; one that is under way is given up. */
  finish(): void {
    this.#ended = true
    if (!this.#on) return
    try {
      for (const chunk of this.#chunks()) this.#options.send(chunk)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #send(): Promise<void> {
    for (const chunk of this.#chunks()) {
      if (this.#ended) return
      this.#options.send(chunk)
      await setTimeout(PAUSE_MS)
    }
  }

  *#chunks(): Generator<LearningChunk> {
    const { parts, keyId, covers } = this.#options
    let before: string | null = null
    let first = true
    for (const text of sealedParts(learningLines(parts(), keyId, covers), PART)) {
      if (before !== null) {
        yield { kind: 'learning', text: before, first, last: false }
        first = false
      }
      before = text
    }
    yield { kind: 'learning', text: before ?? '', first, last: true }
  }

  #fail(error: unknown): void {
    if (!this.#on) return
    this.#on = false
    this.#options.failed(error)
  }
}
