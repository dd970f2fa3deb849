import { constants } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32c } from './crc32c.ts'

/**
 * A small map of JSON values that survives kill -9 and power loss: each change is a line appended to one file and
 * fdatasynced before its promise resolves; changes made while a sync runs share the next one. A line is
 * `CRC32C-in-hex JSON`, so a torn tail is told and cut off. The file is rewritten when most of it is history.
 *
 * Made for the thousands of entries that control keeps (actions, deliveries, open incidents), not for traffic.
 */
export class DurableMap<Value> {
  readonly #path: string
  readonly #values: Map<string, Value>
  /** Bytes of the newest line of each key: what is no history. */
  readonly #sizes: Map<string, number>
  #liveBytes: number
  #file: FileHandle
  #bytes: number
  #waiting: Buffer[] = []
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  #closed = false
  /** Lines at the end of the file that could not be read when it was opened, and were cut off. */
  readonly tornLines: number

  private constructor(path: string, loaded: Loaded<Value>, file: FileHandle) {
    this.#path = path
    this.#values = loaded.values
    this.#sizes = loaded.sizes
    this.#liveBytes = [...loaded.sizes.values()].reduce((sum, size) => sum + size, 0)
    this.#bytes = loaded.bytes
    this.#file = file
    this.tornLines = loaded.tornLines
  }

  /** Opens or makes the file (mode 0600). One process at a time: the caller holds the folder's lock. */
  static async open<Value>(path: string): Promise<DurableMap<Value>> {
    const loaded = parse<Value>(await readFile(path).catch(orNothing))
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    await file.truncate(loaded.bytes)
    await file.datasync()
    await syncFolder(path)
    return new DurableMap(path, loaded, file)
  }

  /** What a file says, for a reader beside the process that owns it. Empty when there is none. */
  static async read<Value>(path: string): Promise<ReadonlyMap<string, Value>> {
    return parse<Value>(await readFile(path).catch(orNothing)).values
  }

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  /** In order of first insertion. */
  values(): IterableIterator<Value> {
    return this.#values.values()
  }

  entries(): IterableIterator<[string, Value]> {
    return this.#values.entries()
  }

  /** The value is seen by `get` at once; the promise resolves when it is on disk, and rejects when the disk refuses. */
  set(key: string, value: Value): Promise<void> {
    this.#values.set(key, value)
    return this.#append({ k: key, v: value })
  }

  delete(key: string): Promise<void> {
    if (!this.#values.delete(key)) return this.#next ?? this.#running ?? Promise.resolve()
    return this.#append({ k: key })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await (this.#next ?? this.#running)?.catch(() => undefined)
    await this.#file.close()
  }

  #append(entry: Entry<Value>): Promise<void> {
    if (this.#closed) return Promise.reject(new Error(`${this.#path} is closed`))
    const bytes = line(entry)
    this.#waiting.push(bytes)
    this.#liveBytes -= this.#sizes.get(entry.k) ?? 0
    this.#sizes.delete(entry.k)
    if (entry.v !== undefined) {
      this.#sizes.set(entry.k, bytes.length)
      this.#liveBytes += bytes.length
    }
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#running = this.#next
        this.#next = null
        return this.#flush()
      })
    return this.#next
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#bytes)
      await this.#file.datasync()
      this.#bytes += bytes.length
    } catch (error) {
      // What may have been written in part is overwritten by the next try, which must tell this change too.
      this.#waiting.unshift(bytes)
      throw error
    }
    if (this.#bytes > COMPACT_OVER_BYTES && this.#bytes > 4 * this.#liveBytes) await this.#compact()
  }

  async #compact(): Promise<void> {
    const beside = `${this.#path}.new`
    await rm(beside, { force: true })
    const file = await open(beside, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
    // In parts, so that the loop is free in between. Changes made meanwhile are told again afterwards, which is harmless.
    let written = 0
    let part: Buffer[] = []
    let partBytes = 0
    const flush = async () => {
      await file.write(Buffer.concat(part), 0, partBytes, written)
      written += partBytes
      part = []
      partBytes = 0
    }
    for (const [key, value] of this.#values) {
      const bytes = line({ k: key, v: value })
      part.push(bytes)
      partBytes += bytes.length
      if (partBytes >= COMPACT_PART_BYTES) await flush()
    }
    await flush()
    await file.datasync()
    await rename(beside, this.#path)
    await syncFolder(this.#path)
    await this.#file.close()
    this.#file = file
    this.#bytes = written
  }
}

/** Below this the history is no burden. */
const COMPACT_OVER_BYTES = 1024 * 1024
const COMPACT_PART_BYTES = 256 * 1024
const CHECKSUM_DIGITS = 8

interface Entry<Value> {
  readonly k: string
  /** Absent: deleted. */
  readonly v?: Value
}

interface Loaded<Value> {
  readonly values: Map<string, Value>
  /** Bytes of the newest line by key. */
  readonly sizes: Map<string, number>
  /** Length of the part that could be read. */
  readonly bytes: number
  readonly tornLines: number
}

function line<Value>(entry: Entry<Value>): Buffer {
  const json = Buffer.from(JSON.stringify(entry))
  const checksum = crc32c(json).toString(16).padStart(CHECKSUM_DIGITS, '0')
  return Buffer.concat([Buffer.from(`${checksum} `), json, NEWLINE])
}

const NEWLINE = Buffer.from('\n')

function parse<Value>(bytes: Buffer): Loaded<Value> {
  const values = new Map<string, Value>()
  const sizes = new Map<string, number>()
  let at = 0
  for (let end = bytes.indexOf(0x0a, at); end >= 0; end = bytes.indexOf(0x0a, at)) {
    const json = bytes.subarray(at + CHECKSUM_DIGITS + 1, end)
    const checksum = Number.parseInt(bytes.toString('latin1', at, at + CHECKSUM_DIGITS), 16)
    if (checksum !== crc32c(json)) break
    const entry = JSON.parse(json.toString()) as Entry<Value>
    if (entry.v === undefined) {
      values.delete(entry.k)
      sizes.delete(entry.k)
    } else {
      values.set(entry.k, entry.v)
      sizes.set(entry.k, end + 1 - at)
    }
    at = end + 1
  }
  const rest = bytes.subarray(at)
  return {
    values,
    sizes,
    bytes: at,
    tornLines: rest.length === 0 ? 0 : rest.toString('latin1').trimEnd().split('\n').length,
  }
}

function orNothing(error: NodeJS.ErrnoException): Buffer {
  if (error.code === 'ENOENT') return Buffer.alloc(0)
  throw error
}

/** A file's name is on disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
