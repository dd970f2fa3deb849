import { DETECTOR_IDS } from '../../analyzers/detector-ids.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { DAY_US, HOUR_US } from '../../daemon/model/time.ts'
import { Random } from '../../demo/random.ts'
import { type Assault, type Attack, assault, INTENSITIES, type Intensity } from '../../world/attacks/attack.ts'
import { ATTACKS } from '../../world/attacks/registry.ts'
import { DEFAULT_START_US } from '../../world/world.ts'

/** Attacks of a class without a detector in relation to those that recall is measured on. */
const UNGATED_SHARE = 1 / 10
/** Attacks begin when an operator's would have learnt for a day of work, and early enough to come to their end. */
const FROM = 0.3
const TO = 0.85
/** Hours of the day in which what is released is released (UTC, as the world's people live). */
const WORK_FROM = 7
const WORK_TO = 20
/** Of each class and intensity in one of the long worlds that some attacks need. */
const IN_LONG_WORLD = 10

export interface PlanSettings {
  readonly seed: string
  /** Of each class that has a detector, at each intensity. */
  readonly attacks: number
  /** As many as there are attacks: each world holds one of a kind. Fewer are denser than any company's days. */
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
  readonly days: number
  readonly assaults: readonly Assault[]
  readonly planned: readonly Planned[]
}

interface Draft {
  readonly attack: Attack
  readonly intensity: Intensity
  readonly number: number
  /** Modulo the worlds of its kind. */
  readonly world: number
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
 * its size and pace. Crowds follow one another, and so do conditions of services, in working hours. What takes weeks has worlds of
 * its own, after the others, with one of each twin as they have.
 */
export function planWorlds({ seed, attacks, worlds, days, classes }: PlanSettings): WorldPlan[] {
  const random = new Random(`detectors/${seed}`)
  const named = classesNamed(classes)
  const long = named.filter(({ leastDays }) => leastDays > days)
  const longWorlds = Math.ceil(Math.max(0, ...long.map((attack) => countOf(attack, attacks))) / IN_LONG_WORLD)
  const longDays = Math.max(0, ...long.map(({ leastDays }) => leastDays))
  const drafts = named.flatMap((attack) => draftsOf(attack, seed, countOf(attack, attacks)))
  return Array.from({ length: worlds + longWorlds }, (_, number): WorldPlan => {
    const isLong = number >= worlds
    const own = drafts.filter(({ attack, world }) =>
      isLong
        ? attack.leastDays > days && world % longWorlds === number - worlds
        : attack.leastDays <= days && world % worlds === number,
    )
    const twins = named.filter(({ detector }) => detector === null).map((attack) => twinOf(attack, seed, number))
    // Nights and noons: a run begins at any hour. Weekends it has in its course.
    const drawnUs = DEFAULT_START_US + Math.floor(7 * 24 * random.next()) * HOUR_US
    const lasts = isLong ? longDays : days
    const plan = { seed: `${seed}-${number}`, startUs: afterWorkdays(drawnUs, lasts), days: lasts }
    return planned(plan, [...own, ...twins], random.fork(`turns of ${number}`))
  })
}

/** Puts them into the time of their world. */
function planned(
  plan: Pick<WorldPlan, 'seed' | 'startUs' | 'days'>,
  drafts: readonly Draft[],
  random: Random,
): WorldPlan {
  const { startUs, days } = plan
  const [from, to] = [startUs + FROM * days * DAY_US, startUs + TO * days * DAY_US]
  const all: { readonly draft: Draft; readonly atUs: number }[] = []
  for (const draft of drafts) {
    if (draft.attack.grip !== 'callers') continue
    const last = Math.min(to, startUs + (days - draft.attack.leastDays) * DAY_US)
    const first = Math.min(from, last)
    all.push({ draft, atUs: first + (last - first) * draft.random.next() })
  }
  for (const grip of ['crowd', 'service'] as const) {
    const inTurn = random.shuffled(drafts.filter(({ attack }) => attack.grip === grip))
    for (const [i, draft] of inTurn.entries()) {
      const share = (i + 0.5 * draft.random.next()) / inTurn.length
      all.push({ draft, atUs: grip === 'crowd' ? from + (to - from) * share : workingTime(from, to, share) })
    }
  }
  return {
    ...plan,
    assaults: all.map(({ draft: { attack, intensity, number, random: own }, atUs }) =>
      assault(attack, intensity, number, Math.round(atUs), own.fork('size')),
    ),
    planned: all.map(({ draft: { attack, intensity, number } }) => ({
      attack,
      intensity,
      label: `${attack.name}/${intensity}#${number}`,
    })),
  }
}

/**
 * The start, or the next day's at this hour from which on, until attacks begin, half of the working hours pass that could. A weekend
 * teaches nothing of what staff do: who begins with one has not learnt for a day.
 */
function afterWorkdays(drawnUs: number, days: number): number {
  const starts = Array.from({ length: 7 }, (_, later) => drawnUs + later * DAY_US)
  const worked = starts.map((startUs) => workHours(startUs, startUs + FROM * days * DAY_US))
  return starts[worked.findIndex((hours) => 2 * hours >= Math.max(...worked))]!
}

/** From Monday to Friday. */
function workHours(fromUs: number, toUs: number): number {
  let count = 0
  for (let at = fromUs; at < toUs; at += HOUR_US) {
    const hour = Math.floor(at / HOUR_US)
    // The first of January 1970 was a Thursday.
    const weekday = (Math.floor(hour / 24) + 3) % 7
    if (weekday < 5 && isWorkHour(hour)) count++
  }
  return count
}

function isWorkHour(hour: number): boolean {
  return hour % 24 >= WORK_FROM && hour % 24 < WORK_TO
}

/** The time when so large a share of the working hours between is over. */
function workingTime(fromUs: number, toUs: number, share: number): number {
  const hours: number[] = []
  for (let at = fromUs; at < toUs; at += HOUR_US) {
    if (isWorkHour(Math.floor(at / HOUR_US))) hours.push(at)
  }
  if (hours.length === 0) return fromUs + (toUs - fromUs) * share
  const place = share * hours.length
  return hours[Math.floor(place)]! + (place % 1) * HOUR_US
}

/** Number i of each intensity goes to another world than number i + 1. */
function draftsOf(attack: Attack, seed: string, count: number): Draft[] {
  if (attack.detector === null) return []
  return INTENSITIES.flatMap((intensity) => {
    const shift = new Random(`detectors/${seed}/${attack.name}/${intensity}`).between(0, 999)
    return Array.from({ length: count }, (_, i) => ({
      attack,
      intensity,
      number: i + 1,
      world: i + shift,
      random: new Random(`detectors/${seed}/${attack.name}/${intensity}/${i}`),
    }))
  })
}

/** A world has one of each, now at this intensity, now at that. */
function twinOf(attack: Attack, seed: string, world: number): Draft {
  const random = new Random(`detectors/${seed}/${attack.name}/${world}`)
  return { attack, intensity: random.pick(INTENSITIES), number: world + 1, world, random }
}

function countOf(attack: Attack, attacks: number): number {
  return hasDetector(attack) ? attacks : Math.max(1, Math.round(attacks * UNGATED_SHARE))
}
