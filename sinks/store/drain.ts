import { setTimeout as delay } from 'node:timers/promises'
import type { Counters } from '../../daemon/telemetry/counters.ts'
import type { SpooledBatch } from '../spool/segment.ts'
import type { Spool } from '../spool/spool.ts'
import { BatchRefused, type Inserter, StoreDown } from './inserter.ts'

export interface DrainOptions {
  readonly spool: Spool
  readonly inserter: Inserter
  readonly counters: Counters
  /** Told after each try. */
  readonly onTried: () => void
  readonly onStored: (table: string, rows: number) => void
  readonly onRefused: (table: string, rows: number, reason: string) => void
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

/** What one table is doing. */
interface Lane {
  sending: Promise<void> | null
  pausing: Promise<void> | null
  /** Why the last try failed. */
  failure: string | null
  readonly backOff: BackOff
}

/**
 * Empties the spool into the database: oldest first, one insert at a time for each table, so that small tables do not wait
 * behind a backlog of transactions. What fails is tried again after a growing pause, up to 15 s, table by table: a batch
 * that the database cannot take now holds up its own table only.
 */
export class Drain {
  readonly #options: DrainOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #stop = new AbortController()
  readonly #tries = new Map<SpooledBatch, number>()
  #sending = 0

  constructor(options: DrainOptions) {
    this.#options = options
  }

  /** Why rows wait; null when the last try of every table was right. */
  get failure(): string | null {
    for (const { failure } of this.#lanes.values()) if (failure !== null) return failure
    return null
  }

  /** There is something new to send. */
  wake(): void {
    while (!this.#stop.signal.aborted && this.#sending < MAX_INSERTS) {
      const batch = this.#options.spool.backlog.oldest((table) => this.#isFree(table))
      if (batch === null) return
      const lane = this.#lane(batch.header.table)
      this.#options.spool.lend(batch)
      this.#sending++
      lane.sending = this.#send(batch, lane).then(() => {
        lane.sending = null
        this.#sending--
        this.wake()
      })
    }
  }

  /** No further insert begins; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    for (const { sending, pausing } of this.#lanes.values()) {
      await sending
      await pausing
    }
  }

  #isFree(table: string): boolean {
    const lane = this.#lanes.get(table)
    return lane === undefined || (lane.sending === null && lane.pausing === null)
  }

  #lane(table: string): Lane {
    const known = this.#lanes.get(table)
    if (known !== undefined) return known
    const lane: Lane = { sending: null, pausing: null, failure: null, backOff: new BackOff() }
    this.#lanes.set(table, lane)
    return lane
  }

  async #send(batch: SpooledBatch, lane: Lane): Promise<void> {
    const { spool, inserter, onStored, onRefused, onTried } = this.#options
    const { table, rows } = batch.header
    const sealed = await spool.read(batch)
    if (sealed === null) return spool.giveBack(batch)
    try {
      await inserter.insert(sealed)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#isRefused(batch, error)) {
        spool.giveBack(batch)
        this.#options.counters.add('store.retried')
        lane.failure = reason
        this.#pause(lane)
        return onTried()
      }
      onRefused(table, rows, reason)
      await spool.refuse(batch, sealed, reason)
      return this.#succeeded(lane)
    }
    this.#tries.delete(batch)
    onStored(table, rows)
    // The rows are on disk by now: the tables sync each insert (fsync_after_insert, fsync_part_directory), so no power loss
    // takes back what the spool forgets here. Measured on two busy cores that costs some 20 ms an insert of 500 rows, and
    // one of 10,000 does not show it; keeping spooled bytes until the engine has synced by itself would cost a clock of
    // its own, and answers no better.
    await spool.confirm(batch)
    this.#succeeded(lane)
  }

  #succeeded(lane: Lane): void {
    lane.failure = null
    lane.backOff.reset()
    this.#options.onTried()
  }

  /** An error of no known kind may be the batch's fault: it must not hold up its table for ever. */
  #isRefused(batch: SpooledBatch, error: unknown): boolean {
    if (error instanceof BatchRefused) return true
    if (error instanceof StoreDown) return false
    const tries = (this.#tries.get(batch) ?? 0) + 1
    if (tries < MAX_UNKNOWN_ERRORS) this.#tries.set(batch, tries)
    else this.#tries.delete(batch)
    return tries >= MAX_UNKNOWN_ERRORS
  }

  #pause(lane: Lane): void {
    const sleep = this.#options.sleep ?? pause
    lane.pausing = sleep(lane.backOff.nextMs(), this.#stop.signal).then(() => {
      lane.pausing = null
      this.wake()
      // What it failed on was dropped for room meanwhile.
      if (lane.sending === null && this.#sending < MAX_INSERTS) lane.failure = null
    })
  }
}

/** Pauses that double from a quarter of a second to 15 s; of each, half is chance, so that many daemons do not call at once. */
export class BackOff {
  #ms = FIRST_PAUSE_MS

  nextMs(random: () => number = Math.random): number {
    const ms = this.#ms
    this.#ms = Math.min(2 * ms, MAX_PAUSE_MS)
    return ms * (0.5 + random() / 2)
  }

  reset(): void {
    this.#ms = FIRST_PAUSE_MS
  }
}

/** Ends early when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}

const MAX_INSERTS = 2
const MAX_UNKNOWN_ERRORS = 8
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 15_000
