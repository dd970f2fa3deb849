import { setTimeout as sleep } from 'node:timers/promises'
import { CompressionTypes, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { clientSettings, reasonOf } from '../../daemon/sources/kafka/client-settings.ts'
import type { KafkaConnection } from '../../daemon/sources/kafka/kafka-options.ts'
import type { Counters } from '../../daemon/telemetry/counters.ts'
import { PublishBuffer, type PublishedRecord } from './publish-buffer.ts'

export interface PublisherOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly compression: 'gzip' | 'none'
  /** Most bytes that wait. */
  readonly maxBytes: number
  readonly counters: Counters
  /** Something an operator should know, as a sentence. */
  warn(message: string): void
}

export interface PublisherStatus {
  readonly topic: string
  readonly state: 'starting' | 'publishing' | 'down'
  /** Why it is down. */
  readonly why: string | null
  /** Records that the brokers have not acknowledged yet. */
  readonly queued: number
}

/**
 * Records into a topic, in order by key, each acknowledged by all replicas in sync (acks=all). The producer is idempotent,
 * so what is sent again after a lost answer stands in the topic once. Never throws and never pushes back: while the
 * brokers are away records wait in memory, and the oldest go first. kafkajs is known here and in daemon/sources/kafka alone.
 *
 * Counters: `publish.records`, `publish.bytes`; given up: `publish.dropped` (no room), `publish.too_large` (refused by the
 * brokers), `publish.unsent` (still waiting at the end); `publish.failures`, `publish.restarts`.
 */
export class KafkaPublisher {
  readonly #options: PublisherOptions
  readonly #buffer: PublishBuffer
  readonly #stop = new AbortController()
  /** Records of the batch that is being sent. */
  #sending = 0
  #sendingSinceMs = 0
  #state: PublisherStatus['state'] = 'starting'
  /** What the client last complained of. */
  #complaint: string | null = null
  #running: Promise<void> | null = null
  #wake: () => void = () => undefined
  #emptied: () => void = () => undefined
  #waiting: (() => void)[] = []

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#buffer = new PublishBuffer(options.maxBytes)
  }

  start(): void {
    this.#running ??= this.#keepGoing()
  }

  push(record: PublishedRecord): void {
    const dropped = this.#buffer.push(record)
    if (dropped > 0) this.#options.counters.add('publish.dropped', dropped)
    this.#wake()
  }

  /** For inputs that can wait: undefined when there is room, else a promise of it. */
  room(): Promise<void> | undefined {
    if (this.#buffer.bytes * 2 <= this.#options.maxBytes) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  status(): PublisherStatus {
    const stuck = this.#sending > 0 && Date.now() - this.#sendingSinceMs > STUCK_MS
    const state = stuck ? 'down' : this.#state
    const why = state === 'down' ? (this.#complaint ?? 'the brokers do not answer') : null
    return { topic: this.#options.topic, state, why, queued: this.#buffer.records + this.#sending }
  }

  /** Sends what is there for at most `withinMs`, counts the rest, and disconnects. */
  async close(withinMs: number): Promise<void> {
    if (this.#buffer.records + this.#sending > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#emptied = resolve
      })
      await Promise.race([empty, sleep(withinMs, undefined, { ref: false })])
    }
    const unsent = this.#buffer.records + this.#sending
    if (unsent > 0) this.#options.counters.add('publish.unsent', unsent)
    this.#stop.abort()
    this.#wake()
    await Promise.race([this.#running, sleep(LEAVE_MS)])
  }

  async #keepGoing(): Promise<void> {
    const { signal } = this.#stop
    const { counters, warn, topic } = this.#options
    let again: PublishedRecord[] = []
    let pauseMs = FIRST_PAUSE_MS
    while (!signal.aborted) {
      const startedAt = Date.now()
      const producer = this.#producer()
      try {
        await producer.connect()
        this.#state = 'publishing'
        await this.#publish(producer, again)
      } catch (error) {
        if (signal.aborted) break
        again = error instanceof Unsent ? error.records : again
        const why = reasonOf(error instanceof Unsent ? error.cause : error)
        this.#complaint = why
        this.#state = 'down'
        counters.add('publish.restarts')
        if (Date.now() - startedAt > STEADY_MS) pauseMs = FIRST_PAUSE_MS
        warn(`${topic}: nothing can be published: ${why}; trying again in ${Math.ceil(pauseMs / 1000)} s`)
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
        pauseMs = Math.min(2 * pauseMs, LAST_PAUSE_MS)
      } finally {
        await Promise.race([producer.disconnect().catch(() => undefined), sleep(LEAVE_MS)])
      }
    }
  }

  /** Until the end. Throws Unsent with what was being sent. */
  async #publish(producer: Producer, first: PublishedRecord[]): Promise<void> {
    let batch = first
    while (!this.#stop.signal.aborted) {
      if (batch.length === 0) {
        await this.#gathered()
        batch = this.#buffer.take(MAX_BATCH_RECORDS, MAX_BATCH_BYTES)
        if (batch.length === 0) continue
      }
      this.#sending = batch.length
      this.#sendingSinceMs = Date.now()
      await this.#send(producer, batch).catch((cause: unknown) => {
        throw new Unsent(batch, cause)
      })
      batch = []
      this.#sending = 0
      this.#complaint = null
      this.#freed()
    }
  }

  /** Something is there, and had a moment to become more. */
  async #gathered(): Promise<void> {
    while (this.#buffer.records === 0 && !this.#stop.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = () => undefined
    }
    if (this.#buffer.records < MAX_BATCH_RECORDS && this.#buffer.bytes < MAX_BATCH_BYTES) await sleep(GATHER_MS)
  }

  async #send(producer: Producer, batch: readonly PublishedRecord[]): Promise<void> {
    const { topic, compression, counters } = this.#options
    try {
      await producer.send({
        topic,
        acks: -1,
        compression: compression === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None,
        messages: batch.map(({ key, value }) => ({ key, value })),
      })
    } catch (error) {
      counters.add('publish.failures')
      if (!isTooLarge(error)) throw error
      // The limit is the topic's and on packed bytes, so only trying tells which one it is.
      if (batch.length === 1) {
        counters.add('publish.too_large')
        return
      }
      const half = batch.length >> 1
      await this.#send(producer, batch.slice(0, half))
      await this.#send(producer, batch.slice(half))
      return
    }
    counters.add('publish.records', batch.length)
    counters.add(
      'publish.bytes',
      batch.reduce((sum, { value }) => sum + value.length, 0),
    )
  }

  #freed(): void {
    if (this.#buffer.records === 0) this.#emptied()
    if (this.#buffer.bytes * 2 > this.#options.maxBytes) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  #producer(): Producer {
    const settings = clientSettings(this.#options.connection)
    const kafka = new Kafka({
      ...settings,
      logLevel: logLevel.ERROR,
      logCreator: () => (entry) => {
        // Retries are silent otherwise. The addresses of brokers are all that stands in these texts.
        this.#complaint = reasonOf({ message: String(entry.log.error ?? entry.log.message) })
      },
    })
    return kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
      // Tried again inside, under the same sequence number, for over a minute: only there is it known which of several
      // brokers took their share.
      retry: { initialRetryTime: 200, maxRetryTime: MAX_RETRY_MS, retries: RETRIES },
    })
  }
}

class Unsent extends Error {
  readonly records: PublishedRecord[]

  constructor(records: PublishedRecord[], cause: unknown) {
    super('not sent', { cause })
    this.records = records
  }
}

function isTooLarge(error: unknown): boolean {
  const { type, cause } = error as { type?: string; cause?: { type?: string } }
  return [type, cause?.type].some((each) => each === 'MESSAGE_TOO_LARGE' || each === 'RECORD_LIST_TOO_LARGE')
}

const MAX_BATCH_RECORDS = 1000
/** Brokers take 1 MiB in one batch unless told otherwise. */
const MAX_BATCH_BYTES = 800 * 1024
const GATHER_MS = 20
const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 10_000
const STEADY_MS = 60_000
const LEAVE_MS = 1000
const STUCK_MS = 5000
const MAX_RETRY_MS = 3000
const RETRIES = 30
