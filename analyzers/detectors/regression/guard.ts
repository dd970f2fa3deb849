import { z } from 'zod'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount, hash32, time } from '../../baselines/state.ts'

const SLOT_US = 15 * MINUTE_US
/** Slots that wait before they teach. */
const PENDING = 4
/** Answers that a guard is remembered by: older ones count for less. */
const MOST_WEIGHT = 2000
const LEAST_ANSWERS = 50
const LEAST_SHARE = 0.98
const MAX_CALLERS = 8

const Slot = z.tuple([time, amount, amount])
/** Held, lost; the slot that is being filled, as begin, held, lost; slots that wait; length, begin and callers of the run. */
export const GuardState = z.tuple([
  amount,
  amount,
  Slot,
  z.array(Slot).max(PENDING + 1),
  amount,
  time,
  z.array(hash32).max(MAX_CALLERS),
])
export type GuardState = z.infer<typeof GuardState>

/** Answers that had it, and those that had not. */
export const GuardCountsState = z.tuple([amount, amount])
export type GuardCounts = Readonly<z.infer<typeof GuardCountsState>>
const NONE: GuardCounts = [0, 0]

/** How long it is gone. */
export interface Loss {
  readonly answers: number
  readonly callers: number
  readonly since: EventTime
}

/**
 * One protection of one service: whether its answers always had it, and for how many of them in a row it is gone.
 *
 * Memory     0.3 KiB
 */
export class Guard {
  #held = 0
  #lost = 0
  #others: GuardCounts = NONE
  #slotAt: EventTime = 0
  #slotHeld = 0
  #slotLost = 0
  #waiting: [at: EventTime, held: number, lost: number][] = []
  /** The run of answers without it. */
  #run = 0
  #runFrom: EventTime = 0
  #callers: number[] = []

  /** Share of answers that had it, as learnt here and by other analyzers. */
  get share(): number {
    return (this.#held + this.#others[0]) / Math.max(1, this.#known)
  }

  get answers(): number {
    return Math.round(this.#known)
  }

  get isUsual(): boolean {
    return this.#known >= LEAST_ANSWERS && this.share >= LEAST_SHARE
  }

  get #known(): number {
    return this.#held + this.#lost + this.#others[0] + this.#others[1]
  }

  /** What other analyzers learnt, in the place of what they knew before. */
  hear(others: GuardCounts | null): void {
    this.#others = others ?? NONE
  }

  /** What was learnt here. */
  told(): GuardCounts {
    return [this.#held, this.#lost]
  }

  /** An answer with or without it; the run without it, if this is part of one. */
  learnOne(holds: boolean, caller: number, now: EventTime): Loss | null {
    if (this.#slotAt === 0) this.#slotAt = now
    if (holds) {
      this.#slotHeld++
      this.#run = 0
      this.#callers = []
      return null
    }
    this.#slotLost++
    if (this.#run++ === 0) this.#runFrom = now
    if (this.#callers.length < MAX_CALLERS && !this.#callers.includes(caller))
      this.#callers = [...this.#callers, caller]
    return { answers: this.#run, callers: this.#callers.length, since: this.#runFrom }
  }

  /** When the slot that is being filled ends. */
  get dueAt(): EventTime {
    return this.#slotAt === 0 ? Number.POSITIVE_INFINITY : this.#slotAt + SLOT_US
  }

  /** Moves slots on. `teaches`: false throws away what waits. */
  tick(now: EventTime, teaches: boolean): void {
    if (!teaches) this.#waiting = []
    if (this.#slotAt === 0 || now - this.#slotAt < SLOT_US) return
    if (teaches) this.#waiting.push([this.#slotAt, this.#slotHeld, this.#slotLost])
    this.#slotAt = now
    this.#slotHeld = 0
    this.#slotLost = 0
    const waits = this.answers >= LEAST_ANSWERS ? PENDING : 1
    while (this.#waiting.length > waits) {
      const [, held, lost] = this.#waiting.shift()!
      const fade = Math.min(1, MOST_WEIGHT / (this.#held + this.#lost + held + lost))
      this.#held = (this.#held + held) * fade
      this.#lost = (this.#lost + lost) * fade
    }
  }

  /** It is gone for good: that is how it is now. */
  accept(): void {
    this.#held = 0
    this.#lost = 0
    this.#run = 0
  }

  toState(): GuardState {
    const slot: GuardState[2] = [this.#slotAt, this.#slotHeld, this.#slotLost]
    return [this.#held, this.#lost, slot, this.#waiting, this.#run, this.#runFrom, this.#callers]
  }

  static fromState([held, lost, slot, waiting, run, runFrom, callers]: GuardState): Guard {
    const guard = new Guard()
    ;[guard.#slotAt, guard.#slotHeld, guard.#slotLost] = slot
    guard.#run = run
    guard.#runFrom = runFrom
    guard.#callers = callers
    guard.#held = held
    guard.#lost = lost
    guard.#waiting = waiting
    return guard
  }
}
