import type { Incident, IncidentChange } from '../model/incident.ts'
import { SEVERITIES, type Signal } from '../model/signal.ts'
import { type EventTime, MINUTE_US, SECOND_US } from '../model/time.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Case, EvidenceList } from './case.ts'
import { BUILT_IN_RULES, type FoldingRule } from './rules.ts'

export interface IncidentBookOptions {
  readonly telemetry: Telemetry
  readonly rules?: readonly FoldingRule[]
  readonly maxOpen?: number
  readonly maxClosed?: number
  readonly maxCandidates?: number
}

/** An update is worth telling when it is graver, or after this long; a flood of signals is still one incident. */
const UPDATE_EVERY_US = 10 * SECOND_US
const SWEEP_EVERY_US = MINUTE_US

interface Candidate {
  readonly evidence: EvidenceList
  at: EventTime
}

const NO_CHANGES: readonly IncidentChange[] = []

/**
 * Folds signals into incidents: one per rule and grouping key, opened by the signal that reaches the rule's budget, updated
 * by what follows, closed after silence, reopened by more of the same within the rule's time. All in event time.
 *
 * Bounds: maxOpen open incidents (the one silent longest is closed, counted as `incidents.evicted`), maxClosed that can be
 * reopened, maxCandidates keys whose signals have not reached the budget yet.
 */
export class IncidentBook {
  readonly #rules = new Map<string, FoldingRule>()
  readonly #telemetry: Telemetry
  readonly #maxOpen: number
  readonly #maxClosed: number
  readonly #maxCandidates: number
  /** Oldest update first is kept by re-inserting on update. */
  readonly #open = new Map<string, Case>()
  readonly #closed = new Map<string, Case>()
  readonly #byKey = new Map<string, Case>()
  readonly #candidates = new Map<string, Candidate>()
  #sweptAt: EventTime = 0

  constructor(options: IncidentBookOptions) {
    this.#telemetry = options.telemetry
    this.#maxOpen = options.maxOpen ?? 1000
    this.#maxClosed = options.maxClosed ?? 1000
    this.#maxCandidates = options.maxCandidates ?? 4096
    for (const rule of options.rules ?? BUILT_IN_RULES) this.#rules.set(rule.detector, rule)
  }

  push(signal: Signal): readonly IncidentChange[] {
    const rule = this.#rules.get(signal.detector)
    if (rule === undefined) {
      this.#telemetry.counters.add('incidents.no_rule')
      return NO_CHANGES
    }
    if (signal.severity === 'info') return NO_CHANGES
    // What fell silent before this signal is closed first, however late a tick comes.
    const changes = this.#sweep(signal.time)
    const keys = rule.keys(signal).map((key) => `${rule.policy} ${key}`)
    const held = this.#find(keys)
    if (held !== undefined && (held.status === 'open' || signal.log10P <= rule.maxLog10P)) {
      this.#extend(held, keys, signal, changes)
    } else if (signal.log10P <= rule.maxLog10P) this.#openCase(rule, keys, signal, changes)
    else this.#hold(keys[0]!, signal)
    return changes.length === 0 ? NO_CHANGES : changes
  }

  /** Closes what fell silent. */
  tick(now: EventTime): readonly IncidentChange[] {
    if (now - this.#sweptAt < SWEEP_EVERY_US) return NO_CHANGES
    const changes = this.#sweep(now)
    for (const [key, candidate] of this.#candidates) {
      if (now - candidate.at < 6 * 60 * MINUTE_US) break
      this.#candidates.delete(key)
    }
    return changes
  }

  /** The incidents that are open, in their present state, ordered by openedAt. */
  open(): Incident[] {
    return [...this.#open.values()]
      .map((held) => held.snapshot())
      .sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1))
  }

  #find(keys: readonly string[]): Case | undefined {
    let found: Case | undefined
    for (const key of keys) {
      const held = this.#byKey.get(key)
      if (held !== undefined && (found === undefined || held.openedAt < found.openedAt)) found = held
    }
    return found
  }

  #openCase(rule: FoldingRule, keys: readonly string[], signal: Signal, changes: IncidentChange[]): void {
    if (this.#open.size >= this.#maxOpen) this.#evict(signal.time, changes)
    const key = keys[0]!
    const held = new Case(rule, key, signal, this.#candidates.get(key)?.evidence)
    this.#candidates.delete(key)
    this.#open.set(held.id, held)
    this.#link(held, keys)
    changes.push(report('opened', held))
  }

  #extend(held: Case, keys: readonly string[], signal: Signal, changes: IncidentChange[]): void {
    const reopened = held.status !== 'open'
    if (reopened) {
      this.#closed.delete(held.id)
      if (this.#open.size >= this.#maxOpen) this.#evict(signal.time, changes)
      held.status = 'open'
      held.closedAt = null
    }
    this.#open.delete(held.id)
    this.#open.set(held.id, held)
    held.add(signal)
    this.#link(held, keys)
    if (reopened) changes.push(report('opened', held))
    else if (isNews(held)) changes.push(report('updated', held))
  }

  #hold(key: string, signal: Signal): void {
    const candidate = this.#candidates.get(key) ?? { evidence: new EvidenceList(), at: signal.time }
    this.#candidates.delete(key)
    if (this.#candidates.size >= this.#maxCandidates) {
      const oldest = this.#candidates.keys().next()
      if (oldest.done !== true) this.#candidates.delete(oldest.value)
      this.#telemetry.counters.add('incidents.candidate_evicted')
    }
    candidate.evidence.addSignal(signal)
    candidate.at = signal.time
    this.#candidates.set(key, candidate)
  }

  #sweep(now: EventTime): IncidentChange[] {
    const changes: IncidentChange[] = []
    if (now - this.#sweptAt < SWEEP_EVERY_US) return changes
    this.#sweptAt = now
    for (const held of this.#open.values()) {
      if (now - held.updatedAt < held.rule.autoCloseUs) continue
      changes.push(this.#closeCase(held, held.updatedAt + held.rule.autoCloseUs))
    }
    for (const held of this.#closed.values()) {
      if (now - held.closedAt! < held.rule.reopenWithinUs) continue
      this.#forget(held)
    }
    return changes
  }

  #evict(now: EventTime, changes: IncidentChange[]): void {
    const oldest = this.#open.values().next()
    if (oldest.done === true) return
    this.#telemetry.counters.add('incidents.evicted')
    changes.push(this.#closeCase(oldest.value, now))
  }

  #closeCase(held: Case, at: EventTime): IncidentChange {
    this.#open.delete(held.id)
    held.status = 'resolved'
    held.closedAt = at
    if (this.#closed.size >= this.#maxClosed) {
      const oldest = this.#closed.values().next()
      if (oldest.done !== true) this.#forget(oldest.value)
    }
    this.#closed.set(held.id, held)
    return report('closed', held)
  }

  #link(held: Case, keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#byKey.has(key) || held.keys.size >= 1000) continue
      this.#byKey.set(key, held)
      held.keys.add(key)
    }
  }

  #forget(held: Case): void {
    this.#closed.delete(held.id)
    for (const key of held.keys) this.#byKey.delete(key)
  }
}

function isNews(held: Case): boolean {
  return (
    SEVERITIES.indexOf(held.severity) > SEVERITIES.indexOf(held.reportedSeverity) ||
    held.pSuccess > held.reportedSuccess + 0.2 ||
    (held.updatedAt - held.reportedAt >= UPDATE_EVERY_US && held.transactionCount >= 2 * held.reportedCount) ||
    held.updatedAt - held.reportedAt >= 6 * UPDATE_EVERY_US
  )
}

function report(kind: IncidentChange['kind'], held: Case): IncidentChange {
  held.reportedAt = held.updatedAt
  held.reportedCount = held.transactionCount
  held.reportedSeverity = held.severity
  held.reportedSuccess = held.pSuccess
  return { kind, incident: held.snapshot(), keys: [...held.keys] }
}
