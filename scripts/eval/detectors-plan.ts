import { DETECTORS } from '../../analyzers/registry.ts'
import { DAY_US } from '../../daemon/model/time.ts'
import { Random } from '../../demo/random.ts'
import { type Assault, type Attack, assault, INTENSITIES, type Intensity } from '../../world/attacks/attack.ts'
import { ATTACKS } from '../../world/attacks/registry.ts'
import { DEFAULT_START_US } from '../../world/world.ts'

/** Attacks of a class without a detector, and twins, in relation to those that recall is measured on. */
const UNGATED_SHARE = 1 / 30
const TWIN_SHARE = 1 / 20
/** Attacks begin when an operator's would have learnt for some hours, and early enough to come to their end. */
const FROM = 0.15
const TO = 0.7

export interface PlanSettings {
  readonly seed: string
  /** Of each class that has a detector, at each intensity. */
  readonly attacks: number
  readonly worlds: number
  readonly days: number
  /** Beginnings of the names of classes; empty: all. */
  readonly classes: readonly string[]
}

/** One attack or twin that takes place. */
export interface Planned {
  readonly attack: Attack
  readonly intensity: Intensity
  /** As the truth of its transactions says. */
  readonly label: string
}

export interface WorldPlan {
  readonly seed: string
  readonly startUs: number
  readonly assaults: readonly Assault[]
  readonly planned: readonly Planned[]
}

export function hasDetector({ detector }: Attack): boolean {
  return DETECTORS.some(({ id }) => id === detector)
}

/** What happens in each world. Every instance has its own size and pace. */
export function planWorlds({ seed, attacks, worlds, days, classes }: PlanSettings): WorldPlan[] {
  const random = new Random(`detectors/${seed}`)
  const plans = Array.from({ length: worlds }, (_, world) => ({
    seed: `${seed}-${world}`,
    // Weekdays and weekends, nights and noons: a run begins at any hour of the week.
    startUs: DEFAULT_START_US + Math.floor(7 * 24 * random.next()) * (DAY_US / 24),
    assaults: [] as Assault[],
    planned: [] as Planned[],
  }))
  const wanted = ATTACKS.filter(
    ({ name }) => name.startsWith('twin.') || classes.length === 0 || classes.some((each) => name.startsWith(each)),
  )
  let turn = 0
  for (const attack of wanted) {
    const count = countOf(attack, attacks)
    for (const intensity of INTENSITIES) {
      for (let i = 0; i < count; i++) {
        const plan = plans[turn++ % worlds]!
        const number = plan.assaults.length + 1
        const atUs = Math.round(plan.startUs + (FROM + (TO - FROM) * random.next()) * days * DAY_US)
        plan.assaults.push(assault(attack, intensity, number, atUs, random.fork(`${turn}`)))
        plan.planned.push({ attack, intensity, label: `${attack.name}/${intensity}#${number}` })
      }
    }
  }
  return plans
}

function countOf(attack: Attack, attacks: number): number {
  if (attack.detector === null) return Math.max(1, Math.round(attacks * TWIN_SHARE))
  return hasDetector(attack) ? attacks : Math.max(1, Math.round(attacks * UNGATED_SHARE))
}
