import { DETECTOR_IDS } from '../../analyzers/detector-ids.ts'
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
  /** Names of classes, or beginnings of names where there is no such class; empty: all. */
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

interface Draft {
  readonly attack: Attack
  readonly intensity: Intensity
  readonly number: number
  readonly random: Random
}

export function hasDetector({ detector }: Attack): boolean {
  return DETECTORS.some(({ id }) => id === detector)
}

/** Ids of the contract that no attack of the world is meant for: nothing can be said of them. */
export function withoutAttack(): string[] {
  return DETECTOR_IDS.filter((id) => !ATTACKS.some(({ detector }) => detector === id))
}

/**
 * The classes that are asked for: the one of this very name, or all whose names begin so. Twins are always there, unless some
 * are asked for by name. Throws a RangeError for a name that nothing answers to.
 */
export function classesNamed(names: readonly string[]): Attack[] {
  const wanted = new Set(
    names.flatMap((name) => {
      const exact = ATTACKS.filter((attack) => attack.name === name)
      const named = exact.length > 0 ? exact : ATTACKS.filter((attack) => attack.name.startsWith(name))
      if (named.length === 0) throw new RangeError(`no class is called ${name}, nor begins so`)
      return named
    }),
  )
  const twinsNamed = names.some((name) => name.startsWith('twin.'))
  return ATTACKS.filter((attack) => {
    if (attack.detector === null) return twinsNamed ? wanted.has(attack) : true
    return names.length === 0 || wanted.has(attack)
  })
}

/**
 * What happens in each world. Every instance has a draw of its own, by its name and number: what else takes place does not change
 * its size and pace. Those that take hold of a whole service follow one another.
 */
export function planWorlds({ seed, attacks, worlds, days, classes }: PlanSettings): WorldPlan[] {
  const random = new Random(`detectors/${seed}`)
  const plans = Array.from({ length: worlds }, (_, world) => ({
    seed: `${seed}-${world}`,
    // Weekdays and weekends, nights and noons: a run begins at any hour of the week.
    startUs: DEFAULT_START_US + Math.floor(7 * 24 * random.next()) * (DAY_US / 24),
    assaults: [] as Assault[],
    planned: [] as Planned[],
  }))
  const take = ({ attack, intensity, number, random }: Draft, world: number, share: number): void => {
    const plan = plans[world % worlds]!
    const atUs = Math.round(plan.startUs + (FROM + (TO - FROM) * share) * days * DAY_US)
    plan.assaults.push(assault(attack, intensity, number, atUs, random.fork('size')))
    plan.planned.push({ attack, intensity, label: `${attack.name}/${intensity}#${number}` })
  }
  const drafts = classesNamed(classes).flatMap((attack) => draftsOf(attack, seed, countOf(attack, attacks)))
  for (const draft of drafts) {
    if (!draft.attack.crowded) take(draft, draft.number + draft.random.between(0, worlds - 1), draft.random.next())
  }
  const crowded = random.fork('crowded').shuffled(drafts.filter(({ attack }) => attack.crowded))
  const turns = Math.ceil(crowded.length / worlds)
  for (const [i, draft] of crowded.entries()) {
    take(draft, i, (Math.floor(i / worlds) + 0.5 * draft.random.next()) / turns)
  }
  return plans
}

function draftsOf(attack: Attack, seed: string, count: number): Draft[] {
  return INTENSITIES.flatMap((intensity) =>
    Array.from({ length: count }, (_, i) => ({
      attack,
      intensity,
      number: i + 1,
      random: new Random(`detectors/${seed}/${attack.name}/${intensity}/${i}`),
    })),
  )
}

function countOf(attack: Attack, attacks: number): number {
  if (attack.detector === null) return Math.max(1, Math.round(attacks * TWIN_SHARE))
  return hasDetector(attack) ? attacks : Math.max(1, Math.round(attacks * UNGATED_SHARE))
}
