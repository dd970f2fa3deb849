import { endianness } from 'node:os'

/** Writes bytes[from, to) and returns how many went out. */
export type WriteBytes = (bytes: Buffer, from: number, to: number) => number

/**
 * Gathers packets in a slab and writes it out as a pcap file in this machine's byte order: the 16 bytes the binding
 * fills for each packet are a record header as they stand. Knows nothing of the binding, so it can be tested alone.
 */
export class CaptureWriter {
  /** The binding's two buffers, the same for every packet: what they hold is copied at once. */
  readonly packet: Buffer
  readonly header = Buffer.alloc(RECORD_HEADER)
  /** Called about once a second of packet time: no timer runs while dispatch does not return. */
  onSecond: () => void = () => undefined
  readonly #snapLength: number
  readonly #write: WriteBytes
  readonly #slab: Buffer
  readonly #fields: Uint32Array
  #used = 0
  #delivered = 0
  #cut = 0
  #flushedSecond = -1
  #flushedMicros = 0
  #reportedSecond = -1

  constructor(snapLength: number, write: WriteBytes) {
    this.#snapLength = snapLength
    this.#write = write
    this.packet = Buffer.alloc(snapLength)
    this.#slab = Buffer.allocUnsafe(SLAB_BYTES + RECORD_HEADER + snapLength)
    this.#fields = new Uint32Array(this.header.buffer, this.header.byteOffset, 4)
  }

  /** The file header, at once: a reader may be waiting to learn what this is. */
  begin(linkType: number): void {
    const bytes = Buffer.alloc(24)
    const little = endianness() === 'LE'
    const put = (value: number, at: number) =>
      little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at)
    put(0xa1b2c3d4, 0)
    if (little) bytes.writeUInt32LE((4 << 16) | 2, 4)
    else bytes.writeUInt32BE((2 << 16) | 4, 4)
    put(this.#snapLength, 16)
    put(linkType, 20)
    this.#writeAll(bytes, bytes.length)
  }

  /** Takes the packet that now stands in `packet` and `header`. */
  take(): void {
    const fields = this.#fields
    const seconds = fields[0]!
    const micros = fields[1]!
    const captured = fields[2]!
    this.header.copy(this.#slab, this.#used)
    this.packet.copy(this.#slab, this.#used + RECORD_HEADER, 0, captured)
    this.#used += RECORD_HEADER + captured
    this.#delivered++
    if (captured < fields[3]!) this.#cut++
    const waited = (seconds - this.#flushedSecond) * 1_000_000 + micros - this.#flushedMicros
    if (this.#used >= SLAB_BYTES || waited > MAX_WAIT_US || waited < 0) {
      this.#flushedSecond = seconds
      this.#flushedMicros = micros
      this.flush()
      if (seconds !== this.#reportedSecond) {
        this.#reportedSecond = seconds
        this.onSecond()
      }
    }
  }

  flush(): void {
    this.#writeAll(this.#slab, this.#used)
    this.#used = 0
  }

  takeCounts(): { delivered: number; cut: number } {
    const counts = { delivered: this.#delivered, cut: this.#cut }
    this.#delivered = 0
    this.#cut = 0
    return counts
  }

  #writeAll(bytes: Buffer, end: number): void {
    for (let at = 0; at < end; ) {
      try {
        at += this.#write(bytes, at, end)
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : ''
        // The reader has gone: nothing is left to do, and nobody to tell.
        if (code === 'EPIPE') process.exit(0)
        if (code !== 'EAGAIN') throw error
        Atomics.wait(NEVER, 0, 0, 1)
      }
    }
  }
}

const RECORD_HEADER = 16
const SLAB_BYTES = 256 * 1024
/** How long a packet may wait in the slab while dispatch goes on. */
const MAX_WAIT_US = 20_000
/** Waiting on it just lets time pass: a synchronous sleep. */
const NEVER = new Int32Array(new SharedArrayBuffer(4))
