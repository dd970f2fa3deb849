import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'

/** Bytes in order, pulled: from a file, a pipe, or out of gzip or zstd. */
export interface ByteInput {
  /** Reads between 1 and `length` bytes into `buffer` at `offset`; 0 only at the end of input. */
  read(buffer: Buffer, offset: number, length: number): Promise<number>
  /** Why the input ended early, if it did: the bytes before are good. */
  readonly damage: string | null
  close(): Promise<void>
}

export class FileInput implements ByteInput {
  readonly damage = null
  readonly #file: FileHandle

  constructor(file: FileHandle) {
    this.#file = file
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    return (await this.#file.read(buffer, offset, length, null)).bytesRead
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** A stream that fails midway has ended early: what it delivered stands, and `damage` says why. */
export class StreamInput implements ByteInput {
  damage: string | null = null
  readonly #stream: Readable
  readonly #chunks: AsyncIterator<unknown>
  #rest: Buffer = EMPTY

  constructor(stream: Readable) {
    this.#stream = stream
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    while (this.#rest.length === 0) {
      try {
        const next = await this.#chunks.next()
        if (next.done === true) return 0
        this.#rest = Buffer.isBuffer(next.value) ? next.value : Buffer.from(String(next.value))
      } catch (error) {
        this.damage = brokenOff(error)
        return 0
      }
    }
    const taken = this.#rest.copy(buffer, offset, 0, Math.min(length, this.#rest.length))
    this.#rest = this.#rest.subarray(taken)
    return taken
  }

  async close(): Promise<void> {
    this.#stream.destroy()
  }
}

const EMPTY = Buffer.alloc(0)

/** `damage` of an input that ended for this reason. */
export function brokenOff(reason: unknown): string {
  return `the input broke off: ${reason instanceof Error ? reason.message : String(reason)}`
}
