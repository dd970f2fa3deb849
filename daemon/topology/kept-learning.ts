import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { EventTime } from '../model/time.ts'
import type { Assembly } from './assemble.ts'
import { type Covers, type PartLines, partsIn, RefusedLearning, restoreLearning } from './learning-file.ts'

export interface KeptLearningOptions {
  readonly key: PrivacyKey
  /** A refused file stops nothing. */
  warn(message: string): void
}

/**
 * Puts back what was learnt before, from the first of these files (the newest comes first) that is whole, and moves event time to where
 * it was learnt. Returns how far that is. `latest`: a clock further on is not gone on with.
 */
export async function putBackLearning(
  assembly: Pick<Assembly, 'learning' | 'chain'>,
  descriptors: readonly number[],
  latest: EventTime,
  { key, warn }: KeptLearningOptions,
): Promise<Covers> {
  for (const descriptor of descriptors) {
    try {
      const { covers, refused } = await restoreLearning({ descriptor }, assembly.learning, key, latest)
      for (const part of refused) warn(`part of what was learnt cannot be used, and begins anew: ${part}`)
      if (covers.now !== null) assembly.chain.advance(covers.now)
      return covers
    } catch (error) {
      if (!(error instanceof RefusedLearning)) throw error
      const last = descriptor === descriptors.at(-1)
      const then = last ? 'baselines begin anew' : 'the snapshot before it is tried'
      warn(`what was learnt is not used, ${error.message}; ${then}`)
    }
  }
  return { now: null, topics: [] }
}

/** What other daemons learnt, as `offpath baseline import --merge` left it. */
export async function mergedLearning(
  descriptor: number | null,
  { key, warn }: KeptLearningOptions,
): Promise<readonly PartLines[]> {
  if (descriptor === null) return []
  try {
    return await partsIn({ descriptor }, key)
  } catch (error) {
    if (!(error instanceof RefusedLearning)) throw error
    warn(`what other daemons learnt is not used, ${error.message}`)
    return []
  }
}
