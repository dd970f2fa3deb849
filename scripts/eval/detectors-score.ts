import { shownAs } from '../../analyzers/finding.ts'
import type { Incident, IncidentChange } from '../../daemon/model/incident.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { Attack, Intensity } from '../../world/attacks/attack.ts'
import type { Condition } from '../../world/condition.ts'
import type { Truth } from '../../world/exchange.ts'
import type { Planned } from './detectors-plan.ts'

/**
 * An attack has a part in an incident from this share of its evidence, or when the incident is of the detector that it is meant for
 * and names who made it among those involved, or shows a request of it: a second leak of an endpoint is one incident with the first. An
 * incident is true from the share TRUE of attacks'.
 */
const PART = 0.1
const TRUE = 0.5

/** What became of one attack. */
export interface AttackOutcome {
  /** Of its class. */
  readonly name: string
  readonly intensity: Intensity
  /** Whether it has a part in any. */
  readonly found: boolean
  /** Whether anything of it could be seen: what meets a service that has gone, or a tap that shows nothing, leaves no trace. */
  readonly seen: boolean
  /** It made; and when the first ended, 0 of none. */
  readonly requests: number
  readonly firstAt: EventTime
  /** That are mostly of it: where attacks overlap, each incident counts for one of them. */
  readonly incidents: number
  /** That it has a part in, of the detector it is named after. */
  readonly own: number
  /** Its requests until the first of them opened, that request included; and microseconds. -1 of one that was not found. */
  readonly delayRequests: number
  readonly delayUs: EventTime
}

/** What came of one world; plain, so that another process can hand it over. */
export interface WorldResult {
  /** Its place among the worlds of its plan. */
  readonly number: number
  /** Of event time. */
  readonly days: number
  readonly benign: number
  readonly hostile: number
  readonly incidents: number
  readonly outcomes: readonly AttackOutcome[]
  readonly falseIncidents: readonly FalseIncident[]
  /** What the program took. */
  readonly cpuUs: number
}

interface AttackScore {
  readonly attack: Attack
  readonly intensity: Intensity
  requests: number
  firstAt: EventTime
  isFound: boolean
  readonly own: Set<string>
  delayRequests: number
  delayUs: EventTime
}

/** An incident that no attack stands behind. */
export interface FalseIncident {
  readonly policy: string
  readonly title: string
  readonly why: string
  /** What most of its evidence was: a twin's name, or who did what. */
  readonly truth: string
}

interface Seen {
  readonly label: string | null
  readonly told: string
}

/** Takes one world's transactions with their truth, and the incidents as they are reported; says what was found. */
export class DetectorJudge {
  readonly #attacks = new Map<string, AttackScore>()
  readonly #imposed: readonly Condition[]
  /** By name and intensity of what is no attack: detectors that may tell of it. */
  readonly #rightly = new Map<string, readonly string[]>()
  benign = 0
  hostile = 0
  readonly #seen = new Map<string, Seen>()
  readonly #incidents = new Map<string, Incident>()
  /** Attacks by who made their requests, as incidents name them. */
  readonly #makers = new Map<string, Set<string>>()
  readonly #kinds = new Map<string, Seen>()

  /** `imposed`: what was done to services; it grows while the world goes on. */
  constructor(planned: readonly Planned[], imposed: readonly Condition[]) {
    this.#imposed = imposed

    for (const { attack, intensity, label } of planned) {
      if (attack.detector === null) {
        this.#rightly.set(kindOf(label), attack.rightly)
        continue
      }
      this.#attacks.set(label, {
        attack,
        intensity,
        requests: 0,
        firstAt: 0,
        isFound: false,
        own: new Set(),
        delayRequests: -1,
        delayUs: -1,
      })
    }
  }

  take(transaction: Transaction, truth: Truth): void {
    const { id, endTime } = transaction
    const { attack, twin, role, service, operation } = truth
    this.#seen.set(
      id,
      this.#kindOf(attack, (twin === null ? null : kindOf(twin)) ?? `${role}: ${service} ${operation}`),
    )
    if (attack === null) {
      this.benign++
      return
    }
    this.hostile++
    const score = this.#attacks.get(attack)
    if (score === undefined) return
    if (score.requests++ === 0) score.firstAt = endTime
    const name = shownAs(transaction.principal)
    const made = this.#makers.get(name)
    if (made === undefined) this.#makers.set(name, new Set([attack]))
    else made.add(attack)
  }

  incident({ incident }: IncidentChange): void {
    this.#incidents.set(incident.id, incident)
    const { labels, total } = this.#evidence(incident)
    const parts = new Set(this.#named(incident))
    for (const [label, count] of labels) {
      if (label === null) continue
      const detector = this.#attacks.get(label)?.attack.detector
      if (count >= PART * total || incident.detectors.some((id) => id === detector)) parts.add(label)
    }
    for (const label of parts) {
      const score = this.#attacks.get(label)
      if (score === undefined || this.#isProvoked(label, incident)) continue
      if (!score.isFound) {
        score.isFound = true
        score.delayRequests = score.requests
        // A service that is gone gets no requests.
        score.delayUs = score.requests === 0 ? 0 : incident.updatedAt - score.firstAt
      }
      if (incident.detectors.includes(score.attack.detector!)) score.own.add(incident.id)
    }
  }

  /** But those that an attack is after. */
  get incidents(): number {
    return this.#counted().length
  }

  #counted(): Incident[] {
    return [...this.#incidents.values()].filter((incident) => {
      const { labels } = this.#evidence(incident)
      return ![...labels.keys()].some((label) => label !== null && this.#isProvoked(label, incident))
    })
  }

  /** An alarm that was set off on purpose: it says nothing of what it is set off for. */
  #isProvoked(label: string, { detectors }: Incident): boolean {
    const attack = this.#attacks.get(label)?.attack
    return attack?.provokes === true && !detectors.some((detector) => detector === attack.detector)
  }

  /** Of world `number`; `days`: how long it was; `cpuUs`: what the program took for it. */
  result(number: number, days: number, cpuUs: number): WorldResult {
    const mostly = this.#mostly()
    const outcomes = [...this.#attacks].map(
      ([label, { attack, intensity, isFound, requests, firstAt, own, delayRequests, delayUs }]): AttackOutcome => ({
        name: attack.name,
        intensity,
        found: isFound,
        // What happens to a whole service makes no requests of its own.
        seen: requests > 0 || isFound || attack.grip === 'service',
        requests,
        firstAt,
        incidents: mostly.get(label) ?? 0,
        own: own.size,
        delayRequests,
        delayUs,
      }),
    )
    const { benign, hostile, incidents } = this
    return { number, days, benign, hostile, incidents, outcomes, falseIncidents: this.#falseIncidents(), cpuUs }
  }

  /** Incidents by the attack that most of their evidence is of. */
  #mostly(): ReadonlyMap<string | null, number> {
    const counts = new Map<string | null, number>()
    for (const incident of this.#counted()) {
      const { labels } = this.#evidence(incident)
      labels.delete(null)
      const [most] = [...labels].sort((a, b) => b[1] - a[1])
      if (most !== undefined) counts.set(most[0], (counts.get(most[0]) ?? 0) + 1)
    }
    return counts
  }

  /** Attacks that the incident is meant for and names the makers of. */
  *#named({ detectors, subject: { value, members } }: Incident): IterableIterator<string> {
    for (const name of [value, ...members]) {
      for (const label of this.#makers.get(name) ?? []) {
        const detector = this.#attacks.get(label)?.attack.detector
        if (detector !== undefined && detector !== null && detectors.includes(detector)) yield label
      }
    }
  }

  #falseIncidents(): FalseIncident[] {
    const found: FalseIncident[] = []
    for (const incident of this.#incidents.values()) {
      const { labels, truths, total } = this.#evidence(incident)
      if (total > 0 && total - (labels.get(null) ?? 0) >= TRUE * total) continue
      const { policy, title, why } = incident
      const [truth] = [...truths].sort((a, b) => b[1] - a[1])[0] ?? ['no evidence']
      if (this.#rightly.get(truth)?.some((id) => incident.detectors.some((detector) => detector === id)) === true)
        continue
      found.push({ policy, title, why, truth })
    }
    return found
  }

  #evidence(incident: Incident): {
    labels: Map<string | null, number>
    truths: Map<string, number>
    total: number
  } {
    const { evidence, detectors, service, openedAt, subject } = incident
    const labels = new Map<string | null, number>()
    const truths = new Map<string, number>()
    for (const { transactionId } of evidence) {
      const { label, told } = this.#seen.get(transactionId)!
      labels.set(label, (labels.get(label) ?? 0) + 1)
      if (label === null) truths.set(told, (truths.get(told) ?? 0) + 1)
    }
    if (evidence.length > 0) return { labels, truths, total: evidence.length }
    // What is missing is no evidence: it is what was done to the service at that time, or to the operations that are named.
    for (const { label, service: of, operation, fromUs, untilUs } of this.#imposed) {
      // Of a tap that shows nothing no service is told.
      if (service !== null && of.host !== service) continue
      const named = [subject.value, ...subject.members]
      const isMeant =
        operation === null
          ? openedAt >= fromUs && openedAt <= untilUs
          : incident.updatedAt >= fromUs && named.includes(`${of.host} ${operation.template}`)
      if (!isMeant || label.attack === null) continue
      if (!detectors.includes(this.#attacks.get(label.attack)?.attack.detector ?? '')) continue
      labels.set(label.attack, 1)
      if (operation === null) break
    }
    if (labels.size > 0) return { labels, truths, total: labels.size }
    // What a baseline became is no evidence either: it is of who made it so.
    for (const label of this.#named(incident)) return { labels: new Map([[label, 1]]), truths, total: 1 }
    // And of whom it names, where it names many.
    for (const name of subject.members) {
      const [label = null] = this.#makers.get(name) ?? []
      labels.set(label, (labels.get(label) ?? 0) + 1)
    }
    return { labels, truths, total: subject.members.length }
  }

  /** One object for each sort of transaction: there are millions of them. */
  #kindOf(label: string | null, told: string): Seen {
    const key = `${label} ${told}`
    let kind = this.#kinds.get(key)
    if (kind === undefined) {
      kind = { label, told }
      this.#kinds.set(key, kind)
    }
    return kind
  }
}

/** `twin.flash_sale/blatant` of `twin.flash_sale/blatant#3`. */
function kindOf(label: string): string {
  return label.slice(0, label.indexOf('#'))
}

/** Lower end of the 95 % confidence interval of a share (Wilson 1927), 0 of none. */
export function wilsonLow(hits: number, trials: number): number {
  if (trials === 0) return 0
  const z = 1.96
  const share = hits / trials
  const spread = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))
  return Math.max(0, (share + (z * z) / (2 * trials) - spread) / (1 + (z * z) / trials))
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}
