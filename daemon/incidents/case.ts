import type { Incident, IncidentStatus } from '../model/incident.ts'
import { type EvidenceRef, SEVERITIES, type Severity, type Signal } from '../model/signal.ts'
import type { EventTime } from '../model/time.ts'
import { incidentId } from './incident-id.ts'
import type { FoldingRule } from './rules.ts'

/** Evidence kept: how it began, and the newest; what lies between is in the count. */
const FIRST_EVIDENCE = 60
const LAST_EVIDENCE = 40
const MAX_MEMBERS = 100
const MAX_ENDPOINTS = 100
const MAX_ACCOUNTS = 100

/** Transactions gathered, bounded, in order, each once. */
export class EvidenceList {
  readonly #first: EvidenceRef[] = []
  #last: EvidenceRef[] = []
  #newest = ''
  count = 0
  #whole = 0

  add(ref: EvidenceRef): void {
    if (ref.transactionId === this.#newest) return
    this.#newest = ref.transactionId
    this.count++
    if (ref.whole !== false) this.#whole++
    if (this.#first.length < FIRST_EVIDENCE) this.#first.push(ref)
    else {
      if (this.#last.length >= LAST_EVIDENCE) this.#last.shift()
      this.#last.push(ref)
    }
  }

  addSignal(signal: Signal): void {
    for (const ref of signal.evidenceBefore) this.add(ref)
    if (signal.transactionId === null) return
    const { transactionId, status } = signal
    this.add({ transactionId, time: signal.transactionTime ?? signal.time, status, whole: signal.whole !== false })
  }

  addList(other: EvidenceList): void {
    for (const ref of other.refs()) this.add(ref)
  }

  refs(): EvidenceRef[] {
    return [...this.#first, ...this.#last]
  }

  get completeness(): number {
    return this.count === 0 ? 1 : this.#whole / this.count
  }
}

/** One incident while it can still change. */
export class Case {
  readonly id: string
  readonly rule: FoldingRule
  readonly keys = new Set<string>()
  readonly openedAt: EventTime
  updatedAt: EventTime
  closedAt: EventTime | null = null
  status: IncidentStatus = 'open'
  /** State of the last change handed out, to tell what is worth another. */
  reportedAt: EventTime
  reportedCount = 0
  reportedSeverity: Severity
  reportedSuccess = 0
  readonly #evidence = new EvidenceList()
  readonly #owasp = new Set<string>()
  readonly #attack = new Set<string>()
  readonly #endpoints = new Set<string>()
  readonly #accounts = new Set<string>()
  /** Subjects by text, in order of appearance; several when signals about different ones were folded. */
  readonly #subjects = new Map<string, { kind: string; value: string }>()
  readonly #sources = new Map<string, { kind: string; value: string }>()
  readonly #seenFrom = new Set<string>()
  #severity: Severity
  #signals = 0
  #maturity = 0
  #pSuccess = 0
  /** By endpoint and subject, what the newest signal counted: the sum over them is the incident's. */
  readonly #exposed = new Map<string, number>()
  #latest: Signal

  constructor(rule: FoldingRule, key: string, signal: Signal, before: EvidenceList | undefined) {
    this.rule = rule
    this.openedAt = signal.time
    this.updatedAt = signal.time
    this.reportedAt = signal.time
    this.#severity = signal.severity
    this.reportedSeverity = signal.severity
    this.#latest = signal
    if (before !== undefined) this.#evidence.addList(before)
    this.id = incidentId(rule.policy, key, signal.time, signal.transactionId ?? '')
    this.add(signal)
  }

  get severity(): Severity {
    return this.#severity
  }
  get pSuccess(): number {
    return this.#pSuccess
  }
  get transactionCount(): number {
    return this.#evidence.count
  }

  add(signal: Signal): void {
    this.updatedAt = signal.time
    this.#signals++
    this.#evidence.addSignal(signal)
    for (const tag of signal.owasp) this.#owasp.add(tag)
    for (const tag of signal.attack) this.#attack.add(tag)
    if (signal.endpoint !== null && this.#endpoints.size < MAX_ENDPOINTS) this.#endpoints.add(signal.endpoint)
    for (const account of signal.outcome.accounts) if (this.#accounts.size < MAX_ACCOUNTS) this.#accounts.add(account)
    this.#addSubject(signal)
    if (SEVERITIES.indexOf(signal.severity) > SEVERITIES.indexOf(this.#severity)) this.#severity = signal.severity
    this.#maturity = signal.maturity
    this.#pSuccess = Math.max(this.#pSuccess, signal.outcome.pSuccess)
    const part = `${signal.endpoint} ${signal.subject.value}`
    if (this.#exposed.size < MAX_ENDPOINTS || this.#exposed.has(part)) {
      this.#exposed.set(part, Math.max(this.#exposed.get(part) ?? 0, signal.outcome.objectsExposed))
    }
    // The sentence tells the gravest part, told by the newest signal about it.
    if (SEVERITIES.indexOf(signal.severity) >= SEVERITIES.indexOf(this.#latest.severity)) this.#latest = signal
  }

  snapshot(): Incident {
    let exposed = 0
    for (const count of this.#exposed.values()) exposed += count
    const owaspAll = [...this.#owasp].sort()
    return {
      id: this.id,
      policy: this.rule.policy,
      detector: this.rule.detector,
      detectors: [this.rule.detector],
      owasp: owaspAll[0] ?? null,
      owaspAll,
      attack: [...this.#attack].sort(),
      severity: this.#severity,
      title: this.rule.title,
      why: this.#latest.why,
      openedAt: this.openedAt,
      updatedAt: this.updatedAt,
      closedAt: this.closedAt,
      subject: this.#subject(),
      service: this.#latest.service,
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
      targets: [...this.#subjects.values(), ...this.#sources.values()],
      doubts: [],
    }
  }

  #addSubject(signal: Signal): void {
    const shown = shownSubject(signal)
    const { source, source_kind: kind } = signal.evidence
    const named = typeof source === 'string' && typeof kind === 'string' ? { kind, value: source } : null
    if (named !== null && this.#sources.size < MAX_MEMBERS) this.#sources.set(`${named.kind}:${named.value}`, named)
    const { seen_from: seenFrom } = signal.evidence
    if (Array.isArray(seenFrom)) {
      for (const from of seenFrom) if (this.#seenFrom.size < MAX_MEMBERS) this.#seenFrom.add(String(from))
    }
    const text = `${shown.kind}:${shown.value}`
    if (this.#sources.has(text)) return
    if (this.#subjects.size < MAX_MEMBERS) this.#subjects.set(text, shown)
  }

  /** One target: the target, with its sources as members. Several targets of one source: the source, with the targets. */
  #subject(): Incident['subject'] {
    const subjects = [...this.#subjects.values()]
    const sources = [...this.#sources.values()]
    const bySource = sources.length > 0 && subjects.length !== 1
    const main = bySource ? sources[0]! : (subjects[0] ?? sources[0]!)
    const others = bySource ? [...sources.slice(1), ...subjects] : [...subjects.slice(1), ...sources]
    const members = new Set([...others.map((other) => other.value), ...this.#seenFrom])
    members.delete(main.value)
    return { kind: main.kind, value: main.value, members: [...members].slice(0, MAX_MEMBERS) }
  }
}

/** contracts.md, Incident: the address, the user's display, or the pseudonym. */
function shownSubject(signal: Signal): { kind: string; value: string } {
  const { principal, subject } = signal
  const isCaller = subject.kind === principal.kind && subject.value === principal.id
  const display = isCaller && principal.kind === 'user' && principal.display !== '' ? principal.display : subject.value
  return { kind: subject.kind, value: display }
}
