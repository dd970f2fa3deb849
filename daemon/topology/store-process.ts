import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { ClickHouseOptions } from '../../sinks/clickhouse/clickhouse.ts'
import { countBatch } from '../../sinks/spool/counters.ts'
import { NotSealed } from '../../sinks/spool/not-sealed.ts'
import { BackOff, pause } from '../../sinks/store/drain.ts'
import type { SealedBatch } from '../../sinks/store/inserter.ts'
import type { TokenStore } from '../../sinks/store/local-store.ts'
import type { StoreQuery, StoreResult, StoreStatus } from '../../sinks/store/store.ts'
import type { RowBatch } from '../model/row-batch.ts'
import { Counters } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { StoreEnded, StoreLife } from './store-life.ts'
import { addLives, NOTHING_YET } from './store-lives.ts'
import { type FromStore, fromWire } from './store-protocol.ts'
import { SealQueue } from './store-queue.ts'

export interface StoreProcessOptions {
  /** The data folder, which is there. The process becomes its owner when it is started by root. */
  readonly folder: string
  readonly clickhouse: ClickHouseOptions
  readonly spoolMaxBytes: number
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Most bytes handed over and not sealed yet; over it the oldest batch is given up, counted. */
  readonly maxPendingBytes?: number
  /** A process that says nothing for so long stands still, and is killed and started again. */
  readonly maxSilentMs?: number
  /** The program of the process; a test brings its own. */
  readonly script?: string
}

export interface StoreProcess extends TokenStore {
  /** Null between two lives. */
  readonly pid: number | null
  readonly restarts: number
}

/**
 * Starts the store in a process of its own and keeps it going. Resolves when it takes batches; rejects with what a person
 * can fix. When it dies it is started again after a growing pause, and gets every batch it had not acknowledged once more,
 * under the same token, so that none is stored twice.
 */
export async function startStoreProcess(options: StoreProcessOptions): Promise<StoreProcess> {
  const keeper = new Keeper(options)
  try {
    await keeper.start()
  } catch (error) {
    await keeper.close(0)
    throw error
  }
  return keeper
}

class Keeper implements StoreProcess {
  readonly #options: StoreProcessOptions
  readonly #script: string
  readonly #counters = new Counters()
  /** No more batches are taken. */
  readonly #stop = new AbortController()
  /** Nothing more is waited for. */
  readonly #cut = new AbortController()
  readonly #seals: SealQueue
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #lastId = 0
  #life: StoreLife | null = null
  /** The life that is ready. */
  #ready: StoreLife | null = null
  #watching: Promise<void> | null = null
  #closing: Promise<void> | null = null
  restarts = 0
  readonly #listening: NodeJS.Timeout
  /** Looks in a row at which the process had said nothing since the last. */
  #silent = 0
  /** Sum over the lives that ended, and the last word of the one that runs. */
  #before = NOTHING_YET
  #last: StoreStatus | null = null

  constructor(options: StoreProcessOptions) {
    this.#options = options
    this.#script = options.script ?? join(import.meta.dirname, 'store.js')
    this.#seals = new SealQueue(options.maxPendingBytes ?? MAX_PENDING_BYTES, (batch) =>
      countBatch(this.#counters, 'store.shed', batch),
    )
    this.#listening = setInterval(() => this.#listen(), (options.maxSilentMs ?? MAX_SILENT_MS) / LOOKS)
    this.#listening.unref()
  }

  get pid(): number | null {
    return this.#life?.pid ?? null
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const life = await this.#begin()
        this.#watching = this.#watch(life)
        return
      } catch (error) {
        if (!(error instanceof StoreEnded)) throw error
        if (attempt === START_ATTEMPTS) {
          throw new OffpathError('OFFPATH_E_STORE', error.message, { remedy: 'The log says why.', cause: error })
        }
        this.#countRestart()
      }
    }
  }

  async seal(batch: RowBatch | SealedBatch): Promise<void> {
    if (this.#stop.signal.aborted) throw new NotSealed('closed')
    const token = 'token' in batch ? batch.token : randomUUID()
    const sealed = this.#seals.add({ ...batch, token })
    this.#pump()
    await sealed
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    return (await this.#ask((id) => ({ kind: 'query', id, query }))) as StoreResult
  }

  async status(): Promise<StoreStatus> {
    const asked = this.#ask((id) => ({ kind: 'status', id })).then(
      (status) => status as StoreStatus,
      () => null,
    )
    const patience = new AbortController()
    const now = await Promise.race([asked, pause(STATUS_PATIENCE_MS, patience.signal).then(() => null)])
    patience.abort()
    if (now !== null) this.#last = now
    const status = addLives(this.#before, this.#last ?? nothingOf(this.#options), this.#counters.entries())
    return now === null ? { ...status, down: 'the store process does not answer' } : status
  }

  async close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    await this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs
    // What is on its way is sealed before the end is asked for, by a process that is just being started again too.
    this.#stop.abort()
    while (this.#seals.live > 0 && performance.now() < deadline) await pause(5, NEVER)
    this.#cut.abort()
    this.#life?.tell({ kind: 'close', graceMs: Math.max(0, Math.round(deadline - performance.now())) })
    const patience = new AbortController()
    const late = pause(graceMs + KILL_AFTER_MS, patience.signal).then(() => {
      if (!patience.signal.aborted) this.#life?.kill()
    })
    await this.#watching
    clearInterval(this.#listening)
    patience.abort()
    await late
    this.#seals.rejectAll(new NotSealed('closed'))
  }

  async #begin(): Promise<StoreLife> {
    const { folder, clickhouse, spoolMaxBytes } = this.#options
    const life = new StoreLife({ folder, clickhouse, spoolMaxBytes }, this.#script, (message) => this.#heard(message))
    this.#life = life
    try {
      this.#last = await life.ready
    } catch (error) {
      life.kill()
      await life.ended
      this.#life = null
      throw error
    }
    this.#ready = life
    this.#silent = 0
    this.#pump()
    return life
  }

  async #watch(first: StoreLife): Promise<void> {
    const { logger } = this.#options
    const backOff = new BackOff()
    let life: StoreLife | null = first
    while (life !== null) {
      const startedAt = performance.now()
      if (this.#cut.signal.aborted) life.tell({ kind: 'close', graceMs: 0 })
      const how = await life.ended
      this.#over()
      if (this.#cut.signal.aborted) return
      logger.error({ how }, 'the store process ended by itself; starting it again')
      if (performance.now() - startedAt > STEADY_MS) backOff.reset()
      life = await this.#again(backOff)
    }
  }

  /** Null when it was closed meanwhile. */
  async #again(backOff: BackOff): Promise<StoreLife | null> {
    for (;;) {
      await pause(backOff.nextMs(), this.#cut.signal)
      if (this.#cut.signal.aborted) return null
      this.#countRestart()
      try {
        return await this.#begin()
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#options.logger.error({ reason }, 'the store process cannot be started')
      }
    }
  }

  #countRestart(): void {
    this.restarts++
    this.#counters.add('store.restarted')
  }

  /** Counts looks, not time: if it was this process that stood still, the other is not to be blamed. */
  #listen(): void {
    if (this.#ready === null || ++this.#silent <= LOOKS) return
    this.#options.logger.error('the store process stands still; it is killed')
    this.#ready.kill()
    this.#silent = 0
  }

  #over(): void {
    this.#life = null
    this.#ready = null
    if (this.#last !== null) this.#before = addLives(this.#before, this.#last, [])
    this.#last = null
    this.#seals.resendAll()
    for (const { reject } of this.#asked.values()) reject(notAnswering())
    this.#asked.clear()
  }

  #pump(): void {
    const life = this.#ready
    if (life === null) return
    for (let next = this.#seals.next(); next !== null; next = this.#seals.next()) {
      if (!life.tell({ kind: 'seal', id: next.id, batch: next.batch })) return
      this.#seals.sent(next)
    }
  }

  #ask(question: (id: number) => Parameters<StoreLife['tell']>[0]): Promise<unknown> {
    // Ids of seals are another row of numbers: those are whole, these are negative.
    const id = --this.#lastId
    return new Promise((resolve, reject) => {
      if (this.#asked.size >= MAX_ASKED || !this.#ready?.tell(question(id))) return reject(notAnswering())
      this.#asked.set(id, { resolve, reject })
    })
  }

  #heard(message: FromStore): void {
    this.#silent = 0
    switch (message.kind) {
      case 'answer':
      case 'error': {
        const failure = message.kind === 'error' ? fromWire(message.error) : null
        if (message.id > 0) {
          this.#seals.answered(message.id, failure)
          this.#pump()
          return
        }
        const asked = this.#asked.get(message.id)
        this.#asked.delete(message.id)
        if (message.kind === 'answer') asked?.resolve(message.value)
        else asked?.reject(failure!)
        return
      }
      case 'status':
        this.#last = message.status
        return
      case 'log':
        this.#options.logger[message.level](message.fields, message.message)
        return
    }
  }
}

function notAnswering(): OffpathError {
  return new OffpathError('OFFPATH_E_STORE', 'the store process does not answer', {
    remedy: 'It is being started again: try again in some seconds.',
  })
}

function nothingOf(options: StoreProcessOptions): StoreStatus {
  const { clickhouse, spoolMaxBytes } = options
  const where = clickhouse.kind === 'embedded' ? `embedded ${clickhouse.folder}` : 'a server'
  return { ...NOTHING_YET, where, spool: { ...NOTHING_YET.spool, maxBytes: spoolMaxBytes } }
}

const NEVER = new AbortController().signal
const MAX_PENDING_BYTES = 64 * 1024 * 1024
/** Questions under way at once. */
const MAX_ASKED = 256
const STATUS_PATIENCE_MS = 2000
const START_ATTEMPTS = 3
const KILL_AFTER_MS = 5000
const STEADY_MS = 60_000
/** It tells how it fares every second. */
const MAX_SILENT_MS = 60_000
const LOOKS = 12
