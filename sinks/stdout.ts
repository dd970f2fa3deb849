import type { Writable } from 'node:stream'
import { escapeJson } from './escape.ts'

/** Lines are handed on in pieces of about this many characters. */
const BUFFER_CHARACTERS = 64 * 1024

export interface LineWriterOptions {
  /** Whether a person looks at it: then JSON text is escaped so that it cannot act on the terminal. */
  readonly terminal: boolean
  /** The reader is gone (`| head`) or the disk is full: nothing more will be written. Called once. */
  readonly onClosed: () => void
}

/**
 * JSON Lines to standard output. Buffers, so that a million lines are not a million writes, and passes back-pressure on:
 * a promise means wait. A reader that goes away is an ordinary end; what is written after it is dropped. Whether an error of
 * the stream is a failure is for its owner to say, who listens to it too.
 */
export class LineWriter {
  readonly #stream: Writable
  readonly terminal: boolean
  #text = ''
  #closed = false
  #draining: Promise<void> | null = null

  constructor(stream: Writable, options: LineWriterOptions) {
    this.#stream = stream
    this.terminal = options.terminal
    stream.on('error', () => {
      if (this.#closed) return
      this.#closed = true
      this.#text = ''
      options.onClosed()
    })
  }

  /** Whether the reader is gone. */
  get closed(): boolean {
    return this.#closed
  }

  /** One line, without its newline. */
  write(line: string): void | Promise<void> {
    if (this.#closed) return
    this.#text += `${this.terminal ? escapeJson(line) : line}\n`
    if (this.#text.length >= BUFFER_CHARACTERS) return this.flush()
  }

  /** Whole lines as UTF-8, handed on as they are; `done` when the bytes are no longer needed. Not for terminals. */
  writeBytes(bytes: Buffer, done: () => void): void | Promise<void> {
    void this.flush()
    if (this.#closed) return done()
    if (!this.#stream.write(bytes, done)) return this.#untilDrained()
  }

  /** Hands on what is buffered. Resolves when the stream can take more. */
  flush(): void | Promise<void> {
    if (this.#closed || this.#text === '') return
    const text = this.#text
    this.#text = ''
    if (!this.#stream.write(text)) return this.#untilDrained()
  }

  #untilDrained(): Promise<void> {
    // A batch writes many lines before anyone can wait: they share one promise, and one set of listeners.
    this.#draining ??= this.#drained().finally(() => {
      this.#draining = null
    })
    return this.#draining
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.off('drain', done)
        this.#stream.off('close', done)
        this.#stream.off('error', done)
        resolve()
      }
      this.#stream.once('drain', done)
      this.#stream.once('close', done)
      this.#stream.once('error', done)
    })
  }
}
