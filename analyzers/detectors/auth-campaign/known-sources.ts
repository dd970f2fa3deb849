import { z } from 'zod'
import { hashText } from '../../baselines/lookup-hash.ts'
import { hash32 } from '../../baselines/state.ts'
import type { SourceName } from '../auth-bruteforce/source-name.ts'

const MAX_SOURCES = 8

export const KnownSourcesState = z.array(hash32).max(MAX_SOURCES)
export type KnownSourcesState = z.infer<typeof KnownSourcesState>

/** Where one account has signed in from: the last eight sources and networks. */
export class KnownSources {
  #sources: number[] = []

  has({ key, voter }: SourceName): boolean {
    return this.#sources.includes(hashText(key)) || this.#sources.includes(hashText(voter))
  }

  note({ key, voter }: SourceName): void {
    for (const hash of new Set([hashText(key), hashText(voter)])) {
      const at = this.#sources.indexOf(hash)
      if (at >= 0) this.#sources.splice(at, 1)
      else if (this.#sources.length >= MAX_SOURCES) this.#sources.shift()
      this.#sources.push(hash)
    }
  }

  toState(): KnownSourcesState {
    return [...this.#sources]
  }

  static fromState(state: KnownSourcesState): KnownSources {
    const known = new KnownSources()
    known.#sources = state
    return known
  }
}
