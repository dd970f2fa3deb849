import type { Attack } from './attack.ts'
import {
  bruteForce,
  crowdStuffing,
  forgottenPassword,
  officeMorning,
  oneTimeCodes,
  rotatedSecret,
  spray,
  stuffing,
} from './guessing.ts'
import {
  adminCleanUp,
  firstSync,
  foreignObject,
  leakedUuids,
  randomIds,
  sequentialIds,
  slowIds,
  viralObject,
} from './objects.ts'
import {
  clientBug,
  declaredLoadTest,
  privilegedFunctions,
  probing,
  refusedProbing,
  shadowEndpoint,
  tripwires,
} from './probing.ts'

/** Everything that can be put into a run, attacks first. A new one is one export of a module here, and one line. */
export const ATTACKS: readonly Attack[] = [
  bruteForce,
  stuffing,
  crowdStuffing,
  spray,
  oneTimeCodes,
  sequentialIds,
  randomIds,
  slowIds,
  leakedUuids,
  foreignObject,
  privilegedFunctions,
  probing,
  refusedProbing,
  tripwires,
  shadowEndpoint,
  forgottenPassword,
  officeMorning,
  rotatedSecret,
  firstSync,
  viralObject,
  adminCleanUp,
  clientBug,
  declaredLoadTest,
]

/** By name; undefined when there is none. */
export function attackNamed(name: string): Attack | undefined {
  return ATTACKS.find((attack) => attack.name === name)
}
