import { NotSealed } from '../../sinks/spool/not-sealed.ts'
import type { SealedBatch } from '../../sinks/store/inserter.ts'

export interface PendingSeal {
  readonly id: number
  readonly batch: SealedBatch
  resolve(): void
  reject(error: Error): void
}

/**
 * Batches on their way to the store process, in order, until each is acknowledged. Of them at most WINDOW_BYTES are in the
 * channel, so that a process that stands still does not fill memory twice. Over `maxBytes` the oldest live batch is given
 * up; rows of a file go last, since whoever reads a file waits for the answer.
 */
export class SealQueue {
  readonly #maxBytes: number
  readonly #onShed: (batch: SealedBatch) => void
  readonly #sent = new Map<number, PendingSeal>()
  readonly #unsent = new Map<number, PendingSeal>()
  #bytes = 0
  #liveBytesSent = 0
  #lastId = 0

  constructor(maxBytes: number, onShed: (batch: SealedBatch) => void) {
    this.#maxBytes = maxBytes
    this.#onShed = onShed
  }

  /** Batches of live traffic among them. */
  get live(): number {
    return this.#all().filter(({ batch }) => batch.rereadIds === null).length
  }

  add(batch: SealedBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      const pending = { id: ++this.#lastId, batch, resolve, reject }
      this.#unsent.set(pending.id, pending)
      this.#bytes += batch.bytes.length
      while (this.#bytes > this.#maxBytes) {
        const oldest = this.#oldest()
        this.#onShed(oldest.batch)
        this.#remove(oldest).reject(new NotSealed('shed'))
      }
    })
  }

  /** The next to send; null when there is none, or the window is full. */
  next(): PendingSeal | null {
    // A file's rows may wait long for the database: they take no room from live ones.
    if (this.#liveBytesSent >= WINDOW_BYTES) {
      for (const pending of this.#unsent.values()) if (pending.batch.rereadIds !== null) return pending
      return null
    }
    const [first] = this.#unsent.values()
    return first ?? null
  }

  sent(pending: PendingSeal): void {
    if (!this.#unsent.delete(pending.id)) return
    this.#sent.set(pending.id, pending)
    if (pending.batch.rereadIds === null) this.#liveBytesSent += pending.batch.bytes.length
  }

  /** `failure` null: it is sealed. One that was given up meanwhile is not known any more. */
  answered(id: number, failure: Error | null): void {
    const pending = this.#sent.get(id)
    if (pending === undefined) return
    this.#remove(pending)
    if (failure === null) pending.resolve()
    else pending.reject(failure)
  }

  /** The process is gone: what it did not acknowledge is to be sent again, before the rest. */
  resendAll(): void {
    const rest = [...this.#unsent]
    this.#unsent.clear()
    for (const [id, pending] of [...this.#sent, ...rest]) this.#unsent.set(id, pending)
    this.#sent.clear()
    this.#liveBytesSent = 0
  }

  rejectAll(error: Error): void {
    for (const pending of this.#all()) this.#remove(pending).reject(error)
  }

  #oldest(): PendingSeal {
    const all = this.#all()
    return all.find(({ batch }) => batch.rereadIds === null) ?? all[0]!
  }

  #all(): PendingSeal[] {
    return [...this.#sent.values(), ...this.#unsent.values()]
  }

  #remove(pending: PendingSeal): PendingSeal {
    this.#bytes -= pending.batch.bytes.length
    const wasSent = this.#sent.delete(pending.id)
    this.#unsent.delete(pending.id)
    if (wasSent && pending.batch.rereadIds === null) this.#liveBytesSent -= pending.batch.bytes.length
    return pending
  }
}

const WINDOW_BYTES = 16 * 1024 * 1024
