import { createGunzip, type Gunzip } from 'node:zlib'
import { ZstdDecoder } from '../zstd/decoder.ts'
import type { ByteInput } from './byte-input.ts'

/**
 * Inflates as it is asked, so memory stays at two chunks whatever a bomb expands to. Each write is inflated and read out
 * before the next one: zlib throws away output it holds when it meets an error, and everything before a cut must be kept.
 * Corrupt data in the middle costs at most the compressed chunk it stands in.
 */
export class GunzipInput implements ByteInput {
  damage: string | null = null
  readonly #input: ByteInput
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: INFLATED_CHUNK })
  readonly #compressed = Buffer.allocUnsafe(COMPRESSED_CHUNK)
  #rest: Buffer
  #writing = false
  #ending = false
  #over = false
  #wake: (() => void) | null = null

  /** `head`: compressed bytes already taken from `input`; borrowed until the first read has returned. */
  constructor(input: ByteInput, head: Buffer) {
    this.#input = input
    this.#rest = EMPTY
    const wake = () => {
      this.#wake?.()
      this.#wake = null
    }
    this.#gunzip.on('readable', wake)
    this.#gunzip.on('end', () => {
      this.#over = true
      wake()
    })
    this.#gunzip.on('error', (error) => {
      this.#over = true
      this.damage = `the gzip data broke off: ${error.message}`
      wake()
    })
    this.#write(Buffer.from(head))
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    while (this.#rest.length === 0) {
      const chunk: Buffer | null = this.#gunzip.read()
      if (chunk !== null) this.#rest = chunk
      else if (this.#over) return 0
      else if (this.#writing || this.#ending) await this.#woken()
      else await this.#feed()
    }
    const taken = this.#rest.copy(buffer, offset, 0, Math.min(length, this.#rest.length))
    this.#rest = this.#rest.subarray(taken)
    return taken
  }

  async close(): Promise<void> {
    this.#gunzip.destroy()
    await this.#input.close()
  }

  async #feed(): Promise<void> {
    const taken = await this.#input.read(this.#compressed, 0, COMPRESSED_CHUNK)
    if (taken > 0) {
      this.#write(this.#compressed.subarray(0, taken))
      return
    }
    this.#ending = true
    this.#gunzip.end()
  }

  #write(chunk: Buffer): void {
    this.#writing = true
    this.#gunzip.write(chunk, () => {
      this.#writing = false
      this.#wake?.()
      this.#wake = null
    })
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/**
 * Decompresses zstd as it is asked, one block at a time, so memory stays at the window whatever a bomb expands to. What
 * stands before a cut or damage is handed out.
 */
export class ZstdInput implements ByteInput {
  damage: string | null = null
  readonly #input: ByteInput
  readonly #decoder = new ZstdDecoder(MAX_ZSTD_WINDOW)
  readonly #compressed = Buffer.allocUnsafe(COMPRESSED_CHUNK)
  #rest: Uint8Array = EMPTY
  #over = false

  /** `head`: compressed bytes already taken from `input`. */
  constructor(input: ByteInput, head: Buffer) {
    this.#input = input
    this.#decoder.push(head)
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<number> {
    while (this.#rest.length === 0) {
      const block = this.#decoder.next()
      if (block !== null) this.#rest = block
      else if (this.#over || this.#decoder.damage !== null || !(await this.#feed())) return this.#end()
    }
    const taken = Math.min(length, this.#rest.length)
    buffer.set(this.#rest.subarray(0, taken), offset)
    this.#rest = this.#rest.subarray(taken)
    return taken
  }

  close(): Promise<void> {
    return this.#input.close()
  }

  async #feed(): Promise<boolean> {
    const taken = await this.#input.read(this.#compressed, 0, COMPRESSED_CHUNK)
    this.#decoder.push(this.#compressed.subarray(0, taken))
    return taken > 0
  }

  #end(): number {
    this.#over = true
    const { damage, complete } = this.#decoder
    if (damage !== null) this.damage = `the zstd data broke off: ${damage}`
    else if (!complete) this.damage = this.#input.damage ?? 'the zstd data broke off: unexpected end of file'
    return 0
  }
}

const EMPTY = Buffer.alloc(0)
/** What the zstd program itself allows unless told otherwise: --long=27. */
const MAX_ZSTD_WINDOW = 128 * 1024 * 1024
/** Small, since of the write that holds corrupt data zlib hands out nothing at all. */
const COMPRESSED_CHUNK = 16 * 1024
const INFLATED_CHUNK = 256 * 1024
