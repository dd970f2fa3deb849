import { seeded } from '../mutate/mutators.ts'
import type { FuzzTarget } from './targets/target.ts'

/** The same input for the same target, seed and index, so that one that hangs can be written down by another thread. */
export function fuzzInput(target: FuzzTarget, corpus: readonly Buffer[], seed: number, index: number): Buffer {
  const random = seeded(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b))
  for (let warm = 0; warm < 3; warm++) random()
  // The seeds themselves first.
  return index < corpus.length ? corpus[index]! : target.mutate(random, corpus)
}
