import { setImmediate } from 'node:timers/promises'
import type { Inventory } from '../inventory/inventory.ts'
import type { InventoryLoss } from '../inventory/snapshot.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { InventoryPart } from './engine-protocol.ts'

/** Beats, of a second each, to the first snapshot and between snapshots. */
const FIRST_BEAT = 5
const EVERY_BEATS = 30
/** Characters of a part: made in a few milliseconds, between which traffic is read. */
const PART = 128 * 1024

export interface InventoryFeedOptions {
  readonly inventory: Inventory
  readonly counters: Counters
  send(part: InventoryPart): void
  /** It threw and is switched off: a bug, to be told loudly. */
  failed(error: unknown): void
}

/** The engine's end of the inventory: learns from transactions, and hands control a snapshot every 30 s and at the end, in parts. */
export class InventoryFeed {
  readonly #options: InventoryFeedOptions
  #beats = EVERY_BEATS - FIRST_BEAT
  #on = true
  #sending = false
  #ended = false
  #told: InventoryLoss

  constructor(options: InventoryFeedOptions) {
    this.#options = options
    this.#told = options.inventory.loss()
  }

  observe(transaction: Transaction): void {
    if (!this.#on) return
    try {
      this.#options.inventory.observe(transaction)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Every second. */
  beat(): void {
    if (++this.#beats < EVERY_BEATS || this.#sending || !this.#on) return
    this.#beats = 0
    this.#sending = true
    this.#send()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#sending = false
      })
  }

  /** The last snapshot, at once; one that is under way is given up. */
  finish(): void {
    this.#ended = true
    if (!this.#on) return
    try {
      for (const part of this.#parts()) this.#options.send(part)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #send(): Promise<void> {
    for (const part of this.#parts()) {
      this.#options.send(part)
      await setImmediate()
      if (this.#ended) return
    }
  }

  *#parts(): IterableIterator<InventoryPart> {
    this.#countLosses()
    let text = ''
    let first = true
    for (const line of this.#options.inventory.snapshot()) {
      text += `${JSON.stringify(line)}\n`
      if (text.length < PART) continue
      yield { kind: 'inventory', text, first, last: false }
      text = ''
      first = false
    }
    yield { kind: 'inventory', text, first, last: true }
  }

  #countLosses(): void {
    const { inventory, counters } = this.#options
    const loss = inventory.loss()
    for (const name of Object.keys(loss) as (keyof InventoryLoss)[]) {
      const more = loss[name] - this.#told[name]
      if (more > 0) counters.add(`inventory.${name}_not_kept`, more)
    }
    this.#told = loss
  }

  #fail(error: unknown): void {
    if (!this.#on) return
    this.#on = false
    this.#options.failed(error)
  }
}
