import { isPseudonym, shortPseudonym } from '../daemon/identity/pseudonym.ts'
import type { Incident } from '../daemon/model/incident.ts'
import { escapeTerminal } from '../sinks/escape.ts'

/**
 * Compares what Offpath found with what was planted. An incident counts for an attack when the detector is one that
 * should see it, it names the attacker or the attacked account, the endpoint (or, where the attack is on no endpoint,
 * the service) is the attacked one, and it opened while the attack ran or within LATE_MS of its last request. Everything else is false,
 * also what was found in the day that was only to be learned from.
 */
export interface PlantedAttack {
  readonly name: string
  readonly title: string
  readonly detectors: readonly string[]
  /** `ip 192.0.2.61`, `user u_1042`: what `subject` of an incident may say. */
  readonly subjects: readonly { readonly kind: string; readonly value: string }[]
  /** Template, or null when the attack is on paths that are no endpoint. */
  readonly endpoint: string | null
  readonly service: string
  /** When it really ran. */
  readonly firstMs: number
  readonly lastMs: number
}

export interface Verdict {
  readonly attack: PlantedAttack
  /** Those that count for it, earliest first; empty when it was missed. */
  readonly incidents: readonly Incident[]
}

export interface Scorecard {
  readonly verdicts: readonly Verdict[]
  readonly falseIncidents: readonly Incident[]
  /** Everything found and nothing else said. */
  readonly clean: boolean
}

/** The last answer, its way to the analyzer, and a closing window of a detector. */
const LATE_MS = 5_000
/** Capture and demo read one clock, but not in the same instant. */
const EARLY_MS = 250

export function scorecard(attacks: readonly PlantedAttack[], incidents: readonly Incident[]): Scorecard {
  const byTime = [...incidents].sort((a, b) => a.openedAt - b.openedAt)
  const verdicts = attacks.map((attack) => ({ attack, incidents: byTime.filter((incident) => fits(attack, incident)) }))
  const explained = new Set(verdicts.flatMap((verdict) => verdict.incidents))
  const falseIncidents = byTime.filter((incident) => !explained.has(incident))
  const clean = verdicts.every((verdict) => verdict.incidents.length > 0) && falseIncidents.length === 0
  return { verdicts, falseIncidents, clean }
}

function fits(attack: PlantedAttack, incident: Incident): boolean {
  const { subject } = incident
  const openedMs = incident.openedAt / 1000
  return (
    attack.detectors.includes(incident.detector) &&
    attack.subjects.some((known) => known.kind === subject.kind && known.value === subject.value) &&
    (incident.service === null || incident.service === attack.service) &&
    (attack.endpoint === null ? incident.service !== null : incident.endpoints.includes(attack.endpoint)) &&
    openedMs >= attack.firstMs - EARLY_MS &&
    openedMs <= attack.lastMs + LATE_MS
  )
}

/** The card as lines for a terminal. Times are from `startedMs`. */
export function renderScorecard(card: Scorecard, startedMs: number): string[] {
  const lines = card.verdicts.flatMap(({ attack, incidents }) => {
    const first = incidents[0]
    if (first === undefined) return [`  MISSED  ${attack.title}`]
    const afterS = (first.openedAt / 1000 - attack.firstMs) / 1000
    return [
      `  found   ${attack.title}, ${afterS.toFixed(1)} s after its first request`,
      `          ${first.severity}, ${shownSubject(first)}: ${escapeTerminal(first.why)}`,
    ]
  })
  for (const incident of card.falseIncidents) {
    const at = clock(incident.openedAt / 1000 - startedMs)
    lines.push(`  FALSE   ${at} ${incident.detector}  ${shownSubject(incident)}  ${escapeTerminal(incident.why)}`)
  }
  const found = card.verdicts.filter((verdict) => verdict.incidents.length > 0).length
  lines.push(`${found} of ${card.verdicts.length} planted attacks found, ${card.falseIncidents.length} false incidents`)
  return lines
}

/** Who or what an incident is about, short enough for a line: the first digits of a pseudonym tell it apart. */
export function shownSubject({ subject }: Incident): string {
  return isPseudonym(subject.value) ? shortPseudonym(subject.value) : escapeTerminal(subject.value)
}

/** `0:21`: minutes and seconds of the scene; `-` and hours before it. */
export function clock(ms: number): string {
  if (ms < 0) return `-${(-ms / 3_600_000).toFixed(1)}h`
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
