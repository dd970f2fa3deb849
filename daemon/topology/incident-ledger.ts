import type { DurableMap } from '../durable/durable-map.ts'
import type { HeldIncident, Incident, IncidentChange, IncidentStatus } from '../model/incident.ts'
import type { EventTime } from '../model/time.ts'
import { isJudged, type Verdict } from '../model/verdict.ts'
import type { Standing } from '../response/response.ts'

/** One incident as control keeps it. */
export interface LedgerEntry {
  readonly incident: Incident
  readonly keys: readonly string[]
  /** Grows by one with each state told; the store keeps the highest. */
  readonly version: number
  readonly history: readonly LedgerStep[]
  /** What the newest state is, until its rows are sealed and its event is in the outbox; told again after a kill in between. */
  readonly untold: IncidentChange['kind'] | null
}

export interface LedgerStep {
  /** Event time, microseconds. */
  readonly at: number
  readonly kind: IncidentChange['kind']
  readonly version: number
  readonly why: string
}

/** A state that became known: to be stored, told and acted on. */
export interface LedgerChange extends IncidentChange {
  readonly version: number
  readonly history: readonly LedgerStep[]
}

export interface LedgerOptions {
  readonly entries: DurableMap<LedgerEntry>
  /** What is done about an incident now. */
  readonly standing: (incident: Incident) => Standing
  /** Must seal its rows and queue its event. */
  readonly tell: (change: LedgerChange) => Promise<void>
  /** The disk refused: it is told all the same. */
  readonly unsaved: (error: unknown) => void
}

const MAX_CLOSED = 10_000
const MAX_STEPS = 100
/** As many as the engine's book keeps, open and closed. */
const MAX_HELD = 2000

/**
 * Every open incident and the newest closed ones, durable before anybody is told. Older ones are in the store alone.
 *
 * A change that is not newer than what is known (a file read again after a kill) is no change. A state counts as told when `tell` has resolved.
 */
export class IncidentLedger {
  readonly #entries: DurableMap<LedgerEntry>
  readonly #tell: LedgerOptions['tell']
  readonly #standing: LedgerOptions['standing']
  readonly #unsaved: LedgerOptions['unsaved']
  /** By incident: states are told one after the other. */
  readonly #telling = new Map<string, Promise<void>>()

  constructor({ entries, standing, tell, unsaved }: LedgerOptions) {
    this.#entries = entries
    this.#standing = standing
    this.#tell = tell
    this.#unsaved = unsaved
  }

  /** Tells what a kill left untold. */
  async resume(): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      if (entry.untold !== null) await this.#told(entry.untold, entry)
    }
  }

  get(id: string): LedgerEntry | undefined {
    return this.#entries.get(id)
  }

  /** Newest update first. */
  newest(): LedgerEntry[] {
    return [...this.#entries.values()].sort(
      (a, b) => b.incident.updatedAt - a.incident.updatedAt || (a.incident.id < b.incident.id ? 1 : -1),
    )
  }

  /** For the engine to go on with: the open ones, and the newest closed ones, which may be reopened. */
  held(): HeldIncident[] {
    return this.newest()
      .slice(0, MAX_HELD)
      .map(({ incident, keys }) => ({ incident, keys }))
  }

  /** What the engine found. Resolves when it is told. */
  async take(change: IncidentChange): Promise<void> {
    const { incident, keys } = change
    const before = this.#entries.get(incident.id)
    if (before !== undefined && !isNewer(incident, before.incident)) return
    // A verdict that was taken back here meanwhile.
    if (before !== undefined && isJudged(incident.status) && !isJudged(before.incident.status)) return
    // An opening that is known is an update of it.
    const known = before !== undefined && change.kind === 'opened' && before.incident.closedAt === null
    const kind = known ? 'updated' : change.kind
    const now = this.#withActions(kind === 'opened' ? incident : withJudgement(incident, before?.incident))
    const verdict = before?.incident.verdict
    await this.#put(
      kind,
      verdict === undefined ? now : { ...now, verdict },
      keys,
      now.closedAt ?? now.updatedAt,
      now.why,
    )
    if (kind === 'closed') await this.#forgetOldest()
  }

  /**
   * A person has said what it is: false and benign close it; anything else takes that back, and it goes on unless it would have
   * been silent for `autoCloseUs` by now. The same verdict again changes nothing. Resolves when it is told.
   */
  async judge({ incidentId, is, who, reason, at }: Verdict, autoCloseUs: EventTime): Promise<void> {
    const entry = this.#entries.get(incidentId)
    if (entry === undefined || entry.incident.verdict?.at === at) return
    const { kind, ...state } = judgedAs(entry.incident, is, at, autoCloseUs)
    const incident = this.#withActions({ ...entry.incident, ...state, verdict: { is, who, reason, at } })
    await this.#put(kind, incident, entry.keys, at, `${FOUND[is]} by ${who}: ${reason}`)
    if (kind === 'closed') await this.#forgetOldest()
  }

  /** What was done about it changed. */
  async acted(id: string, at: number, why: string): Promise<void> {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const incident = this.#withActions(entry.incident)
    const same =
      incident.status === entry.incident.status &&
      incident.simulated === entry.incident.simulated &&
      incident.actions.join() === entry.incident.actions.join()
    if (!same) await this.#put('updated', incident, entry.keys, at, why)
  }

  async #put(
    kind: IncidentChange['kind'],
    incident: Incident,
    keys: readonly string[],
    at: number,
    why: string,
  ): Promise<void> {
    const before = this.#entries.get(incident.id)
    const version = (before?.version ?? 0) + 1
    const steps = [...(before?.history ?? []), { at, kind, version, why }]
    // How it began, and what is newest.
    const history = steps.length > MAX_STEPS ? [steps[0]!, ...steps.slice(1 - MAX_STEPS)] : steps
    const entry: LedgerEntry = { incident, keys, version, history, untold: kind }
    await this.#entries.set(incident.id, entry).catch(this.#unsaved)
    await this.#told(kind, entry)
  }

  #told(kind: IncidentChange['kind'], entry: LedgerEntry): Promise<void> {
    const { id } = entry.incident
    const telling = (this.#telling.get(id) ?? Promise.resolve()).then(async () => {
      await this.#tell({ kind, ...entry })
      const now = this.#entries.get(id)
      if (now?.version === entry.version) await this.#entries.set(id, { ...now, untold: null }).catch(this.#unsaved)
    })
    const settled = telling
      .catch(() => undefined)
      .then(() => {
        if (this.#telling.get(id) === settled) this.#telling.delete(id)
      })
    this.#telling.set(id, settled)
    return telling
  }

  #withActions(incident: Incident): Incident {
    const { actions, simulated, contained } = this.#standing(incident)
    return { ...incident, actions, simulated, status: statusWith(incident, contained) }
  }

  async #forgetOldest(): Promise<void> {
    const closed = [...this.#entries.values()].filter(({ incident }) => incident.closedAt !== null)
    if (closed.length <= MAX_CLOSED) return
    closed.sort((a, b) => a.incident.closedAt! - b.incident.closedAt!)
    for (const { incident } of closed.slice(0, closed.length - MAX_CLOSED))
      await this.#entries.delete(incident.id).catch(this.#unsaved)
  }
}

const FOUND = {
  attack: 'found to be an attack',
  benign: 'found to be benign',
  false: 'found to be false',
  none: 'the verdict was taken back',
} as const

function judgedAs(
  { status, closedAt, updatedAt }: Incident,
  is: Verdict['is'],
  at: EventTime,
  autoCloseUs: EventTime,
): Pick<Incident, 'status' | 'closedAt'> & Pick<IncidentChange, 'kind'> {
  if (is === 'benign' || is === 'false') return { kind: 'closed', status: is, closedAt: closedAt ?? at }
  if (!isJudged(status)) return { kind: 'updated', status, closedAt }
  // The engine judges alike (IncidentBook.judge).
  if (at - updatedAt >= autoCloseUs) return { kind: 'closed', status: 'resolved', closedAt }
  return { kind: 'opened', status: 'open', closedAt: null }
}

/** What the engine tells of one before it has heard the verdict neither opens nor resolves it. */
function withJudgement(incident: Incident, before: Incident | undefined): Incident {
  if (before === undefined || !isJudged(before.status)) return incident
  return { ...incident, status: before.status, closedAt: before.closedAt }
}

function statusWith({ status, closedAt }: Incident, contained: boolean): IncidentStatus {
  if (closedAt !== null || (status !== 'open' && status !== 'contained')) return status
  return contained ? 'contained' : 'open'
}

function isNewer(incident: Incident, known: Incident): boolean {
  return (
    incident.updatedAt > known.updatedAt ||
    incident.signalCount > known.signalCount ||
    (incident.closedAt !== null && known.closedAt === null)
  )
}
