import type { DetectorSet } from '../../analyzers/analysis.ts'
import { isAboutSource } from '../../analyzers/detectors/capture/sensor-finding.ts'
import type { CallerProfiles } from '../callers/profiles.ts'
import type { EndpointMapper, RenameListener } from '../endpoints/mapper.ts'
import type { Resolver } from '../identity/resolver.ts'
import type { IncidentBook } from '../incidents/incident-book.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { HeldIncident, IncidentChange } from '../model/incident.ts'
import type { LearningPart } from '../model/learning.ts'
import type { Signal } from '../model/signal.ts'
import type { EventTime } from '../model/time.ts'
import type { Transaction } from '../model/transaction.ts'
import type { Verdict } from '../model/verdict.ts'
import { type Occupancies, prefixed } from '../telemetry/occupancy.ts'
import type { SensorReading } from '../telemetry/sensor-windows.ts'
import type { Analysis } from './flows.ts'

/** Who listens to what comes out of the analysis. Anything left out costs nothing. */
export interface AnalysisListeners {
  /** False: `transaction` is done with headers and bodies when it returns. */
  readonly keepsContents?: boolean
  readonly transaction?: (transaction: Transaction) => void
  /** Before the `transaction` that it came of. */
  readonly renamed?: RenameListener
  readonly signal?: (signal: Signal) => void
  readonly incident?: (change: IncidentChange) => void
  /** Event time has moved on by a second, or more. */
  readonly tick?: (now: EventTime) => void
  /** What is read again was learnt before: it is named, so that its rows can be made, and not judged or learnt again. */
  readonly learnt?: (transaction: Transaction) => boolean
}

/** The detecting half: absent when only transactions are asked for. */
export interface Detection {
  readonly profiles: CallerProfiles
  readonly detectors: DetectorSet
  readonly incidents: IncidentBook
}

/**
 * Transactions in (endTime, id) order to principals, endpoints, signals and incidents.
 *
 * Incidents are folded here and not in the control process, so that what an open incident does to a baseline takes
 * effect at the same event time in replay and live, however long a message between processes takes.
 */
export class AnalysisStage implements Analysis {
  readonly #resolver: Resolver
  readonly #endpoints: EndpointMapper
  readonly #detection: Detection | null
  readonly #listeners: AnalysisListeners
  readonly #sense: (now: EventTime) => SensorReading
  /** Released later than event time has come. Control bounds them. */
  #deploys: readonly DeployMark[] = []
  /** Said of incidents, and not heard yet. Control bounds them. */
  #verdicts: readonly Verdict[] = []

  /** `sense` tells, at each tick, what the sources brought and lost up to it. */
  constructor(
    resolver: Resolver,
    endpoints: EndpointMapper,
    detection: Detection | null,
    listeners: AnalysisListeners,
    sense: (now: EventTime) => SensorReading,
  ) {
    this.#sense = sense
    this.#resolver = resolver
    this.#endpoints = endpoints
    endpoints.onRenamed = listeners.renamed ?? null
    this.#detection = detection
    this.#listeners = listeners
  }

  /** All that is learnt. */
  get learning(): readonly LearningPart[] {
    const endpoints = this.#endpoints
    const resolver = this.#resolver
    return [
      {
        name: 'callers',
        version: 1,
        snapshot: () => resolver.snapshot(),
        restore: (line) => resolver.restore(line),
        reset: () => resolver.reset(),
      },
      {
        name: 'endpoints',
        version: 1,
        snapshot: () => endpoints.snapshot(),
        restore: (line) => endpoints.restore(line),
        reset: () => endpoints.reset(),
        shared: { version: 1, tell: () => endpoints.tell(), hear: (lines) => endpoints.hear(lines) },
      },
      ...(this.#detection === null ? [] : [profilesPart(this.#detection.profiles)]),
      ...(this.#detection?.detectors.parts() ?? []),
    ]
  }

  /**
   * Incidents of an earlier run go on; who is suspected still teaches nothing. Before the first transaction. `learntUntil`: what
   * was learnt up to then was put back, suspects included.
   */
  resume(held: readonly HeldIncident[], learntUntil: EventTime | null): void {
    const detection = this.#detection
    if (detection === null) return
    for (const { incident } of held) {
      if (incident.closedAt !== null || incident.updatedAt <= (learntUntil ?? 0)) continue
      for (const detector of incident.detectors) {
        detection.detectors.suspect(detector, incident.subject, true, incident.updatedAt)
      }
    }
    const latest = held.reduce((time, { incident }) => Math.max(time, incident.updatedAt), 0)
    this.#report(detection.incidents.restore(held), detection, latest)
  }

  /** A service was released: detectors hear of it when event time has come to it. */
  deploy(mark: DeployMark): void {
    if (this.#detection !== null) this.#deploys = [...this.#deploys, mark].sort((a, b) => a.at - b.at)
  }

  /** A person has said what an incident is: it counts when event time has come to it. */
  verdict(verdict: Verdict): void {
    if (this.#detection !== null) this.#verdicts = [...this.#verdicts, verdict].sort((a, b) => a.at - b.at)
  }

  /** Whether anybody looks at transactions. */
  get watches(): boolean {
    return this.#detection !== null || this.#listeners.transaction !== undefined
  }

  /** Endpoints are learnt from bodies, too. */
  get readsContents(): boolean {
    return this.watches
  }

  get keepsContents(): boolean {
    return this.#listeners.keepsContents !== false
  }

  push(transaction: Transaction): void {
    if (!this.watches) return
    const learnt = this.#listeners.learnt?.(transaction) === true
    this.#resolver.resolve(transaction, learnt)
    this.#endpoints.map(transaction, learnt)
    const detection = this.#detection
    if (detection !== null) {
      if (learnt) detection.profiles.recall(transaction)
      else detection.profiles.observe(transaction)
    }
    this.#listeners.transaction?.(transaction)
    if (detection === null || learnt) return
    const signals = detection.detectors.observe(transaction, transaction.endTime)
    for (let i = 0; i < signals.length; i++) this.#take(signals[i]!, detection)
  }

  tick(now: EventTime): void {
    const detection = this.#detection
    const reading = this.#sense(now)
    if (detection !== null) {
      this.#released(detection, now)
      this.#judged(detection, now)
      detection.detectors.tick(now)
      const signals = detection.detectors.sense(reading)
      detection.incidents.blind = detection.detectors.learning.blindTo.length > 0
      for (const signal of signals) this.#take(signal, detection)
      this.#report(detection.incidents.tick(now), detection, now)
    }
    this.#listeners.tick?.(now)
  }

  sizes(): Occupancies {
    return {
      ...prefixed('identity', this.#resolver.sizes()),
      ...prefixed('endpoints', this.#endpoints.sizes()),
      ...(this.#detection === null ? {} : prefixed('callers', this.#detection.profiles.sizes())),
      ...this.#detection?.detectors.sizes(),
    }
  }

  #released(detection: Detection, now: EventTime): void {
    while (this.#deploys.length > 0 && this.#deploys[0]!.at <= now) {
      detection.detectors.deployed(this.#deploys[0]!)
      this.#deploys = this.#deploys.slice(1)
    }
  }

  #judged(detection: Detection, now: EventTime): void {
    while (this.#verdicts.length > 0 && this.#verdicts[0]!.at <= now) {
      const { incidentId, is, subject } = this.#verdicts[0]!
      this.#verdicts = this.#verdicts.slice(1)
      this.#report(detection.incidents.judge(incidentId, is, now), detection, now)
      // Another finding about the same caller is not judged with this one.
      if (is === 'false' && !detection.incidents.suspects(subject, incidentId)) detection.detectors.pardon(subject, now)
    }
  }

  #take(signal: Signal, detection: Detection): void {
    if (signal.severity !== 'info') detection.profiles.disturb(signal.principal, signal.time)
    this.#listeners.signal?.(signal)
    this.#report(detection.incidents.push(signal), detection, signal.time)
  }

  #report(changes: readonly IncidentChange[], detection: Detection, now: EventTime): void {
    for (const change of changes) {
      // A source of the sensor is no caller that could have taught anything.
      if (change.kind !== 'updated' && !isAboutSource(change.incident.subject)) {
        for (const detector of change.incident.detectors) {
          detection.detectors.suspect(detector, change.incident.subject, change.kind === 'opened', now)
        }
      }
      this.#listeners.incident?.(change)
    }
  }
}

function profilesPart(profiles: CallerProfiles): LearningPart {
  return {
    name: 'caller-profiles',
    version: 2,
    snapshot: () => profiles.snapshot(),
    restore: (line) => profiles.restore(line),
    reset: () => profiles.reset(),
  }
}
