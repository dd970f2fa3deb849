import { DAY_US } from '../daemon/model/time.ts'
import { Random } from '../demo/random.ts'
import { type Assault, type Attack, assault, type Intensity } from './attacks/attack.ts'

/** Which attacks a run holds. */
export interface Wanted {
  readonly attack: Attack
  readonly intensity: Intensity
}

/** Puts attacks anywhere into a run but its first tenth, when nobody has learnt anything, and its last. */
export function scheduled(wanted: readonly Wanted[], seed: string, startUs: number, days: number): Assault[] {
  const random = new Random(`plan/${seed}`)
  return wanted.map(({ attack, intensity }, number) =>
    assault(attack, intensity, number + 1, Math.round(startUs + (0.1 + 0.8 * random.next()) * days * DAY_US)),
  )
}
