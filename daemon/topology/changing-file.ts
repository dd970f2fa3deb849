import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * A file of the operator's that may be replaced meanwhile. Made before the file is read, so that no change between the reading and the first look is
 * missed, as it is by `fs.watchFile`, whose first look only remembers. Looking now and then works where files are replaced as a whole, or lie on
 * another machine.
 */
export class ChangingFile {
  readonly path: string
  #seen: string
  #timer: NodeJS.Timeout | null = null

  constructor(path: string) {
    this.path = path
    this.#seen = stampOf(statSync(path, { throwIfNoEntry: false }))
  }

  /** Calls `changed` after each change, that it comes and that it goes included, until `close`. Holds no process open. */
  watch(changed: () => void, everyMs: number): void {
    this.#timer = setInterval(async () => {
      const stamp = stampOf(await stat(this.path).catch(() => undefined))
      if (this.#timer === null || stamp === this.#seen) return
      this.#seen = stamp
      changed()
    }, everyMs).unref()
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}

function stampOf(stats: { mtimeMs: number; size: number; ino: number } | undefined): string {
  return stats === undefined ? 'none' : `${stats.mtimeMs} ${stats.size} ${stats.ino}`
}
