import type { DurableMap } from '../durable/durable-map.ts'
import type { EventTime } from '../model/time.ts'
import type { Verdict, VerdictIs } from '../model/verdict.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { IncidentLedger } from './incident-ledger.ts'

/** As many as the ledger keeps closed incidents: a verdict outlives what it is about at most. */
const MOST_KEPT = 10_000
/** Of these the engine is told at its start; what was said of older ones has long had its effect. */
const MOST_TOLD = 1000

/** What a person says of an incident. */
export interface Saying {
  readonly is: VerdictIs
  readonly who: string
  readonly reason: string
}

export interface KeptVerdict extends Verdict {
  /** It has had its effect here. */
  readonly settled: boolean
}

export interface VerdictLedgerOptions {
  readonly verdicts: DurableMap<KeptVerdict>
  readonly incidents: IncidentLedger
  /** How far the engine has read; null before the first record. */
  readonly eventTime: () => EventTime | null
  /** How long an incident of this policy may be silent before it is closed. */
  readonly autoCloseUs: (policy: string) => EventTime
  readonly nowMs: () => number
  /** The incident is judged: store the word, end what was done, ask the budget. */
  readonly judged: (verdict: Verdict) => Promise<void>
  /** The engine, at the event time of the verdict. */
  readonly tell: (verdict: Verdict) => void
}

/**
 * What people said of incidents: on disk before it takes effect, and taken up again by the next start where a kill came in between.
 * The newest word on an incident holds; the same word said again is the one that stands.
 */
export class VerdictLedger {
  readonly #options: VerdictLedgerOptions
  /** One after the other: a word must know the one before it. */
  #saying: Promise<unknown> = Promise.resolve()

  constructor(options: VerdictLedgerOptions) {
    this.#options = options
  }

  /** Oldest first, those that were taken back included. */
  all(): KeptVerdict[] {
    return [...this.#options.verdicts.values()].sort((a, b) => a.at - b.at)
  }

  /** For the engine at its start. */
  newest(): readonly Verdict[] {
    return this.all().slice(-MOST_TOLD)
  }

  /** Does what a kill left undone. */
  async resume(): Promise<void> {
    for (const verdict of this.all()) if (!verdict.settled) await this.#apply(verdict)
  }

  /** Resolves when it is on disk and has taken effect here. */
  say(incidentId: string, saying: Saying): Promise<Verdict> {
    const said = this.#saying.then(() => this.#say(incidentId, saying))
    this.#saying = said.catch(() => undefined)
    return said
  }

  async #say(incidentId: string, { is, who, reason }: Saying): Promise<Verdict> {
    const { verdicts, incidents, eventTime, nowMs } = this.#options
    const incident = incidents.get(incidentId)?.incident
    if (incident === undefined) {
      throw new OffpathError('OFFPATH_E_NOT_FOUND', `the daemon keeps no incident ${incidentId.slice(0, 64)}`, {
        remedy: 'offpath incident list; of closed ones the newest 10,000 are kept',
      })
    }
    const before = verdicts.get(incidentId)
    if (before?.is === is) {
      if (!before.settled) await this.#apply(before)
      return before
    }
    if (is === 'none' && before === undefined) {
      throw new OffpathError('OFFPATH_E_STATE', `nothing was said of incident ${incidentId}`)
    }
    const { policy, detector, openedAt, updatedAt, subject } = incident
    const verdict: KeptVerdict = {
      incidentId,
      is,
      who,
      reason,
      at: Math.max(eventTime() ?? 0, updatedAt, (before?.at ?? 0) + 1),
      saidAtMs: nowMs(),
      version: (before?.version ?? 0) + 1,
      policy,
      detector,
      openedAt,
      subject: { kind: subject.kind, value: subject.value },
      settled: false,
    }
    // Before it is on disk nobody is told that it was taken.
    await verdicts.set(incidentId, verdict)
    await this.#apply(verdict)
    await this.#forgetOldest()
    return verdict
  }

  async #apply(verdict: KeptVerdict): Promise<void> {
    const { verdicts, incidents, autoCloseUs, judged, tell } = this.#options
    await incidents.judge(verdict, autoCloseUs(verdict.policy))
    tell(verdict)
    await judged(verdict)
    await verdicts.set(verdict.incidentId, { ...verdict, settled: true })
  }

  async #forgetOldest(): Promise<void> {
    const { verdicts } = this.#options
    if (verdicts.size <= MOST_KEPT) return
    const oldest = [...verdicts.values()].sort((a, b) => a.saidAtMs - b.saidAtMs).slice(0, verdicts.size - MOST_KEPT)
    for (const { incidentId } of oldest) await verdicts.delete(incidentId)
  }
}
