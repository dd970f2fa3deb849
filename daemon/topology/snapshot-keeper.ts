import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Logger } from 'pino'
import { ownedAsFolder } from '../api/data-folder.ts'

export interface SnapshotKeeperOptions {
  readonly path: string
  /** What it holds, as logs name it: `inventory`. */
  readonly what: string
  /** A snapshot of all that the limits allow is smaller; a larger one is none of ours. */
  readonly maxBytes: number
  /** Parts are packed, each as a member of one gzip file. */
  readonly packed?: boolean
  /** The snapshot before the last stays beside it, as `.previous`. */
  readonly keepsPrevious?: boolean
  readonly logger: Logger
  /** Awaited before a snapshot takes its place: what it rests on is on the disk by then. */
  settled?(): Promise<unknown>
}

/** Text of a snapshot: `first` begins a new one, also where another was not brought to its end. */
export interface SnapshotPart {
  readonly text: string
  readonly first: boolean
  readonly last: boolean
}

const pack = promisify(gzip)

/**
 * Control's end of a snapshot: its parts go to a file beside the one in force, which takes its place when the last one is on
 * the disk. So a kill at any time leaves a whole snapshot.
 */
export class SnapshotKeeper {
  readonly #options: SnapshotKeeperOptions
  #file: FileHandle | null = null
  #bytes = 0
  #work: Promise<void> = Promise.resolve()
  #failed = false

  constructor(options: SnapshotKeeperOptions) {
    this.#options = options
  }

  /** What the last run kept, or null. */
  async load(): Promise<string | null> {
    const { path, what, maxBytes, logger } = this.#options
    await rm(this.#new, { force: true })
    try {
      if ((await stat(path)).size > maxBytes) throw new Error('it is too large')
      return await readFile(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        logger.warn({ error: String(error) }, `the ${what} of the last run cannot be read; a new one begins`)
      }
      return null
    }
  }

  /** The files to read it from: the last snapshot, then the one before it. */
  async places(): Promise<string[]> {
    const { path } = this.#options
    await rm(this.#new, { force: true })
    const places: string[] = []
    for (const each of [path, previousOf(path)]) {
      if (await stat(each).catch(() => null)) places.push(each)
    }
    return places
  }

  take(part: SnapshotPart): void {
    this.#work = this.#work
      .then(() => this.#write(part))
      .catch(async (error: unknown) => {
        await this.#drop()
        const { what, logger } = this.#options
        if (!this.#failed) logger.warn({ error: String(error) }, `the ${what} could not be kept`)
        this.#failed = true
      })
  }

  /** Whether the last one could not be kept. */
  get failed(): boolean {
    return this.#failed
  }

  async close(): Promise<void> {
    await this.#work
    await this.#drop()
  }

  get #new(): string {
    return `${this.#options.path}.new`
  }

  async #write({ text, first, last }: SnapshotPart): Promise<void> {
    const { path, maxBytes, packed, keepsPrevious, settled } = this.#options
    if (first) {
      await this.#drop()
      this.#file = await open(this.#new, 'w', 0o600)
      this.#bytes = 0
    }
    const file = this.#file
    // The rest of one whose beginning failed.
    if (file === null) return
    const bytes = packed === true ? await pack(text, { level: 1 }) : Buffer.from(text)
    this.#bytes += bytes.length
    if (this.#bytes > maxBytes) throw new Error('it is too large')
    await file.writeFile(bytes)
    if (!last) return
    await file.datasync()
    this.#file = null
    await file.close()
    await ownedAsFolder(this.#new)
    await settled?.()
    if (keepsPrevious === true) await rename(path, previousOf(path)).catch(ifThere)
    await rename(this.#new, path)
    await syncFolder(dirname(path))
    this.#failed = false
  }

  async #drop(): Promise<void> {
    const file = this.#file
    this.#file = null
    if (file === null) return
    await file.close().catch(() => undefined)
    await rm(this.#new, { force: true })
  }
}

export function previousOf(path: string): string {
  return `${path}.previous`
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
