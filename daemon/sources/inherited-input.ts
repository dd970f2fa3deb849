import { createReadStream, fstatSync } from 'node:fs'
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net'
import { type ByteInput, brokenOff, StreamInput } from './byte-input.ts'

export const STDIN = 0

/** As much as a pipe gives at once. */
const PIPE_BYTES = 64 * 1024

/**
 * An inherited descriptor, which is waited for no longer when `stop` fires. A pipe is read as a socket: a file read of
 * a silent pipe occupies a thread and cannot be given up, and one of a non-blocking pipe fails with EAGAIN.
 */
export function inheritedInput(descriptor: number, stop: AbortSignal): ByteInput {
  const kind = fstatSync(descriptor)
  const isPipe = kind.isFIFO() || kind.isSocket()
  const input = isPipe ? new PipeInput(descriptor) : new StreamInput(createReadStream('', { fd: descriptor }))
  stop.addEventListener('abort', () => void input.close(), { once: true })
  return input
}

/**
 * A pipe read into one buffer again and again. A stream makes a new one for each piece, and those lie outside of the heap until the
 * collector looks, for which a flood that makes little else gives no reason: 14 MB of them (docs/limits.md).
 */
class PipeInput implements ByteInput {
  damage: string | null = null
  readonly #buffer = Buffer.allocUnsafeSlow(PIPE_BYTES)
  readonly #socket: Socket
  #start = 0
  #end = 0
  #hasEnded = false
  #wake: (() => void) | null = null

  constructor(descriptor: number) {
    const callback = (count: number): boolean => {
      this.#start = 0
      this.#end = count
      this.#wake?.()
      // It pauses until what is in the buffer was taken.
      return false
    }
    const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread: { buffer: this.#buffer, callback },
    }
    const socket = new Socket(options)
    socket.on('end', () => this.#ended(null))
    socket.on('error', (error) => this.#ended(brokenOff(error)))
    socket.on('close', () => this.#ended(brokenOff('it was closed')))
    this.#socket = socket
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    while (this.#start === this.#end) {
      if (this.#hasEnded) return 0
      await new Promise<void>((wake) => {
        this.#wake = wake
        this.#socket.resume()
      })
    }
    const taken = this.#buffer.copy(buffer, offset, this.#start, Math.min(this.#end, this.#start + length))
    this.#start += taken
    return taken
  }

  async close(): Promise<void> {
    this.#socket.destroy()
  }

  /** The first reason counts. */
  #ended(damage: string | null): void {
    if (!this.#hasEnded) this.damage = damage
    this.#hasEnded = true
    this.#wake?.()
  }
}
