import type { LossFunnel } from './funnel.ts'
import type { WeirdCounts } from './weirds.ts'

/**
 * Named monotone counters for what is neither a weird nor part of the loss funnel: evictions, unknown fields, sanity marks.
 * Stages bump them locally; topology publishes them.
 */
export class Counters {
  readonly #counts = new Map<string, number>()

  add(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  entries(): [string, number][] {
    return [...this.#counts].sort((a, b) => (a[0] < b[0] ? -1 : 1))
  }
}

/** What every stage is handed to account with. */
export interface Telemetry {
  readonly funnel: LossFunnel
  readonly weirds: WeirdCounts
  readonly counters: Counters
}
