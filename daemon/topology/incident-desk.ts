import type { Logger } from 'pino'
import { actionEvent, type EventContext, incidentEvent } from '../../sinks/webhook/events.ts'
import type { Outbox } from '../../sinks/webhook/outbox.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { Action, Connector } from '../model/action.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import type { EventTime } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { Response } from '../response/response.ts'
import { blastRadius } from './blast-radius.ts'
import type { ControlRows } from './control-rows.ts'
import { IncidentLedger, type LedgerChange, type LedgerEntry } from './incident-ledger.ts'
import type { PolicyDesk } from './policy-desk.ts'
import type { StoreProcess } from './store-process.ts'
import { type KeptVerdict, VerdictLedger } from './verdict-ledger.ts'

/** An incident that is told later than this was found in old traffic: a capture that a command feeds. */
const MAX_LATENCY_SECONDS = 600
/** States of an action that are on the way to one worth telling. */
const UNDER_WAY: ReadonlySet<Action['state']> = new Set(['proposed', 'dispatched', 'reverting'])

export interface IncidentDeskOptions {
  readonly entries: DurableMap<LedgerEntry>
  readonly verdicts: DurableMap<KeptVerdict>
  readonly actions: DurableMap<Action>
  readonly policies: PolicyDesk
  readonly connectors: ReadonlyMap<string, Connector>
  /** What no action may be aimed at, and how many may be live. */
  readonly guards: { readonly never: readonly string[]; readonly maxActive: number }
  readonly outbox: Outbox
  readonly context: EventContext
  /** Null while nothing is stored, both. */
  readonly store: StoreProcess | null
  readonly rows: ControlRows | null
  readonly logger: Logger
  /** How far the engine has read; null before the first record. */
  eventTime(): EventTime | null
  /** An incident was told so many seconds after its evidence was complete. */
  detected(seconds: number): void
  /** The engine must know of it. */
  tellVerdict(verdict: Verdict): void
  /** An incident as it stands, with what was done about it. */
  onIncident(change: IncidentChange): void
}

/**
 * What becomes of an incident in control: it goes into the ledger, then to the store and the receivers, and to the response. What was done
 * about it, and what a person said of it, comes back into the ledger and goes the same way.
 */
export class IncidentDesk {
  readonly #options: IncidentDeskOptions
  readonly ledger: IncidentLedger
  readonly verdicts: VerdictLedger
  readonly response: Response
  /** Changes that are being taken in. */
  readonly #under = new Set<Promise<void>>()

  constructor(options: IncidentDeskOptions) {
    this.#options = options
    const { entries, verdicts, actions, policies, connectors, guards, store, logger } = options
    this.response = new Response({
      actions,
      connectors,
      policies: () => policies.applied(),
      guards,
      ...(store === null ? {} : { blast: blastRadius(store) }),
      onChange: (action, incident) => this.#acted(action, incident),
      nowMs: Date.now,
      random: Math.random,
      logger,
    })
    this.ledger = new IncidentLedger({
      entries,
      standing: (incident) => this.response.standing(incident),
      tell: (change) => this.#tell(change),
      unsaved: (error) => logger.error({ error: String(error) }, 'the state of an incident could not be saved'),
    })
    this.verdicts = new VerdictLedger({
      verdicts,
      incidents: this.ledger,
      eventTime: () => options.eventTime(),
      autoCloseUs: (policy) => policies.autoCloseUs(policy),
      nowMs: Date.now,
      judged: (verdict) => this.#judged(verdict),
      tell: (verdict) => options.tellVerdict(verdict),
    })
  }

  /** Goes on with what the last run left. Before the first change. */
  async resume(): Promise<void> {
    await this.ledger.resume()
    await this.response.start()
    await this.verdicts.resume()
  }

  /** From the engine. */
  take(change: IncidentChange): void {
    this.#keepUnder(
      this.ledger.take(change).then(() => this.#consider(change)),
      { incident: change.incident.id },
      'an incident was not kept',
    )
  }

  /** Resolves when what was taken until now is kept and told. */
  async settled(): Promise<void> {
    await Promise.all(this.#under)
  }

  /** The ledger's state of it, which says what was done. */
  async #consider({ kind, incident, keys }: IncidentChange): Promise<void> {
    const entry = this.ledger.get(incident.id)
    if (entry !== undefined) await this.response.consider({ kind, incident: entry.incident, keys })
  }

  /** What was done about it ends, and its policy is asked how it stands with its budget. */
  async #judged(verdict: Verdict): Promise<void> {
    const stored = this.#options.rows?.verdict(verdict)
    const entry = this.ledger.get(verdict.incidentId)
    const kind = entry?.incident.closedAt === null ? 'updated' : 'closed'
    if (entry !== undefined) await this.#consider({ kind, incident: entry.incident, keys: entry.keys })
    await this.#options.policies.budget.review()
    await stored
  }

  /** A state of an incident is durable: store it, tell it. */
  async #tell(change: LedgerChange): Promise<void> {
    const { policies, rows, outbox, context, detected, onIncident } = this.#options
    const latency = Date.now() / 1000 - change.incident.openedAt / 1_000_000
    if (change.kind === 'opened' && latency < MAX_LATENCY_SECONDS) detected(latency)
    const stored = rows?.incident(change)
    if (policies.modeOf(change.incident.policy) !== 'observe') await outbox.publish(incidentEvent(change, context))
    onIncident(change)
    await stored
  }

  #acted(action: Action, incident: Incident | null): void {
    this.#keepUnder(this.#tellAction(action, incident), { action: action.id }, 'a change of an action was not told')
  }

  async #tellAction(action: Action, incident: Incident | null): Promise<void> {
    const { rows, outbox, context } = this.#options
    const step = action.history.at(-1)
    const stored = rows?.action(action)
    if (!UNDER_WAY.has(action.state)) await outbox.publish(actionEvent('result', action, incident, context))
    const why = `${action.step} ${action.state}${action.simulated ? ' (simulated)' : ''}: ${step?.why ?? ''}`
    await this.ledger.acted(action.incidentId, (step?.atMs ?? Date.now()) * 1000, why)
    await stored
  }

  /** Nobody waits for it here; `failed` is told when it rejects. */
  #keepUnder(taking: Promise<void>, of: object, failed: string): void {
    const taken = taking
      .catch((error: unknown) => this.#options.logger.error({ ...of, error: String(error) }, failed))
      .finally(() => this.#under.delete(taken))
    this.#under.add(taken)
  }
}
