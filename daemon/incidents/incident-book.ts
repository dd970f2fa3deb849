import type { HeldIncident, Incident, IncidentChange, IncidentStatus } from '../model/incident.ts'
import type { Signal } from '../model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../model/time.ts'
import { isJudged, type VerdictIs } from '../model/verdict.ts'
import type { Telemetry } from '../telemetry/counters.ts'
import { Case } from './case.ts'
import { EvidenceList } from './evidence-list.ts'
import type { FoldingRule } from './rules.ts'

export interface IncidentBookOptions {
  readonly telemetry: Telemetry
  /** Of one policy each. Several may be about the same detector; they fold in this order. */
  readonly rules: readonly FoldingRule[]
  /** Only hops named by the operator are believed about addresses (identity.trusted_hops is not empty). */
  readonly hopsConfigured?: boolean
  readonly maxOpen?: number
  readonly maxClosed?: number
  readonly maxCandidates?: number
}

const SWEEP_EVERY_US = MINUTE_US

interface Candidate {
  readonly evidence: EvidenceList
  at: EventTime
}

/** Life times of a restored incident whose policy is gone. */
const RETIRED = { reopenWithinUs: 6 * HOUR_US, autoCloseUs: 2 * HOUR_US }

const NO_CHANGES: readonly IncidentChange[] = []

/**
 * Folds signals into incidents: one per rule and grouping key, opened by the signal that reaches the rule's budget, updated
 * by what follows, closed after silence, reopened by more of the same within the rule's time. All in event time. One that a
 * person found to be false or benign is reopened only by what is graver, or about somebody else; more of the same is counted
 * as `incidents.judged_again`.
 *
 * Bounds: maxOpen open incidents (the one silent longest is closed, counted as `incidents.evicted`), maxClosed that can be
 * reopened, maxCandidates keys whose signals have not reached the budget yet.
 */
export class IncidentBook {
  readonly #telemetry: Telemetry
  readonly #hopsConfigured: boolean
  #byPolicy: ReadonlyMap<string, FoldingRule> = new Map()
  #byDetector: ReadonlyMap<string, readonly FoldingRule[]> = new Map()
  readonly #maxOpen: number
  readonly #maxClosed: number
  readonly #maxCandidates: number
  /** Oldest update first is kept by re-inserting on update. */
  readonly #open = new Map<string, Case>()
  readonly #closed = new Map<string, Case>()
  readonly #byKey = new Map<string, Case>()
  readonly #candidates = new Map<string, Candidate>()
  /** Open ones that grew since they were last told. */
  readonly #untold = new Set<Case>()
  #sweptAt: EventTime = 0
  /** The sensor misses part of the traffic: what opens or grows now rests on a part of it. */
  blind = false

  constructor(options: IncidentBookOptions) {
    this.#telemetry = options.telemetry
    this.#maxOpen = options.maxOpen ?? 1000
    this.#maxClosed = options.maxClosed ?? 1000
    this.#maxCandidates = options.maxCandidates ?? 4096
    this.#hopsConfigured = options.hopsConfigured ?? false
    this.setRules(options.rules)
  }

  /**
   * Policies were loaded anew. An incident goes on under the rule of its policy, and when the policy is gone it closes by the
   * life times it had. Where a rule groups by something else than before, further signals open a new incident.
   */
  setRules(rules: readonly FoldingRule[]): void {
    this.#byPolicy = new Map(rules.map((rule) => [rule.policy, rule]))
    const byDetector = new Map<string, FoldingRule[]>()
    for (const rule of rules) {
      for (const detector of rule.detectors) byDetector.set(detector, [...(byDetector.get(detector) ?? []), rule])
    }
    this.#byDetector = byDetector
    for (const cases of [this.#open, this.#closed]) {
      for (const held of cases.values()) held.rule = this.#byPolicy.get(held.rule.policy) ?? held.rule
    }
  }

  /**
   * Puts back incidents as they were last reported, before any signal: open ones go on, closed ones can be reopened. Gives the
   * changes of those that are closed because there are more than maxOpen.
   */
  restore(held: readonly HeldIncident[]): readonly IncidentChange[] {
    const changes: IncidentChange[] = []
    const ordered = [...held].sort(
      (a, b) => a.incident.updatedAt - b.incident.updatedAt || (a.incident.id < b.incident.id ? -1 : 1),
    )
    for (const each of ordered) {
      const { incident } = each
      if (this.#open.has(incident.id) || this.#closed.has(incident.id)) continue
      const restored = Case.restore(this.#byPolicy.get(incident.policy) ?? retiredRule(incident), each)
      // An old one that was closed may have had the same keys as a younger one.
      for (const key of restored.keys) this.#byKey.set(key, restored)
      if (incident.closedAt !== null) this.#keepClosed(restored)
      else {
        if (this.#open.size >= this.#maxOpen) this.#evict(incident.updatedAt, changes)
        this.#open.set(incident.id, restored)
      }
    }
    return changes
  }

  push(signal: Signal): readonly IncidentChange[] {
    const rules = this.#byDetector.get(signal.detector)
    if (rules === undefined) {
      this.#telemetry.counters.add('incidents.no_rule')
      return NO_CHANGES
    }
    if (signal.over === true) return this.#end(rules, signal)
    if (signal.severity === 'info') return NO_CHANGES
    // What fell silent before this signal is closed first, however late a tick comes.
    const changes = this.#sweep(signal.time)
    for (const rule of rules) {
      if (rule.accepts(signal)) this.#fold(rule, signal, changes)
      else this.#telemetry.counters.add('incidents.condition_unmet')
    }
    return changes.length === 0 ? NO_CHANGES : changes
  }

  /**
   * A person has said what an incident is: benign and false close it, everything else takes that back, and it goes on where it
   * would not have fallen silent by now. One that is not held any more gives no change.
   */
  judge(id: string, is: VerdictIs, now: EventTime): readonly IncidentChange[] {
    const held = this.#open.get(id) ?? this.#closed.get(id)
    if (held === undefined) return NO_CHANGES
    if (is === 'benign' || is === 'false') {
      if (held.status === is) return NO_CHANGES
      if (this.#open.has(id)) return [this.#closeCase(held, now, is)]
      held.status = is
      return [held.report('closed')]
    }
    if (!isJudged(held.status)) return NO_CHANGES
    if (now - held.updatedAt >= held.rule.autoCloseUs) {
      held.status = 'resolved'
      return [held.report('closed')]
    }
    const changes: IncidentChange[] = []
    this.#reopen(held, now, changes)
    this.#tell('opened', held, changes)
    return changes
  }

  /** Whether an open incident is about this subject, `except` aside. */
  suspects(subject: { readonly kind: string; readonly value: string }, except: string): boolean {
    for (const held of this.#open.values()) if (held.id !== except && held.isAbout(subject)) return true
    return false
  }

  /** Tells the state of what grew and came to rest; closes what fell silent. */
  tick(now: EventTime): readonly IncidentChange[] {
    const settled: IncidentChange[] = []
    for (const held of this.#untold) if (held.isSettled(now)) this.#tell('updated', held, settled)
    if (now - this.#sweptAt < SWEEP_EVERY_US) return settled.length === 0 ? NO_CHANGES : settled
    const changes = [...settled, ...this.#sweep(now)]
    for (const [key, candidate] of this.#candidates) {
      if (now - candidate.at < 6 * 60 * MINUTE_US) break
      this.#candidates.delete(key)
    }
    return changes
  }

  /** The incidents that are open, in their present state, ordered by openedAt. */
  open(): Incident[] {
    return this.held().map(({ incident }) => incident)
  }

  /** The same with their keys: at an orderly end, what restore() loses nothing of. */
  held(): HeldIncident[] {
    return [...this.#open.values()]
      .map((held) => ({ incident: held.snapshot(), keys: [...held.keys] }))
      .sort((a, b) => a.incident.openedAt - b.incident.openedAt || (a.incident.id < b.incident.id ? -1 : 1))
  }

  #fold(rule: FoldingRule, given: Signal, changes: IncidentChange[]): void {
    const severity = rule.severity(given)
    const signal = severity === given.severity ? given : { ...given, severity }
    const parts = rule.keys(signal)
    const keys = parts.map((key) => `${rule.policy} ${key}`)
    const held = this.#find(keys) ?? this.#joined(rule, parts)
    if (held !== undefined && (this.#open.has(held.id) || signal.log10P <= rule.maxLog10P)) {
      if (isJudged(held.status) && !held.isGraver(signal)) this.#telemetry.counters.add('incidents.judged_again')
      else this.#extend(held, keys, signal, changes)
    } else if (signal.log10P <= rule.maxLog10P) this.#openCase(rule, keys, signal, changes)
    else this.#hold(keys[0]!, signal)
  }

  /** What these incidents were about is over: they close now, and not by silence. */
  #end(rules: readonly FoldingRule[], signal: Signal): readonly IncidentChange[] {
    const changes: IncidentChange[] = []
    for (const rule of rules) {
      const held = this.#find(rule.keys(signal).map((key) => `${rule.policy} ${key}`))
      if (held !== undefined && this.#open.has(held.id)) changes.push(this.#closeCase(held, signal.time))
    }
    return changes
  }

  /** The open incident of another policy that is about the same. */
  #joined({ joins }: FoldingRule, parts: readonly string[]): Case | undefined {
    if (joins === undefined || joins.length === 0) return undefined
    const held = this.#find(joins.flatMap((policy) => parts.map((key) => `${policy} ${key}`)))
    return held !== undefined && this.#open.has(held.id) ? held : undefined
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
    const held = Case.open(rule, key, signal, this.#candidates.get(key)?.evidence)
    held.add(signal, this.#hopsConfigured, this.blind)
    this.#candidates.delete(key)
    this.#open.set(held.id, held)
    this.#link(held, keys)
    this.#tell('opened', held, changes)
  }

  #tell(kind: IncidentChange['kind'], held: Case, changes: IncidentChange[]): void {
    this.#untold.delete(held)
    changes.push(held.report(kind))
  }

  #extend(held: Case, keys: readonly string[], signal: Signal, changes: IncidentChange[]): void {
    const reopened = !this.#open.has(held.id)
    if (reopened) this.#reopen(held, signal.time, changes)
    else {
      this.#open.delete(held.id)
      this.#open.set(held.id, held)
    }
    held.add(signal, this.#hopsConfigured, this.blind)
    this.#link(held, keys)
    if (reopened) this.#tell('opened', held, changes)
    else if (held.isNews) this.#tell('updated', held, changes)
    else this.#untold.add(held)
  }

  #reopen(held: Case, now: EventTime, changes: IncidentChange[]): void {
    this.#closed.delete(held.id)
    if (this.#open.size >= this.#maxOpen) this.#evict(now, changes)
    held.status = 'open'
    held.closedAt = null
    this.#open.set(held.id, held)
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

  #closeCase(held: Case, at: EventTime, status: IncidentStatus = 'resolved'): IncidentChange {
    this.#open.delete(held.id)
    held.status = status
    held.closedAt = at
    this.#keepClosed(held)
    this.#untold.delete(held)
    return held.report('closed')
  }

  #keepClosed(held: Case): void {
    if (this.#closed.size >= this.#maxClosed) {
      const oldest = this.#closed.values().next()
      if (oldest.done !== true) this.#forget(oldest.value)
    }
    this.#closed.set(held.id, held)
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
    for (const key of held.keys) if (this.#byKey.get(key) === held) this.#byKey.delete(key)
  }
}

/** Only what closes an incident; its signals come no more. */
function retiredRule({ policy, detectors, title, severity }: Incident): FoldingRule {
  return {
    policy,
    detectors,
    title,
    maxLog10P: 0,
    ...RETIRED,
    accepts: () => false,
    severity: () => severity,
    keys: () => [],
  }
}
