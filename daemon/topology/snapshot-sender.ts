export interface SnapshotSenderOptions<Part> {
  /** Beats, of a second each, from one snapshot to the next. */
  readonly everyBeats: number
  /** Beats to the first one; default: the same. */
  readonly firstBeat?: number
  /** A snapshot, made part by part as they are asked for. */
  parts(): Iterable<Part>
  send(part: Part): void
  /** Lets other work go on between two parts. */
  pause(): Promise<unknown>
  /** It threw and is switched off: a bug, to be told loudly. */
  failed(error: unknown): void
}

/** The engine's end of a snapshot: hands it to control every so many beats and at the end, in parts, one snapshot at a time. */
export class SnapshotSender<Part> {
  readonly #options: SnapshotSenderOptions<Part>
  #beats: number
  #on = true
  #sending = false
  #ended = false

  constructor(options: SnapshotSenderOptions<Part>) {
    this.#options = options
    this.#beats = options.everyBeats - (options.firstBeat ?? options.everyBeats)
  }

  /** Whether it goes on: it has not failed. */
  get on(): boolean {
    return this.#on
  }

  /** Every second. */
  beat(): void {
    if (++this.#beats < this.#options.everyBeats || this.#sending || !this.#on) return
    this.#beats = 0
    this.#sending = true
    this.#send()
      .catch((error: unknown) => this.fail(error))
      .finally(() => {
        this.#sending = false
      })
  }

  /** The last snapshot, at once; one that is under way is given up. */
  finish(): void {
    this.#ended = true
    if (!this.#on) return
    try {
      for (const part of this.#options.parts()) this.#options.send(part)
    } catch (error) {
      this.fail(error)
    }
  }

  /** No more of it; told once. */
  fail(error: unknown): void {
    if (!this.#on) return
    this.#on = false
    this.#options.failed(error)
  }

  async #send(): Promise<void> {
    for (const part of this.#options.parts()) {
      if (this.#ended) return
      this.#options.send(part)
      await this.#options.pause()
    }
  }
}
