import type { ValidatedConfig } from '../config/schema.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import type { RowSink } from '../model/row-batch.ts'
import type { Signal } from '../model/signal.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { ControlRows } from './control-rows.ts'
import { RowStage } from './row-stage.ts'

/** A replay can wait as long as the store needs. */
const FINISH_MS = 10 * 60_000

/**
 * What a replay finds, as rows: those that the engine makes, and those of control, without what only a running daemon does. The same files
 * give the same ids and versions, so a second replay adds nothing.
 */
export class ReplayRows {
  readonly #stage: RowStage
  readonly #incidents: ControlRows
  /** What was written last of each incident. */
  readonly #newest = new Map<string, { readonly version: number; readonly incident: Incident }>()
  #failed: unknown = null

  constructor(store: RowSink, config: ValidatedConfig, telemetry: Telemetry) {
    this.#stage = new RowStage({
      config,
      telemetry,
      reread: true,
      send: (sequence, batch) => {
        store
          .seal(batch)
          .catch((error: unknown) => this.#fail(error))
          .finally(() => this.#stage.settled(sequence))
      },
    })
    this.#incidents = new ControlRows(store)
  }

  transaction(transaction: Transaction): void {
    this.#stage.transaction(transaction)
  }

  signal(signal: Signal): void {
    this.#stage.signal(signal)
  }

  incident(change: IncidentChange): void {
    const { kind, incident } = change
    const version = (this.#newest.get(incident.id)?.version ?? 0) + 1
    this.#newest.set(incident.id, { version, incident })
    this.#stage.incident(change)
    const step = { at: incident.closedAt ?? incident.updatedAt, kind, version, why: incident.why }
    this.#incidents.incident({ ...change, version, history: [step] }).catch((error: unknown) => this.#fail(error))
  }

  tick(now: EventTime): void {
    this.#stage.tick(now)
  }

  room(): Promise<void> | undefined {
    return this.#stage.room()
  }

  /** `incidents` in their final state. Resolves when everything is in the spool. @throws what kept a batch out of it. */
  async finish(now: EventTime, incidents: readonly Incident[]): Promise<void> {
    for (const incident of incidents) {
      const written = this.#newest.get(incident.id)?.incident
      if (written?.signalCount !== incident.signalCount) this.incident({ kind: 'updated', incident, keys: [] })
    }
    await this.#stage.finish(now, FINISH_MS)
    await this.#incidents.close()
    if (this.#failed === null) return
    throw new OffpathError('OFFPATH_E_STORE', `not everything could be stored: ${String(this.#failed)}`, {
      remedy: 'Replay it again: what is stored is not stored twice.',
      cause: this.#failed,
    })
  }

  #fail(error: unknown): void {
    this.#failed ??= error
  }
}
