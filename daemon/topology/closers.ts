import type { Logger } from 'pino'

/** What must be closed again, newest first, also when the start stops half-way. A failure to close is told and does not stop the others. */
export class Closers {
  readonly #logger: Logger
  readonly #closers: { readonly what: string; readonly close: () => Promise<unknown> | unknown }[] = []

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(what: string, close: () => Promise<unknown> | unknown): void {
    this.#closers.push({ what, close })
  }

  async close(): Promise<void> {
    for (let last = this.#closers.pop(); last !== undefined; last = this.#closers.pop()) {
      try {
        await last.close()
      } catch (error) {
        this.#logger.error({ what: last.what, error: String(error) }, 'could not be closed')
      }
    }
  }
}
