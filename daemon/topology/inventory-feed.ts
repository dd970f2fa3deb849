import { setImmediate } from 'node:timers/promises'
import type { Inventory } from '../inventory/inventory.ts'
import type { InventoryLoss } from '../inventory/snapshot.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { InventoryPart } from './engine-protocol.ts'
import { SnapshotSender } from './snapshot-sender.ts'

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

/** The engine's end of the inventory: learns from transactions, and hands control a snapshot every 30 s and at the end. */
export class InventoryFeed {
  readonly #options: InventoryFeedOptions
  readonly #sender: SnapshotSender<InventoryPart>
  #told: InventoryLoss

  constructor(options: InventoryFeedOptions) {
    this.#options = options
    this.#told = options.inventory.loss()
    this.#sender = new SnapshotSender({
      everyBeats: EVERY_BEATS,
      firstBeat: FIRST_BEAT,
      parts: () => this.#parts(),
      send: (part) => options.send(part),
      pause: () => setImmediate(),
      failed: (error) => options.failed(error),
    })
  }

  observe(transaction: Transaction): void {
    this.#try((inventory) => inventory.observe(transaction))
  }

  /** See RenameListener. */
  rename(service: string, from: string, to: string): void {
    this.#try((inventory) => inventory.rename(service, from, to))
  }

  #try(learn: (inventory: Inventory) => void): void {
    if (!this.#sender.on) return
    try {
      learn(this.#options.inventory)
    } catch (error) {
      this.#sender.fail(error)
    }
  }

  /** Every second. */
  beat(): void {
    this.#sender.beat()
  }

  finish(): void {
    this.#sender.finish()
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
}
