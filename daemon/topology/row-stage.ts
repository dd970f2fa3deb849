import { RowFeed } from '../../sinks/clickhouse/row-feed.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { IncidentChange } from '../model/incident.ts'
import type { RowBatch } from '../model/row-batch.ts'
import type { Signal } from '../model/signal.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import type { InventoryRows } from './inventory-feed.ts'
import { RowOutbox } from './row-outbox.ts'

const MIB = 1024 * 1024

export interface RowStageOptions {
  readonly config: ValidatedConfig
  readonly telemetry: Telemetry
  /** Whether the input may have been read before. */
  readonly reread: boolean
  /** Must answer each sequence number with `settled`. */
  readonly send: (sequence: number, batch: RowBatch) => void
}

/** What the analysis says, as rows on their way to the spool. The same in the engine and in replay. */
export class RowStage {
  readonly #feed: RowFeed
  readonly #outbox: RowOutbox
  readonly #telemetry: Telemetry

  constructor({ config, telemetry, reread, send }: RowStageOptions) {
    this.#telemetry = telemetry
    this.#outbox = new RowOutbox(send, telemetry.counters)
    this.#feed = new RowFeed({
      bodies: config.privacy.bodies,
      evidenceBytes: config.limits.evidence_mib * MIB,
      reread,
      telemetry,
      emit: (batch) => this.#outbox.push(batch),
    })
  }

  transaction(transaction: Transaction): void {
    this.#feed.transaction(transaction)
  }

  signal(signal: Signal): void {
    this.#feed.signal(signal)
  }

  incident(change: IncidentChange): void {
    this.#feed.incident(change)
  }

  /** Where the inventory writes what changed. */
  get inventory(): InventoryRows {
    return this.#feed
  }

  /** A second of event time is over. */
  tick(now: EventTime): void {
    const { funnel, weirds, counters } = this.#telemetry
    this.#feed.quality(now, funnel.totals(), weirds.entries(), counters.entries(), funnel.bySource())
  }

  /** A second of host time is over: rows leave even when few come. */
  beat(now: EventTime): void {
    this.#feed.tick(now)
  }

  /** For inputs that can wait. */
  room(): Promise<void> | undefined {
    return this.#outbox.room()
  }

  /** How many batches were sent. */
  get sent(): number {
    return this.#outbox.sent
  }

  /** Every batch before this one is settled. */
  get oldestUnsettled(): number {
    return this.#outbox.oldestUnsettled
  }

  /** From now on: whether the input may have been read before. */
  reread(may: boolean): void {
    this.#feed.reread(may)
  }

  settled(sequence: number): void {
    this.#outbox.settled(sequence)
  }

  /** End of input: resolves when everything is sealed, or after `withinMs`. */
  async finish(now: EventTime, withinMs: number): Promise<void> {
    if (Number.isFinite(now)) this.tick(now)
    this.#feed.flush()
    await this.#outbox.settledAll(withinMs)
  }
}
