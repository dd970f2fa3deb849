import type { HeldIncident, Incident, IncidentChange, IncidentStatus } from '../model/incident.ts'
import { SEVERITIES, type Severity, type Signal } from '../model/signal.ts'
import { type EventTime, SECOND_US } from '../model/time.ts'
import { EvidenceList } from './evidence-list.ts'
import { incidentId } from './incident-id.ts'
import { Involved } from './involved.ts'
import type { FoldingRule } from './rules.ts'

/** An update is worth telling when it is graver, or after this long; a flood of signals is still one incident. */
const UPDATE_EVERY_US = 10 * SECOND_US
const MAX_ENDPOINTS = 100
const MAX_ACCOUNTS = 100
/** Ends the sentence of an incident of which a part was seen by a blind sensor. */
const SEEN_BLIND = ' (Seen while the sensor missed part of the traffic: numbers are lower bounds.)'

/** What a case is from its first moment on. */
interface Beginning {
  readonly id: string
  readonly detector: string
  readonly openedAt: EventTime
  readonly severity: Severity
  readonly evidence: EvidenceList
  readonly involved: Involved
}

/** One incident while it can still change. */
export class Case {
  readonly id: string
  /** Changes when policies are loaded anew; the case goes on under the rule of the same policy. */
  rule: FoldingRule
  readonly keys = new Set<string>()
  readonly openedAt: EventTime
  updatedAt: EventTime
  closedAt: EventTime | null = null
  status: IncidentStatus = 'open'
  /** State of the last change handed out, to tell what is worth another. */
  #reportedAt: EventTime
  #reportedCount = 0
  #reportedSeverity: Severity
  #reportedSuccess = 0
  readonly #detector: string
  readonly #evidence: EvidenceList
  readonly #involved: Involved
  readonly #detectors = new Set<string>()
  readonly #owasp = new Set<string>()
  readonly #attack = new Set<string>()
  readonly #endpoints = new Set<string>()
  readonly #accounts = new Set<string>()
  #severity: Severity
  #signals = 0
  /** Up to then an earlier life has counted: what it read may be read again. */
  #countedUntil = Number.NEGATIVE_INFINITY
  #maturity = 0
  #pSuccess = 0
  /** By endpoint and subject, what the newest signal counted: the sum over them is the incident's. */
  readonly #exposed = new Map<string, number>()
  /** What was reported before a restart; the parts it was the sum of are not known any more. */
  #exposedBefore = 0
  /** Sentence and service of the gravest part, as told by the newest signal about it. */
  #why = ''
  #service: string | null = null
  /** A blind sensor saw some of it. */
  #blind = false
  /** What the records of the newest signal's source do not say. */
  #limits: string | null = null

  private constructor(rule: FoldingRule, beginning: Beginning) {
    this.rule = rule
    this.id = beginning.id
    this.#detector = beginning.detector
    this.openedAt = beginning.openedAt
    this.updatedAt = beginning.openedAt
    this.#reportedAt = beginning.openedAt
    this.#severity = beginning.severity
    this.#reportedSeverity = beginning.severity
    this.#evidence = beginning.evidence
    this.#involved = beginning.involved
  }

  /** `before`: the transactions behind signals that did not reach the budget. The signal itself is still to be added. */
  static open(rule: FoldingRule, key: string, signal: Signal, before: EvidenceList | undefined): Case {
    const evidence = new EvidenceList()
    if (before !== undefined) evidence.addList(before)
    return new Case(rule, {
      id: incidentId(rule.policy, key, signal.time, signal.transactionId ?? ''),
      detector: signal.detector,
      openedAt: signal.time,
      severity: signal.severity,
      evidence,
      involved: new Involved(),
    })
  }

  /**
   * A case as it was when it was last reported. Lost are: what came after that report, keys included; of the exposed objects,
   * which endpoint and subject had how many (the sum is kept as a least value); members over their limit.
   */
  static restore(rule: FoldingRule, { incident, keys }: HeldIncident): Case {
    const evidence = EvidenceList.restore(incident.evidence, incident.transactionCount, incident.completeness)
    const involved = Involved.restore(incident)
    const held = new Case(rule, { ...incident, evidence, involved })
    for (const key of keys) held.keys.add(key)
    held.updatedAt = incident.updatedAt
    held.closedAt = incident.closedAt
    held.status = incident.status
    for (const detector of incident.detectors) held.#detectors.add(detector)
    for (const tag of incident.owaspAll) held.#owasp.add(tag)
    for (const tag of incident.attack) held.#attack.add(tag)
    for (const endpoint of incident.endpoints) held.#endpoints.add(endpoint)
    for (const account of incident.outcome.accounts) held.#accounts.add(account)
    held.#signals = incident.signalCount
    held.#countedUntil = incident.updatedAt
    held.#maturity = incident.maturity
    held.#pSuccess = incident.outcome.pSuccess
    held.#exposedBefore = incident.outcome.objectsExposed
    held.#why = incident.why
    held.#service = incident.service
    held.#blind = incident.doubts.includes('blind')
    held.#markReported()
    return held
  }

  #isCounted({ time, transactionId }: Signal): boolean {
    return time <= this.#countedUntil && transactionId !== null && this.#evidence.has(transactionId)
  }

  get transactionCount(): number {
    return this.#evidence.count
  }

  /**
   * @param hopsConfigured whether only hops that the operator named are believed about addresses
   * @param blind whether the sensor misses part of the traffic now
   */
  add(signal: Signal, hopsConfigured: boolean, blind: boolean): void {
    this.updatedAt = signal.time
    // What the sensor says of itself is no less true for that.
    if (blind && signal.transactionId !== null) this.#blind = true
    if (signal.limits !== undefined) this.#limits = signal.limits
    if (!this.#isCounted(signal)) this.#signals++
    this.#evidence.addSignal(signal)
    this.#detectors.add(signal.detector)
    for (const tag of signal.owasp) this.#owasp.add(tag)
    for (const tag of signal.attack) this.#attack.add(tag)
    if (signal.endpoint !== null && this.#endpoints.size < MAX_ENDPOINTS) this.#endpoints.add(signal.endpoint)
    for (const account of signal.outcome.accounts) if (this.#accounts.size < MAX_ACCOUNTS) this.#accounts.add(account)
    this.#involved.add(signal, hopsConfigured)
    this.#maturity = signal.maturity
    this.#pSuccess = Math.max(this.#pSuccess, signal.outcome.pSuccess)
    const part = `${signal.endpoint} ${signal.subject.value}`
    if (this.#exposed.size < MAX_ENDPOINTS || this.#exposed.has(part)) {
      this.#exposed.set(part, Math.max(this.#exposed.get(part) ?? 0, signal.outcome.objectsExposed))
    }
    if (SEVERITIES.indexOf(signal.severity) < SEVERITIES.indexOf(this.#severity)) return
    this.#severity = signal.severity
    this.#why = signal.why
    this.#service = signal.service
  }

  /** Whether enough has changed since the last report to be worth another. */
  get isNews(): boolean {
    const since = this.updatedAt - this.#reportedAt
    return (
      SEVERITIES.indexOf(this.#severity) > SEVERITIES.indexOf(this.#reportedSeverity) ||
      this.#pSuccess > this.#reportedSuccess + 0.2 ||
      (since >= UPDATE_EVERY_US && this.transactionCount >= 2 * this.#reportedCount) ||
      since >= 6 * UPDATE_EVERY_US
    )
  }

  /** Whether it grew since the last report and has been quiet for a while: then its state is worth telling as it is. */
  isSettled(now: EventTime): boolean {
    return now - this.updatedAt >= UPDATE_EVERY_US
  }

  /** Whether the signal says more than what is known: graver, likelier to have worked, or about somebody else. */
  isGraver(signal: Signal): boolean {
    return (
      SEVERITIES.indexOf(signal.severity) > SEVERITIES.indexOf(this.#severity) ||
      signal.outcome.pSuccess > this.#pSuccess + 0.2 ||
      !this.#involved.knows(signal)
    )
  }

  /** Whether it is about this subject. */
  isAbout({ kind, value }: { readonly kind: string; readonly value: string }): boolean {
    const subject = this.#involved.subject()
    return subject.kind === kind && subject.value === value
  }

  report(kind: IncidentChange['kind']): IncidentChange {
    this.#markReported()
    return { kind, incident: this.snapshot(), keys: [...this.keys] }
  }

  snapshot(): Incident {
    let exposed = 0
    for (const count of this.#exposed.values()) exposed += count
    exposed = Math.max(exposed, this.#exposedBefore)
    const owaspAll = [...this.#owasp].sort()
    return {
      id: this.id,
      policy: this.rule.policy,
      detector: this.#detector,
      detectors: [...this.#detectors],
      owasp: owaspAll[0] ?? null,
      owaspAll,
      attack: [...this.#attack].sort(),
      severity: this.#severity,
      title: this.rule.title,
      why: this.#sentence(),
      openedAt: this.openedAt,
      updatedAt: this.updatedAt,
      closedAt: this.closedAt,
      subject: this.#involved.subject(),
      service: this.#service,
      endpoints: [...this.#endpoints],
      signalCount: this.#signals,
      transactionCount: this.#evidence.count,
      evidence: this.#evidence.refs(),
      outcome: { pSuccess: this.#pSuccess, objectsExposed: exposed, accounts: [...this.#accounts] },
      maturity: this.#maturity,
      completeness: Number(this.#evidence.completeness.toFixed(3)),
      status: this.status,
      actions: [],
      simulated: false,
      targets: this.#involved.targets(),
      doubts: this.#doubts(),
    }
  }

  /** One that was put back has its endings already. */
  #sentence(): string {
    const limits = this.#limits === null ? [] : [` (Seen in records only: ${this.#limits}.)`]
    const endings = this.#blind ? [...limits, SEEN_BLIND] : limits
    return this.#why + endings.filter((ending) => !this.#why.includes(ending)).join('')
  }

  #doubts(): string[] {
    return [
      ...(this.#evidence.isWhole ? [] : ['one_sided']),
      ...(this.#involved.hearsay ? ['forwarded.default'] : []),
      ...(this.#blind ? ['blind'] : []),
      ...(this.#involved.shared ? ['shared_address'] : []),
    ]
  }

  #markReported(): void {
    this.#reportedAt = this.updatedAt
    this.#reportedCount = this.transactionCount
    this.#reportedSeverity = this.#severity
    this.#reportedSuccess = this.#pSuccess
  }
}
