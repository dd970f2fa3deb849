import { setImmediate } from 'node:timers/promises'
import type { RowFeed } from '../../sinks/clickhouse/row-feed.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import { Documented } from '../inventory/descriptions.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { InventoryLoss, SnapshotLine } from '../inventory/snapshot.ts'
import type { EventTime } from '../model/time.ts'
import type { TopicCover } from '../model/topic-cover.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Counters } from '../telemetry/counters.ts'
import type { InventoryPart } from './engine-protocol.ts'
import { SnapshotSender } from './snapshot-sender.ts'

/** Beats, of a second each, to the first snapshot and between snapshots. */
const FIRST_BEAT = 5
const EVERY_BEATS = 30
/** Characters of a part: made in a few milliseconds, between which traffic is read. */
const PART = 128 * 1024

/** Of the snapshots, one in so many is written to the store too, and the last one. */
const STORED_ONE_IN = 10

/** Rows of the store. */
export type InventoryRows = Pick<RowFeed, 'route' | 'mergedRoute' | 'client'>

export interface InventoryFeedOptions {
  readonly inventory: Inventory
  readonly counters: Counters
  send(part: InventoryPart): void
  /** Null: there is no store. */
  rows(): InventoryRows | null
  /** What is written about the API, as it is now. */
  described(): readonly DescribedApi[]
  /** How far topics are in the inventory now. */
  covers(): readonly TopicCover[]
  /** It threw and is switched off: a bug, to be told loudly. */
  failed(error: unknown): void
}

/** The engine's end of the inventory: learns from transactions, and hands control a snapshot every 30 s and at the end. */
export class InventoryFeed {
  readonly #options: InventoryFeedOptions
  readonly #sender: SnapshotSender<InventoryPart>
  #told: InventoryLoss
  #now: EventTime = 0
  #snapshots = 0
  #ended = false
  /** Of each route and caller, what changes whenever its row does: as it was written last. */
  #written = new Map<string, string>()

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
    if (transaction.endTime > this.#now) this.#now = transaction.endTime
    this.#try((inventory) => inventory.observe(transaction))
  }

  /** See RenameListener. */
  rename(service: string, from: string, to: string): void {
    this.#try((inventory) => {
      inventory.rename(service, from, to)
      if (this.#written.delete(`${service}\n${from}`)) this.#options.rows()?.mergedRoute(this.#now, service, from, to)
    })
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

  /** Before the rows are finished. */
  finish(): void {
    this.#ended = true
    this.#sender.finish()
  }

  *#parts(): IterableIterator<InventoryPart> {
    this.#countLosses()
    const rows = this.#ended || this.#snapshots++ % STORED_ONE_IN === 0 ? this.#options.rows() : null
    const written = new Map<string, string>()
    const documented = rows === null ? null : this.#documented()
    let text = ''
    let first = true
    for (const line of this.#lines()) {
      if (rows !== null && documented !== null) this.#store(line, rows, documented, written)
      text += `${JSON.stringify(line)}\n`
      if (text.length < PART) continue
      yield { kind: 'inventory', text, first, last: false }
      text = ''
      first = false
    }
    if (rows !== null) this.#written = written
    yield { kind: 'inventory', text, first, last: true }
  }

  /** Lines are made while traffic is read, so what they cover is said at the end: what came meanwhile may be missing, and never counts twice. */
  *#lines(): IterableIterator<SnapshotLine> {
    yield* this.#options.inventory.snapshot()
    yield { kind: 'covers', topics: this.#options.covers() }
  }

  #documented(): Documented {
    const { described, inventory } = this.#options
    return new Documented(described(), inventory.services())
  }

  /** What has not been asked for since it was written is as it was, but for what is written about it. */
  #store(line: SnapshotLine, rows: InventoryRows, described: Documented, written: Map<string, string>): void {
    if (line.kind === 'operation') {
      const { operation } = line
      const documented = described.of(operation)
      const key = `${operation.service}\n${operation.endpoint}`
      if (this.#isNew(key, `${operation.requests} ${documented}`, written)) rows.route(this.#now, operation, documented)
    } else if (line.kind === 'client') {
      const { client } = line
      if (this.#isNew(`${client.kind} ${client.id}`, `${client.requests}`, written)) rows.client(this.#now, client)
    }
  }

  #isNew(key: string, state: string, written: Map<string, string>): boolean {
    written.set(key, state)
    return this.#written.get(key) !== state
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
