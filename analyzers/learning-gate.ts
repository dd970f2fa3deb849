import { z } from 'zod'
import { type EventTime, HOUR_US } from '../daemon/model/time.ts'
import { flag, text, time } from './baselines/state.ts'

/** Whether baselines learn: the same for all of them, since what a blind sensor misses touches all. */
export interface LearningState {
  readonly frozen: boolean
  /** Since when; null while they learn. */
  readonly since: EventTime | null
  /** The sources that are blind or silent, as `kind:name`. */
  readonly blindTo: readonly string[]
}

/** Loss that lasts a day is how this sensor sees: learning goes on, or whoever blinds it could stop it for good. */
const MAX_FREEZE_US = 24 * HOUR_US

/** Frozen, since when a source is blind, which are. */
const GateState = z.tuple([flag, time.nullable(), z.array(text).max(256)])

/** Stops learning while a source is blind or silent, for a day at most, and lets it go on. */
export class LearningGate {
  #since: EventTime | null = null
  #frozen = false
  #blindTo: readonly string[] = []

  /** Whether `frozen` has changed. */
  update(blindTo: readonly string[], now: EventTime): boolean {
    this.#blindTo = blindTo
    if (blindTo.length === 0) this.#since = null
    else this.#since ??= now
    const frozen = this.#since !== null && now - this.#since < MAX_FREEZE_US
    const changed = frozen !== this.#frozen
    this.#frozen = frozen
    return changed
  }

  toState(): z.infer<typeof GateState> {
    return [this.#frozen, this.#since, [...this.#blindTo]]
  }

  /** Goes on as it stood. */
  restore(state: unknown): void {
    ;[this.#frozen, this.#since, this.#blindTo] = GateState.parse(state)
  }

  get state(): LearningState {
    return { frozen: this.#frozen, since: this.#frozen ? this.#since : null, blindTo: this.#blindTo }
  }
}
