import { setTimeout as delay } from 'node:timers/promises'
import type { Counters } from '../../daemon/telemetry/counters.ts'
import type { SpooledBatch } from '../spool/segment.ts'
import type { Spool } from '../spool/spool.ts'
import { BatchRefused, type Inserter, StoreDown } from './inserter.ts'

export interface DrainOptions {
  readonly spool: Spool
  readonly inserter: Inserter
  readonly counters: Counters
  /** Told after each try: null when the batch was stored, else why not. */
  readonly onTried: (failure: string | null) => void
  readonly onStored: (table: string, rows: number) => void
  readonly onRefused: (table: string, rows: number, reason: string) => void
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

/**
 * Empties the spool into the database: oldest first, one insert at a time for each table, so that small tables do not wait
 * behind a backlog of transactions. While the database is down it tries again after a growing pause, up to 15 s.
 */
export class Drain {
  readonly #options: DrainOptions
  readonly #busy = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  readonly #tries = new Map<SpooledBatch, number>()
  readonly #backOff = new BackOff()
  #pausing: Promise<void> | null = null

  constructor(options: DrainOptions) {
    this.#options = options
  }

  /** There is something new to send. */
  wake(): void {
    while (!this.#stop.signal.aborted && this.#pausing === null && this.#busy.size < MAX_INSERTS) {
      const batch = this.#options.spool.next((table) => !this.#busy.has(table))
      if (batch === null) return
      const { table } = batch.header
      this.#options.spool.lend(batch)
      const sending = this.#send(batch).then(() => {
        this.#busy.delete(table)
        this.wake()
      })
      this.#busy.set(table, sending)
    }
  }

  /** No further insert begins; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#busy.values())
    await this.#pausing
  }

  async #send(batch: SpooledBatch): Promise<void> {
    const { spool, inserter } = this.#options
    const { table, rows } = batch.header
    const sealed = await spool.read(batch)
    if (sealed === null) return spool.giveBack(batch)
    try {
      await inserter.insert(sealed)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (this.#isRefused(batch, error)) {
        this.#options.onRefused(table, rows, reason)
        this.#options.onTried(null)
        return await spool.refuse(batch, sealed, reason)
      }
      spool.giveBack(batch)
      this.#options.counters.add('store.retried')
      this.#options.onTried(reason)
      this.#pause()
      return
    }
    this.#tries.delete(batch)
    this.#backOff.reset()
    this.#options.onStored(table, rows)
    this.#options.onTried(null)
    await spool.confirm(batch)
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

  #pause(): void {
    if (this.#pausing !== null) return
    const sleep = this.#options.sleep ?? pause
    this.#pausing = sleep(this.#backOff.nextMs(), this.#stop.signal).then(
      () => this.#resume(),
      () => this.#resume(),
    )
  }

  #resume(): void {
    this.#pausing = null
    this.wake()
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
