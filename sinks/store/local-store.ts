import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import type { Logger } from '../../daemon/telemetry/log.ts'
import { NotSealed } from '../spool/not-sealed.ts'
import { Spool, type SpoolPhase } from '../spool/spool.ts'
import { BackOff, Drain, pause } from './drain.ts'
import { type Inserter, type SealedBatch, StoreDown } from './inserter.ts'
import { Rate } from './rate.ts'
import { withoutKnown } from './reread.ts'
import type { Store, StoreQuery, StoreResult, StoreStatus } from './store.ts'

export interface LocalStoreOptions {
  /** The data folder; the spool is in `spool/`. */
  readonly folder: string
  readonly inserter: Inserter
  readonly spoolMaxBytes: number
  readonly logger?: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly nowMs?: () => number
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>
  readonly onPhase?: (phase: SpoolPhase) => void
}

/** A batch may bring its token: one that was sent before, perhaps to a process that is gone, is acknowledged and not stored again. */
export interface TokenStore extends Store {
  seal(batch: RowBatch | SealedBatch): Promise<void>
}

/**
 * Opens spool and database in this process. A database that is down is no failure: batches are sealed, and it is tried
 * again. Throws OffpathError when a person is needed: the folder, the migration, a missing package.
 */
export async function openStore(options: LocalStoreOptions): Promise<TokenStore> {
  const counters = new Counters()
  const nowMs = options.nowMs ?? Date.now
  const folder = join(options.folder, 'spool')
  const spool = await Spool.open({
    folder,
    maxBytes: options.spoolMaxBytes,
    counters,
    nowMs,
    onLost: (name, { table, rows }) => options.logger?.error({ code: name, table, rows }, 'rows were lost'),
    ...(options.onPhase === undefined ? {} : { onPhase: options.onPhase }),
  }).catch((cause) => {
    throw new OffpathError(
      'OFFPATH_E_DATA_FOLDER',
      `the spool cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        at: folder,
        remedy: 'Check who owns it and that it is writable.',
        cause,
      },
    )
  })
  const store = new LocalStore(options, spool, counters, nowMs)
  try {
    await store.start()
  } catch (error) {
    await store.close(0)
    throw error
  }
  return store
}

class LocalStore implements TokenStore {
  readonly #options: LocalStoreOptions
  readonly #inserter: Inserter
  readonly #spool: Spool
  readonly #counters: Counters
  readonly #nowMs: () => number
  readonly #startedMs: number
  readonly #drain: Drain
  readonly #rate: Rate
  readonly #stop = new AbortController()
  readonly #rowsStored = new Map<string, number>()
  /** Why the database is not open; null when it is. */
  #closedWhy: string | null = FIRST
  #wasDown = true
  #schemaVersion: number | null = null
  #opening: Promise<void> | null = null
  /** The first try to open the database. */
  #first: Promise<boolean> = Promise.resolve(false)
  /** One batch of rows read again at a time: two may hold the same row. */
  #reread: Promise<void> = Promise.resolve()
  #closing: Promise<void> | null = null

  constructor(options: LocalStoreOptions, spool: Spool, counters: Counters, nowMs: () => number) {
    this.#options = options
    this.#inserter = options.inserter
    this.#spool = spool
    this.#counters = counters
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
    this.#rate = new Rate(nowMs())
    this.#drain = new Drain({
      spool,
      inserter: options.inserter,
      counters,
      onTried: () => this.#tellChange(),
      onStored: (table, rows) => this.#rowsStored.set(table, (this.#rowsStored.get(table) ?? 0) + rows),
      onRefused: (table, rows, reason) =>
        options.logger?.error({ table, rows, reason }, 'the store refused a batch; it is kept in spool/refused'),
      ...(options.sleep === undefined ? {} : { sleep: options.sleep }),
    })
  }

  /** Resolves when the database is open, or as soon as it is known to be down or slow. */
  async start(): Promise<void> {
    const first = this.#open()
    this.#first = first.catch(() => false)
    const opened = await within(FIRST_OPEN_MS, first, this.#options.sleep)
    if (opened !== true) this.#opening = this.#keepOpening(first)
  }

  async seal(batch: RowBatch | SealedBatch): Promise<void> {
    const token = 'token' in batch ? batch.token : randomUUID()
    if (batch.rereadIds === null) return await this.#sealRows({ ...batch, token })
    const sealed = this.#reread.then(() => this.#sealReread(batch, token))
    this.#reread = sealed.catch(() => undefined)
    await sealed
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    // A disk that is slow at the first start is no reason to be told to come again.
    if (this.#closedWhy === FIRST) await within(FIRST_QUERY_MS, this.#first, this.#options.sleep)
    if (this.#schemaVersion === null) {
      throw new OffpathError('OFFPATH_E_STORE', `the store is not open: ${this.#closedWhy}`, {
        at: this.#inserter.where,
        remedy: 'Try again when `offpath store status` says that it is up.',
      })
    }
    return await this.#inserter.query(query)
  }

  async status(): Promise<StoreStatus> {
    const spool = this.#spool
    const { batches, rows, bytes } = spool.backlog
    const oldest = spool.backlog.oldest(() => true)
    const nowMs = this.#nowMs()
    const rate = this.#rate.perSecond(nowMs)
    return {
      where: this.#inserter.where,
      down: this.#down ?? (spool.diskFull === null ? null : `the disk takes no more: ${spool.diskFull}`),
      schemaVersion: this.#schemaVersion,
      spool: {
        batches,
        rows,
        bytes,
        maxBytes: spool.maxBytes,
        oldestSeconds: oldest === null ? 0 : Math.max(0, Math.round((nowMs - oldest.header.sealedAtMs) / 1000)),
        droppedRows: this.#counters.get('spool.full.rows') + this.#counters.get('spool.disk_full.rows'),
        lastsSeconds: rate === 0 ? null : Math.round(Math.max(0, spool.maxBytes - bytes) / rate),
      },
      rowsStored: Object.fromEntries(this.#rowsStored),
      counters: Object.fromEntries(this.#counters.entries()),
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    await this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    // First what is being sealed, then what is sealed; a batch of a file that waits for the store is read again.
    this.#stop.abort()
    await this.#spool.flushed()
    const deadline = this.#nowMs() + graceMs
    while (this.#spool.backlog.batches > 0 && this.#down === null && this.#nowMs() < deadline) await pause(20, NEVER)
    // An insert or a connection that hangs is left alone: its batch stays in the spool.
    await within(Math.max(graceMs, LAST_INSERT_MS), Promise.all([this.#drain.stop(), this.#opening]))
    await this.#inserter.close()
    await this.#spool.close()
  }

  async #open(): Promise<boolean> {
    try {
      const { schemaVersion } = await this.#inserter.open()
      this.#schemaVersion = schemaVersion
      this.#closedWhy = null
      this.#tellChange()
      this.#drain.wake()
      return true
    } catch (error) {
      if (!(error instanceof StoreDown)) throw error
      if (this.#closedWhy === FIRST)
        this.#options.logger?.warn({ reason: error.message }, 'the store is down; rows wait in the spool')
      this.#closedWhy = error.message
      return false
    }
  }

  async #keepOpening(first: Promise<boolean>): Promise<void> {
    const backOff = new BackOff()
    let opened = await first.catch((error) => this.#openFailed(error))
    while (!opened && !this.#stop.signal.aborted) {
      await (this.#options.sleep ?? pause)(backOff.nextMs(), this.#stop.signal)
      if (!this.#stop.signal.aborted) opened = await this.#open().catch((error) => this.#openFailed(error))
    }
  }

  /** After the start nobody is there to be told but the log: the spool goes on taking batches. */
  #openFailed(error: unknown): false {
    const message = error instanceof Error ? error.message : String(error)
    this.#options.logger?.error({ err: message }, 'the store cannot be opened')
    this.#closedWhy = message
    return false
  }

  get #down(): string | null {
    return this.#closedWhy ?? this.#drain.failure
  }

  #tellChange(): void {
    const { logger } = this.#options
    const isDown = this.#down !== null
    if (isDown === this.#wasDown) return
    this.#wasDown = isDown
    if (isDown) logger?.warn({ reason: this.#down }, 'the store is down; rows wait in the spool')
    else logger?.info(`the store is up: ${this.#inserter.where}`)
  }

  async #sealRows(batch: SealedBatch): Promise<void> {
    // No `finally`: what was not sealed does not come in.
    if (this.#stop.signal.aborted) throw new NotSealed('closed')
    await this.#spool.seal(batch)
    this.#rate.add(batch.bytes.length, this.#nowMs())
    if (this.#schemaVersion !== null) this.#drain.wake()
  }

  /** A file can wait: for the database, which must say what it holds, and for room on the disk. */
  async #sealReread(batch: RowBatch, token: string): Promise<void> {
    const backOff = new BackOff()
    for (;;) {
      if (this.#stop.signal.aborted) throw new NotSealed('closed')
      try {
        if (this.#spool.backlog.reread.size < MAX_REREAD_WAITING) return await this.#sealNew(batch, token)
        await pause(REREAD_POLL_MS, this.#stop.signal)
        continue
      } catch (error) {
        const canWait = error instanceof StoreDown || (error instanceof NotSealed && error.reason === 'disk_full')
        if (!canWait) throw error
      }
      await (this.#options.sleep ?? pause)(backOff.nextMs(), this.#stop.signal)
    }
  }

  async #sealNew(batch: RowBatch, token: string): Promise<void> {
    if (this.#schemaVersion === null) throw new StoreDown('not open yet')
    const ids = batch.rereadIds!
    // What the last run sealed may be the same rows, without their ids: it is stored first, and then found there.
    const oldest = this.#spool.backlog.oldest((table) => table === batch.table)
    if (oldest !== null && oldest.header.sealedAtMs < this.#startedMs) throw new StoreDown('the last run comes first')
    // The spool first: a batch that is stored between the two looks is then found by the second.
    const known = new Set<string>()
    for (const { header } of this.#spool.backlog.reread) {
      if (header.table === batch.table) for (const id of header.rereadIds ?? []) known.add(id)
    }
    for (const id of await this.#inserter.knownIds(batch.table, batch.day, ids)) known.add(id)
    const fresh = withoutKnown(batch, known)
    const left = batch.rows - (fresh?.rows ?? 0)
    if (left > 0) this.#counters.add('store.reread.rows', left)
    if (fresh !== null) await this.#sealRows({ ...fresh, token })
  }
}

/** What the promise gives, or null when it takes longer. */
async function within<Value>(
  ms: number,
  promise: Promise<Value>,
  sleep: NonNullable<LocalStoreOptions['sleep']> = pause,
): Promise<Value | null> {
  const patience = new AbortController()
  try {
    return await Promise.race([promise, sleep(ms, patience.signal).then(() => null)])
  } finally {
    patience.abort()
  }
}

/** A server that is slow to answer must not hold up the start: batches are sealed meanwhile. */
const FIRST_OPEN_MS = 5000
/** A question waits so long for the first opening: making the tables takes seconds on a slow disk. */
const FIRST_QUERY_MS = 30_000
/** An insert under way when the store is closed may take this long in any case. */
const LAST_INSERT_MS = 2000
const FIRST = 'not connected yet'
/** Batches of files in the spool at a time: a file is read as fast as it is stored. */
const MAX_REREAD_WAITING = 8
const REREAD_POLL_MS = 10
const NEVER = new AbortController().signal
