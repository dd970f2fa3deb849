import type { Random } from '../../demo/random.ts'
import type { Caller, Label } from '../caller.ts'
import type { Script } from '../visits/script.ts'
import type { World } from '../world.ts'

export type Intensity = 'blatant' | 'moderate' | 'stealthy'
export const INTENSITIES: readonly Intensity[] = ['blatant', 'moderate', 'stealthy']

/**
 * What it takes hold of: the callers it brings along, everybody who signs in (two at once could not be told apart), or a whole service
 * and all of its callers.
 */
export type Grip = 'callers' | 'crowd' | 'service'

/** One of those who take part. */
export interface Part {
  readonly caller: Caller
  readonly script: Script
  /** After the beginning. */
  readonly delayUs: number
}

/** A way of attacking, or of looking like an attacker. Truth comes with the label that every exchange of its callers bears. */
export interface Attack {
  /** On the command line. Of an attack: the detector that ought to find it, and where there are several, a word more. */
  readonly name: string
  /** Id of the detector that should open an incident; null for what must stay silent. */
  readonly detector: string | null
  readonly summary: string
  readonly grip: Grip
  /** Days that a run must last to hold it. */
  readonly leastDays: number
  /** Of what is no attack: detectors that are right to tell of it all the same. */
  readonly rightly: readonly string[]
  /** The incidents that it causes are what it is after: only what its own detector tells counts. */
  readonly provokes: boolean
  /** `vary`: numbers of requests, people and seconds are drawn about those of the intensity, not taken as they are. */
  begin(world: World, intensity: Intensity, label: Label, nowUs: number, vary?: Random): readonly Part[]
}

/** What the module of an attack says: its parameters by intensity, and what it does with them. */
interface AttackModule<Parameters> {
  readonly name: string
  readonly detector: string | null
  readonly summary: string
  readonly grip?: Grip
  readonly leastDays?: number
  readonly rightly?: readonly string[]
  readonly provokes?: boolean
  readonly intensities: Readonly<Record<Intensity, Parameters>>
  begin(world: World, parameters: Parameters, label: Label, nowUs: number): readonly Part[]
}

/** An attack in its place: when, how hard, under which label. */
export interface Assault {
  readonly atUs: number
  begin(world: World, nowUs: number): readonly Part[]
}

export function defineAttack<Parameters>(module: AttackModule<Parameters>): Attack {
  const {
    name,
    detector,
    summary,
    grip = 'callers',
    leastDays = 0,
    rightly = [],
    provokes = false,
    intensities,
  } = module
  return {
    name,
    detector,
    summary,
    grip,
    leastDays,
    rightly,
    provokes,
    begin: (world, intensity, label, nowUs, vary) => {
      const parameters = intensities[intensity]
      return module.begin(world, vary === undefined ? parameters : varied(parameters, vary), label, nowUs)
    },
  }
}

/** The least and the most that a varied number is of what it was. */
const VARIED = [0.7, 1.4] as const

/** Counts and times, each times something between 0.7 and 1.4. Shares and statuses stay. */
function varied<Parameters>(parameters: Parameters, random: Random): Parameters {
  const [least, most] = VARIED
  const entries = Object.entries(parameters as Record<string, unknown>).map(([name, value]) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 2 || name === 'status') return [name, value]
    return [name, Math.max(1, Math.round(value * least * (most / least) ** random.next()))]
  })
  return Object.fromEntries(entries) as Parameters
}

/** The `number`-th one of a run. */
export function assault(attack: Attack, intensity: Intensity, number: number, atUs: number, vary?: Random): Assault {
  const id = `${attack.name}/${intensity}#${number}`
  const label: Label = attack.detector === null ? { attack: null, twin: id } : { attack: id, twin: null }
  return { atUs, begin: (world, nowUs) => attack.begin(world, intensity, label, nowUs, vary) }
}
