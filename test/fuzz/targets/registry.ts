import { decompression } from './decompression.ts'
import { frames } from './frames.ts'
import { http1 } from './http1.ts'
import { pcapng } from './pcapng.ts'
import { segments } from './segments.ts'
import { tap } from './tap.ts'
import type { FuzzTarget } from './target.ts'

export const TARGETS: readonly FuzzTarget[] = [frames, segments, http1, pcapng, decompression, tap]

/** What a fuzzer has to find: for its own test. */
const PLANTED: readonly FuzzTarget[] = [
  planted('planted-throw', () => {
    throw new TypeError('planted')
  }),
  planted('planted-hang', () => {
    for (let turns = 0; turns >= 0; ) turns = (turns + 1) % 1000
  }),
]

function planted(name: string, misbehave: () => void): FuzzTarget {
  return {
    name,
    corpus: () => [Buffer.from('seed')],
    mutate: (random) => Buffer.of(Math.floor(random() * 64)),
    run: (input) => {
      if (input[0] === 42) misbehave()
    },
  }
}

export function targetNamed(name: string): FuzzTarget | undefined {
  return [...TARGETS, ...PLANTED].find((target) => target.name === name)
}
