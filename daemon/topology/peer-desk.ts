import { randomBytes } from 'node:crypto'
import { learningBatch, toldByOthers } from '../../sinks/clickhouse/learning-rows.ts'
import type { Store } from '../../sinks/store/store.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { ToldPart } from '../model/told-part.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Sharing } from './peer-learning.ts'

/** Partitions came or went: others may be about to tell what they learnt of those that come. */
const SETTLES_MS = 2000

export interface PeerDeskOptions {
  readonly sharing: Sharing
  readonly keyId: string
  readonly store: Pick<Store, 'seal' | 'query' | 'status'>
  readonly everySeconds: number
  readonly logger: Pick<Logger, 'warn'>
  /** Hands on what the others told. */
  hear(parts: readonly ToldPart[], leftOut: number): void
}

/**
 * Control's end of what analyzers learn together: puts what the engine tells into the store, and reads what the others put there: at
 * the start, as often as it tells, and when partitions came or went.
 */
export class PeerDesk {
  readonly #options: PeerDeskOptions
  #timer: NodeJS.Timeout | null = null
  #soon: NodeJS.Timeout | null = null
  #reading: Promise<void> | null = null
  #sealing: Promise<void> = Promise.resolve()
  #partitions = 0
  #failed = false

  constructor(options: PeerDeskOptions) {
    this.#options = options
  }

  get sharing(): Sharing {
    return this.#options.sharing
  }

  start(): void {
    this.#timer = setInterval(() => void this.read(), this.#options.everySeconds * 1000)
    void this.read()
  }

  /** While the store is down nothing waits for it: a newer state is told when it is back. */
  told(part: ToldPart): void {
    const { store } = this.#options
    this.#sealing = this.#sealing.then(async () => {
      if ((await store.status()).down !== null) return
      // Who could not seal it has counted it.
      await store.seal(learningBatch(part)).catch(() => undefined)
    })
  }

  /** How many partitions this member reads now. */
  partitions(count: number): void {
    if (count === this.#partitions) return
    this.#partitions = count
    this.#soon ??= setTimeout(() => {
      this.#soon = null
      void this.read()
    }, SETTLES_MS)
  }

  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null
    })
    return this.#reading
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    if (this.#soon !== null) clearTimeout(this.#soon)
    await this.#reading
    await this.#sealing
  }

  async #read(): Promise<void> {
    const { store, sharing, keyId, logger, hear } = this.#options
    try {
      const { parts, leftOut } = await toldByOthers(store, { ...sharing, keyId })
      hear(parts, leftOut)
      this.#failed = false
    } catch (error) {
      // What was heard before goes on to count.
      if (!this.#failed) logger.warn({ error: String(error) }, 'what other analyzers learnt cannot be read')
      this.#failed = true
    }
  }
}

/** Who tells to whom: a daemon that reads topics and nothing else, with a ClickHouse server that others may have too. Null: nobody. */
export async function sharingOf(config: ValidatedConfig, names: DurableMap<string>): Promise<Sharing | null> {
  const topics = config.sources.flatMap((source) =>
    source.kind === 'kafka' ? source.topics.map((topic) => `${source.group_id}/${topic}`) : [],
  )
  if (config.sources.some(({ kind }) => kind !== 'kafka') || topics.length === 0) return null
  if (!config.store.enabled || config.sinks.clickhouse.url === null) return null
  const known = names.get(NAME)
  if (known !== undefined) return { analyzer: known, audience: topics.sort().join(' ') }
  const analyzer = randomBytes(8).toString('hex')
  await names.set(NAME, analyzer)
  return { analyzer, audience: topics.sort().join(' ') }
}

const NAME = 'name'
