import { SECOND_US } from '../../daemon/model/time.ts'
import type { Random } from '../../demo/random.ts'
import { exponential } from '../draw.ts'

/** What somebody does: makes one call at a time and yields how long they wait after it, in microseconds. */
export type Script = Generator<number, void, void>

/** The time between two calls: `seconds` on average. */
export function think(random: Random, seconds: number): number {
  return Math.round(exponential(random, seconds * SECOND_US))
}
