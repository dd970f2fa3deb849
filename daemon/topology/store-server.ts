import { type ClickHouseOptions, ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { shippedSql } from '../../sinks/clickhouse/shipped.ts'
import type { SpoolPhase } from '../../sinks/spool/spool.ts'
import type { Inserter } from '../../sinks/store/inserter.ts'
import { openStore, type TokenStore } from '../../sinks/store/local-store.ts'
import { relinquish } from '../sources/relinquish.ts'
import type { Logger } from '../telemetry/log.ts'
import { takeOverStore } from './store-owner.ts'
import { type FromStore, type StoreStart, type ToStore, toWire } from './store-protocol.ts'

/** What a test puts in the place of the database, and where it listens. */
export interface StoreServerHooks {
  readonly inserter?: (options: ClickHouseOptions) => Inserter
  readonly onPhase?: (phase: SpoolPhase) => void
}

/** The store process: does for control what a Store does, and tells how it fares once a second. */
export class StoreServer {
  readonly #tell: (message: FromStore) => void
  readonly #hooks: StoreServerHooks
  #store: Promise<TokenStore> | null = null
  #telling: NodeJS.Timeout | null = null

  constructor(tell: (message: FromStore) => void, hooks: StoreServerHooks = {}) {
    this.#tell = tell
    this.#hooks = hooks
  }

  async take(message: ToStore): Promise<void> {
    switch (message.kind) {
      case 'start':
        return await this.#start(message)
      case 'close':
        return await this.close(message.graceMs)
      default:
        return await this.#answer(message)
    }
  }

  /** What was handed over is sealed first. */
  async close(graceMs: number): Promise<void> {
    if (this.#telling !== null) clearInterval(this.#telling)
    const store = await this.#store?.catch(() => null)
    if (!store) return
    await store.close(graceMs)
    this.#tell({ kind: 'status', status: await store.status() })
  }

  async #start(start: StoreStart): Promise<void> {
    this.#store = this.#open(start)
    try {
      const store = await this.#store
      const status = await store.status()
      this.#tell({ kind: 'ready', status })
      const tell = async () => this.#tell({ kind: 'status', status: await store.status() })
      this.#telling = setInterval(() => void tell(), TELL_MS)
    } catch (error) {
      this.#tell({ kind: 'failed', error: toWire(error) })
    }
  }

  async #open(start: StoreStart): Promise<TokenStore> {
    const { folder, clickhouse, spoolMaxBytes, user } = start
    if (user !== null) {
      // What is not loaded yet may be unreadable for the user we become. A missing package is told when it is opened.
      shippedSql(MIGRATIONS)
      if (clickhouse.kind === 'embedded') await import('chdb/connection').catch(() => undefined)
      relinquish(user)
    }
    await takeOverStore(folder)
    return await openStore({
      folder,
      inserter: this.#hooks.inserter?.(clickhouse) ?? new ClickHouseStore(clickhouse),
      spoolMaxBytes,
      logger: this.#logger(),
      ...(this.#hooks.onPhase === undefined ? {} : { onPhase: this.#hooks.onPhase }),
    })
  }

  async #answer(question: Exclude<ToStore, { kind: 'start' | 'close' }>): Promise<void> {
    const { id } = question
    try {
      const store = await this.#store
      if (store === null) throw new Error('not started')
      const value =
        question.kind === 'seal'
          ? await store.seal(question.batch)
          : question.kind === 'query'
            ? await store.query(question.query)
            : await store.status()
      this.#tell({ kind: 'answer', id, value })
    } catch (error) {
      this.#tell({ kind: 'error', id, error: toWire(error) })
    }
  }

  /** Control writes the log. */
  #logger(): Logger {
    const write = (level: 'info' | 'warn' | 'error') => (first: object | string, message?: string) =>
      typeof first === 'string'
        ? this.#tell({ kind: 'log', level, fields: {}, message: first })
        : this.#tell({ kind: 'log', level, fields: first, message: message ?? '' })
    return { info: write('info'), warn: write('warn'), error: write('error') } as unknown as Logger
  }
}

const TELL_MS = 1000
const MIGRATIONS = 'sinks/clickhouse/migrations'
