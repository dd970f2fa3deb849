/** Amount a second over the last minute, in steps of ten seconds; right from the start, as it divides by the time it has seen. */
export class Rate {
  readonly #steps = new Map<number, number>()
  readonly #startMs: number

  constructor(nowMs: number) {
    this.#startMs = nowMs
  }

  add(amount: number, nowMs: number): void {
    const step = Math.floor(nowMs / STEP_MS)
    this.#steps.set(step, (this.#steps.get(step) ?? 0) + amount)
    for (const old of this.#steps.keys()) if (old <= step - STEPS) this.#steps.delete(old)
  }

  perSecond(nowMs: number): number {
    const now = Math.floor(nowMs / STEP_MS)
    let sum = 0
    for (const [step, amount] of this.#steps) if (step > now - STEPS) sum += amount
    const seenMs = Math.min(nowMs - this.#startMs, (STEPS - 1) * STEP_MS + (nowMs % STEP_MS))
    return sum / Math.max(1, seenMs / 1000)
  }
}

const STEP_MS = 10_000
const STEPS = 6
