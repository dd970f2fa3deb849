import type { Incident } from '../model/incident.ts'
import { SEVERITIES, type Severity } from '../model/signal.ts'
import { SECOND_US } from '../model/time.ts'
import { durationUs } from './duration.ts'
import type { PolicyFile } from './policy-file.ts'

export type Expectation = PolicyFile['tests'][number]['expect']

/** What is not as a test of a policy expects, as sentences; none when it passes. */
export function unmet(file: PolicyFile, expect: Expectation, incidents: readonly Incident[]): string[] {
  const own = incidents.filter(({ policy }) => policy === file.metadata.id)
  const wrong: string[] = []
  if (own.length !== expect.incidents) wrong.push(`expected ${counted(expect.incidents)}, found ${own.length}`)
  const gravest = gravestOf(own)
  if (expect.severity !== undefined && gravest !== expect.severity) {
    wrong.push(`expected severity ${expect.severity}, found ${gravest ?? 'none'}`)
  }
  if (expect.openedWithin !== undefined) {
    const most = durationUs(expect.openedWithin)
    for (const incident of own) {
      const took = incident.openedAt - (incident.evidence[0]?.time ?? incident.openedAt)
      if (took > most)
        wrong.push(`opened after ${Math.ceil(took / SECOND_US)}s, expected ${expect.openedWithin} at most`)
    }
  }
  if (expect.actions !== undefined) {
    const taken = stepsTaken(file, gravest)
    if (taken.join() !== expect.actions.join()) {
      wrong.push(`expected actions ${list(expect.actions)}, found ${list(taken)}`)
    }
  }
  return wrong
}

/** Steps that are worth it at this severity, in file order; whether a guard would hold one back is known only live. */
export function stepsTaken(file: PolicyFile, gravest: Severity | null): string[] {
  if (gravest === null) return []
  const reached = SEVERITIES.indexOf(gravest)
  return file.respond.filter(({ guard }) => SEVERITIES.indexOf(guard.minSeverity) <= reached).map(({ id }) => id)
}

export function gravestOf(incidents: readonly Incident[]): Severity | null {
  return incidents.reduce<Severity | null>(
    (gravest, { severity }) =>
      gravest === null || SEVERITIES.indexOf(severity) > SEVERITIES.indexOf(gravest) ? severity : gravest,
    null,
  )
}

const counted = (count: number) => `${count} ${count === 1 ? 'incident' : 'incidents'}`
const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '))
