import type { ResponseStep } from '../policies/policy.ts'

/** Lease of the action after `repeats` earlier ones on the same target, in ms: longer each time up to the step's most. `random`: 0 to 1. */
export function leaseMs(step: ResponseStep, repeats: number, random: number): number {
  const { factor, maxUs, jitter } = step.repeat
  // A ttl above the ladder's end is the operator's word for the first one.
  const mostUs = Math.max(maxUs, step.ttlUs)
  const plainUs = Math.min(mostUs, step.ttlUs * factor ** repeats)
  const shaken = plainUs * (1 + jitter * (2 * random - 1))
  return Math.max(1, Math.round(Math.min(mostUs, shaken) / 1000))
}
