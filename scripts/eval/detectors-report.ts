import { type EventTime, SECOND_US } from '../../daemon/model/time.ts'
import { INTENSITIES, type Intensity } from '../../world/attacks/attack.ts'
import { ATTACKS, attackNamed } from '../../world/attacks/registry.ts'
import { hasDetector, withoutAttack } from './detectors-plan.ts'
import { type AttackOutcome, type FalseIncident, median, type WorldResult, wilsonLow } from './detectors-score.ts'

/** Recall that the lower end of its confidence interval must reach. */
const RECALL: Readonly<Record<Intensity, number>> = { blatant: 0.97, moderate: 0.88, stealthy: 0.6 }
const PRECISION = 0.97
const FALSE_PER_MILLION = 10
const FALSE_PER_POLICY_WEEK = 2
const INCIDENTS_PER_ATTACK = 1.5
const DELAY_REQUESTS = 25

/** One class at one intensity. */
export interface ClassRow {
  readonly name: string
  readonly intensity: Intensity
  readonly detector: boolean
  readonly attacks: number
  readonly found: number
  /** Lower end of the confidence interval of recall. */
  readonly low: number
  readonly byOwn: number
  readonly incidentsPerAttack: number | null
  readonly delayRequests: number | null
  readonly delaySeconds: number | null
}

/** An attack that nothing was told of. */
export interface Missed {
  readonly world: number
  readonly name: string
  readonly intensity: Intensity
  readonly requests: number
  readonly firstAt: EventTime
}

export interface Gate {
  readonly what: string
  readonly value: number
  readonly limit: number
  readonly least: boolean
  readonly passed: boolean
}

export interface Report {
  readonly benign: number
  readonly hostile: number
  readonly weeks: number
  readonly incidents: number
  readonly classes: readonly ClassRow[]
  readonly gates: readonly Gate[]
  readonly false_incidents: readonly (FalseIncident & { readonly world: number })[]
  /** With a detector that should have told. */
  readonly missed: readonly Missed[]
  /** Of which nothing passed a tap: neither found nor missed, and counted nowhere else. */
  readonly unseen: readonly Missed[]
  /** Detectors of the contract that no attack of the world is meant for. */
  readonly without_attack: readonly string[]
  readonly records_per_cpu_second: number
}

export function reportOf(worlds: readonly WorldResult[]): Report {
  const scores = worlds.flatMap(({ outcomes }) => outcomes).filter(isSeen)
  const classes = rowsOf(scores)
  const falseOnes = worlds.flatMap(({ number, falseIncidents }) =>
    falseIncidents.map((each) => ({ ...each, world: number })),
  )
  const sum = (of: (world: WorldResult) => number) => worlds.reduce((total, world) => total + of(world), 0)
  const benign = sum((world) => world.benign)
  const hostile = sum((world) => world.hostile)
  const incidents = sum((world) => world.incidents)
  const cpuUs = sum((world) => world.cpuUs)
  const weeks = sum((world) => world.days) / 7
  return {
    benign,
    hostile,
    weeks,
    incidents,
    classes,
    gates: gatesOf(scores, falseOnes, { benign, incidents, weeks }),
    false_incidents: falseOnes,
    missed: notFound(worlds, isSeen),
    unseen: notFound(worlds, (each) => !isSeen(each)),
    without_attack: withoutAttack(),
    records_per_cpu_second: Math.round((benign + hostile) / (cpuUs / SECOND_US)),
  }
}

function notFound(worlds: readonly WorldResult[], which: (each: AttackOutcome) => boolean): Missed[] {
  return worlds.flatMap(({ number, outcomes }) =>
    outcomes
      .filter((each) => isGated(each.name) && !each.found && which(each))
      .map(({ name, intensity, requests, firstAt }) => ({ world: number, name, intensity, requests, firstAt })),
  )
}

function rowsOf(scores: readonly AttackOutcome[]): ClassRow[] {
  const groups = grouped(scores, ({ name, intensity }) => `${name} ${intensity}`)
  const inOrder = ATTACKS.flatMap(({ name }) =>
    INTENSITIES.map((intensity) => groups.get(`${name} ${intensity}`) ?? []),
  )
  return inOrder.flatMap((group) => {
    if (group.length === 0) return []
    const { name, intensity } = group[0]!
    const found = group.filter(isFound)
    return {
      name,
      intensity,
      detector: isGated(name),
      attacks: group.length,
      found: found.length,
      low: wilsonLow(found.length, group.length),
      byOwn: group.filter((each) => each.own > 0).length,
      incidentsPerAttack: incidentsPerAttack(found),
      delayRequests: median(found.map((each) => each.delayRequests)),
      delaySeconds: found.length === 0 ? null : median(found.map((each) => each.delayUs))! / SECOND_US,
    }
  })
}

function isFound({ found }: AttackOutcome): boolean {
  return found
}

function isSeen({ seen }: AttackOutcome): boolean {
  return seen
}

function isGated(name: string): boolean {
  return hasDetector(attackNamed(name)!)
}

function grouped<T>(list: readonly T[], by: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const each of list) {
    const group = groups.get(by(each))
    if (group === undefined) groups.set(by(each), [each])
    else group.push(each)
  }
  return groups
}

function incidentsPerAttack(found: readonly AttackOutcome[]): number | null {
  return found.length === 0 ? null : found.reduce((sum, each) => sum + Math.max(1, each.incidents), 0) / found.length
}

function gatesOf(
  scores: readonly AttackOutcome[],
  falseOnes: readonly FalseIncident[],
  { benign, incidents, weeks }: { readonly benign: number; readonly incidents: number; readonly weeks: number },
): Gate[] {
  const gates: Gate[] = []
  const least = (what: string, value: number, limit: number) =>
    gates.push({ what, value, limit, least: true, passed: value >= limit })
  const most = (what: string, value: number, limit: number) =>
    gates.push({ what, value, limit, least: false, passed: value <= limit })
  const gated = scores.filter(({ name }) => isGated(name))
  for (const intensity of INTENSITIES) {
    const group = gated.filter((each) => each.intensity === intensity)
    const found = group.filter(isFound)
    least(`recall, ${intensity}, at least (95 %)`, wilsonLow(found.length, group.length), RECALL[intensity])
  }
  const found = gated.filter(isFound)
  least('precision of incidents', incidents === 0 ? 0 : 1 - falseOnes.length / incidents, PRECISION)
  most('false incidents per million benign', (falseOnes.length * 1e6) / Math.max(1, benign), FALSE_PER_MILLION)
  const policies = new Map<string, number>()
  for (const { policy } of falseOnes) policies.set(policy, (policies.get(policy) ?? 0) + 1)
  const worst = Math.max(0, ...policies.values())
  most('false incidents per week, worst policy', worst / weeks, FALSE_PER_POLICY_WEEK)
  most('incidents per attack', incidentsPerAttack(found) ?? 0, INCIDENTS_PER_ATTACK)
  most('median delay, attack requests', median(found.map((each) => each.delayRequests)) ?? 0, DELAY_REQUESTS)
  return gates
}

export function tableOf(report: Report): string {
  const { benign, hostile, weeks, incidents, classes, gates, false_incidents: falseOnes, missed, unseen } = report
  const lines = [
    `${benign} benign transactions and ${hostile} of attacks in ${weeks.toFixed(2)} weeks of event time; ${incidents} incidents, ${falseOnes.length} of them false; ${report.records_per_cpu_second} records per CPU second`,
    '',
    `${'class'.padEnd(30)}${'intensity'.padEnd(11)}attacks  found  at least  own detector  incidents  requests    seconds`,
  ]
  for (const row of classes.filter(({ detector }) => detector)) lines.push(rowText(row))
  lines.push('', 'without a detector of their own, not gated; what others found of them:')
  for (const row of classes.filter(({ detector }) => !detector)) lines.push(rowText(row))
  lines.push('', `no attack in this world is meant for: ${report.without_attack.join(', ')}`, '')
  for (const { what, value, limit, least, passed } of gates) {
    lines.push(
      `${passed ? 'ok  ' : 'FAIL'}  ${what.padEnd(42)}${value.toFixed(3).padStart(9)}   ${least ? '>=' : '<='} ${limit}`,
    )
  }
  if (falseOnes.length > 0) lines.push('', 'false incidents, one of each sort:')
  for (const [sort, same] of grouped(falseOnes, ({ policy, truth }) => `${policy}, was ${truth}`)) {
    const { title, why } = same[0]!
    lines.push(`  ${same.length} x ${sort}; worlds ${worldsOf(same)}`, `      ${title}: ${why}`)
  }
  if (missed.length > 0) lines.push('', 'missed, with the world and how many requests it was:')
  for (const [sort, same] of grouped(missed, ({ name, intensity }) => `${name} ${intensity}`)) {
    lines.push(`  ${sort}: ${same.map(missText).join(', ')}`)
  }
  if (unseen.length > 0) {
    const names = unseen.map(({ world, name, intensity }) => `${name}/${intensity} (world ${world})`)
    lines.push('', `nothing of these passed a tap, they count nowhere: ${names.join(', ')}`)
  }
  return lines.join('\n')
}

function worldsOf(list: readonly { readonly world: number }[]): string {
  return [...new Set(list.map(({ world }) => world))].join(', ')
}

function missText({ world, requests, firstAt }: Missed): string {
  const at = firstAt === 0 ? '' : `, ${new Date(firstAt / 1000).toISOString().slice(5, 16)}`
  return `world ${world} (${requests}${at})`
}

function rowText(row: ClassRow): string {
  const { name, intensity, attacks, found, low, byOwn, incidentsPerAttack: each, delayRequests, delaySeconds } = row
  const cells = [
    String(attacks).padStart(7),
    String(found).padStart(7),
    `${(100 * low).toFixed(1)} %`.padStart(10),
    String(byOwn).padStart(14),
    (each?.toFixed(2) ?? '-').padStart(11),
    (delayRequests === null ? '-' : String(delayRequests)).padStart(10),
    (delaySeconds?.toFixed(0) ?? '-').padStart(11),
  ]
  return `${name.padEnd(30)}${intensity.padEnd(11)}${cells.join('')}`
}
