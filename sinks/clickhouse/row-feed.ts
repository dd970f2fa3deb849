import type { ClientState } from '../../daemon/inventory/client.ts'
import type { OperationState } from '../../daemon/inventory/operation.ts'
import type { IncidentChange } from '../../daemon/model/incident.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { Telemetry } from '../../daemon/telemetry/counters.ts'
import type { FunnelStage, LedgerTotals } from '../../daemon/telemetry/funnel.ts'
import type { SourceSample } from '../../daemon/telemetry/source-tallies.ts'
import { encodeTransaction } from '../native-json.ts'
import { CLIENT_COLUMNS, ROUTE_COLUMNS, writeClient, writeMergedRoute, writeRoute } from './inventory-row.ts'
import { maskBody } from './mask-body.ts'
import { QUALITY_COLUMNS, QualityRows } from './quality-rows.ts'
import { RecentTransactions } from './recent-transactions.ts'
import { RowBatches } from './row-batches.ts'
import { SIGNAL_COLUMNS, signalId, writeSignal } from './signal-row.ts'
import { TRANSACTION_COLUMNS, writeTransaction } from './transaction-row.ts'

export interface RowFeedOptions {
  /** Which transactions are stored whole: those behind incidents, all of them, or those behind incidents without bodies. */
  readonly bodies: 'evidence' | 'all' | 'none'
  /** Budget of the transactions that are held for incidents to come, in bytes. */
  readonly evidenceBytes: number
  /** The input may have been read before: batches carry ids. */
  readonly reread: boolean
  /** Takes the batch, bytes included, for good. */
  readonly emit: (batch: RowBatch) => void
  readonly telemetry: Telemetry
}

const EVIDENCE_COLUMNS = ['id', 'ts', 'transaction'] as const
/** Transactions known to be stored as evidence, or gone. An incident names at most 100, so this covers a thousand of them. */
const MAX_SETTLED = 100_000

/**
 * What comes out of the analysis, as rows for the store: serialised as it arrives, so that no second of the loop goes into it at
 * once. Batches leave full (10,000 rows), or when `tick` says that a second is over.
 *
 * Counters: `evidence.stored`, and `evidence.expired` for transactions that an incident named too late.
 */
export class RowFeed {
  readonly #options: RowFeedOptions
  readonly #transactions: RowBatches
  readonly #evidence: RowBatches
  readonly #signals: RowBatches
  readonly #qualityBatches: RowBatches
  readonly #quality: QualityRows
  readonly #routes: RowBatches
  readonly #clients: RowBatches
  readonly #recent: RecentTransactions
  /** Oldest first. */
  readonly #settled = new Set<string>()
  #reread: boolean

  constructor(options: RowFeedOptions) {
    const { emit, reread } = options
    this.#options = options
    this.#reread = reread
    this.#transactions = new RowBatches('transactions', TRANSACTION_COLUMNS, reread, emit)
    this.#evidence = new RowBatches('evidence', EVIDENCE_COLUMNS, reread, emit)
    this.#signals = new RowBatches('signals', SIGNAL_COLUMNS, reread, emit)
    this.#qualityBatches = new RowBatches('capture_quality', QUALITY_COLUMNS, false, emit)
    this.#quality = new QualityRows(this.#qualityBatches)
    this.#routes = new RowBatches('routes', ROUTE_COLUMNS, false, emit)
    this.#clients = new RowBatches('clients', CLIENT_COLUMNS, false, emit)
    this.#recent = new RecentTransactions(options.evidenceBytes)
  }

  transaction(tx: Transaction): void {
    writeTransaction(this.#transactions.at(tx.time), tx)
    this.#transactions.added(tx.id)
    if (this.#options.bodies === 'all') this.#store(tx)
    else this.#recent.push(tx)
  }

  signal(signal: Signal): void {
    const id = signalId(signal)
    writeSignal(this.#signals.at(signal.time), id, signal)
    this.#signals.added(id)
  }

  /** Stores whole what the incident rests on, once. */
  incident({ incident }: IncidentChange): void {
    if (this.#options.bodies === 'all') return
    const wanted = new Set<string>()
    for (const { transactionId } of incident.evidence) {
      if (!this.#settled.has(transactionId)) wanted.add(transactionId)
    }
    if (wanted.size === 0) return
    const found = this.#recent.find(wanted)
    for (const tx of found) this.#store(tx)
    if (found.length < wanted.size) {
      this.#options.telemetry.counters.add('evidence.expired', wanted.size - found.length)
    }
    for (const id of wanted) this.#settle(id)
  }

  /** Of the inventory, as it is at event time `now`. */
  route(now: EventTime, state: OperationState, documented: boolean | null): void {
    writeRoute(this.#routes.at(now), now, state, documented)
    this.#routes.added(null)
  }

  mergedRoute(now: EventTime, service: string, from: string, to: string): void {
    writeMergedRoute(this.#routes.at(now), now, service, from, to)
    this.#routes.added(null)
  }

  client(now: EventTime, state: ClientState): void {
    writeClient(this.#clients.at(now), now, state)
    this.#clients.added(null)
  }

  /** Totals since the start, at event time `now`: call it every second or so. */
  quality(
    now: EventTime,
    funnel: Readonly<Record<FunnelStage, LedgerTotals>>,
    weirds: readonly (readonly [string, number])[],
    counters: readonly (readonly [string, number])[],
    sources: readonly SourceSample[],
  ): void {
    this.#quality.update(now, funnel, weirds, counters, sources)
  }

  /** A second of the host's clock is over: what is under way goes out. A replay lets batches fill instead. */
  tick(_nowEvent: EventTime): void {
    this.#transactions.flush()
    this.#evidence.flush()
    this.#signals.flush()
    this.#qualityBatches.flush()
    this.#routes.flush()
    this.#clients.flush()
  }

  /** The end: everything goes out. */
  flush(): void {
    this.#quality.write()
    this.tick(0)
  }

  /** From now on: whether rows may be stored already. What is under way goes out as it is. */
  reread(may: boolean): void {
    if (may === this.#reread) return
    this.#reread = may
    for (const batches of [this.#transactions, this.#evidence, this.#signals]) batches.reread(may)
  }

  #store(tx: Transaction): void {
    const json = encodeTransaction(tx)
    const row = this.#evidence.at(tx.time)
    row.text(tx.id)
    row.time(tx.time)
    row.text(this.#options.bodies === 'none' ? withoutBodies(json) : withMaskedBodies(json))
    row.endRow()
    this.#evidence.added(tx.id)
    this.#options.telemetry.counters.add('evidence.stored')
  }

  #settle(id: string): void {
    this.#settled.add(id)
    if (this.#settled.size <= MAX_SETTLED) return
    for (const oldest of this.#settled) {
      this.#settled.delete(oldest)
      if (this.#settled.size <= MAX_SETTLED * 0.9) break
    }
  }
}

function withoutBodies(json: string): string {
  const { request_body: _, response_body: __, ...rest } = JSON.parse(json) as Record<string, unknown>
  return JSON.stringify(rest)
}

/** The key order stays. */
function withMaskedBodies(json: string): string {
  const transaction = JSON.parse(json) as { request_body?: string; response_body?: string }
  for (const name of ['request_body', 'response_body'] as const) {
    const body = transaction[name]
    if (body !== undefined) transaction[name] = maskBody(body)
  }
  return JSON.stringify(transaction)
}
