import { setTimeout } from 'node:timers/promises'
import { sealedParts } from '../durable/sealed-lines.ts'
import type { LearningPart } from '../model/learning.ts'
import type { LearningChunk } from './engine-protocol.ts'
import { type Covers, learningLines } from './learning-file.ts'
import { SnapshotSender } from './snapshot-sender.ts'

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

/** Hands control what is learnt, every so many seconds and at the end. */
export class LearningFeed {
  readonly #options: LearningFeedOptions
  readonly #sender: SnapshotSender<LearningChunk>

  constructor(options: LearningFeedOptions) {
    this.#options = options
    this.#sender = new SnapshotSender({
      everyBeats: options.everySeconds,
      parts: () => this.#chunks(),
      send: (chunk) => options.send(chunk),
      pause: () => setTimeout(PAUSE_MS),
      failed: (error) => options.failed(error),
    })
  }

  /** Every second. */
  beat(): void {
    this.#sender.beat()
  }

  finish(): void {
    this.#sender.finish()
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
}
