import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { ownedAsFolder } from '../api/data-folder.ts'
import type { InventoryPart } from './engine-protocol.ts'

/** A snapshot of all that the limits allow is 30 MB; a larger file is none of ours. */
const MAX_BYTES = 64 * 1024 * 1024

/**
 * Control's end of the inventory: parts of a snapshot go to a file beside the one in force, which takes its place when the
 * last one is on the disk. So a kill at any time leaves a whole snapshot.
 */
export class InventoryKeeper {
  readonly #path: string
  readonly #logger: Logger
  #file: FileHandle | null = null
  #work: Promise<void> = Promise.resolve()
  #failed = false

  constructor(path: string, logger: Logger) {
    this.#path = path
    this.#logger = logger
  }

  /** What the last run kept, or null. */
  async load(): Promise<string | null> {
    await rm(this.#new, { force: true })
    try {
      if ((await stat(this.#path)).size > MAX_BYTES) throw new Error('it is too large')
      return await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn({ error: String(error) }, 'the inventory of the last run cannot be read; a new one begins')
      }
      return null
    }
  }

  take(part: InventoryPart): void {
    this.#work = this.#work
      .then(() => this.#write(part))
      .catch(async (error: unknown) => {
        await this.#drop()
        if (!this.#failed) this.#logger.warn({ error: String(error) }, 'the inventory could not be kept')
        this.#failed = true
      })
  }

  async close(): Promise<void> {
    await this.#work
    await this.#drop()
  }

  get #new(): string {
    return `${this.#path}.new`
  }

  async #write({ text, first, last }: InventoryPart): Promise<void> {
    if (first) {
      await this.#drop()
      this.#file = await open(this.#new, 'w', 0o600)
    }
    const file = this.#file
    // The rest of one whose beginning failed.
    if (file === null) return
    await file.writeFile(text)
    if (!last) return
    await file.datasync()
    this.#file = null
    await file.close()
    await ownedAsFolder(this.#new)
    await rename(this.#new, this.#path)
    await syncFolder(dirname(this.#path))
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

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
