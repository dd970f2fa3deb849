const FAILURES = 5
const FIRST_OPEN_MS = 5000
const LONGEST_OPEN_MS = 300_000

/**
 * Spares a receiver that is down: after five failures in a row notifications wait, 5 s at first and twice as long each time up to
 * five minutes; then one of them goes out to see. One success closes it. Commands do not ask: they are few, and they look as well.
 */
export class Breaker {
  failuresInRow = 0
  #openUntilMs = 0
  /** Retry-After of an answer that spoke for the whole receiver (429, 503). */
  #pausedUntilMs = 0

  succeeded(): void {
    this.failuresInRow = 0
    this.#openUntilMs = 0
    this.#pausedUntilMs = 0
  }

  /** `random` is 0..1. */
  failed(nowMs: number, random: number): void {
    this.failuresInRow += 1
    if (this.failuresInRow < FAILURES) return
    // The exponent is bounded so that the power stays a number.
    const doubled = FIRST_OPEN_MS * 2 ** Math.min(this.failuresInRow - FAILURES, 16)
    this.#openUntilMs = nowMs + Math.round(Math.min(doubled, LONGEST_OPEN_MS) * (0.8 + 0.4 * random))
  }

  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs)
  }

  /** When notifications may go again; in the past when they may now. */
  get opensAtMs(): number {
    return Math.max(this.#openUntilMs, this.#pausedUntilMs)
  }

  /** How many notifications may be under way at once. */
  allowed(nowMs: number, most: number): number {
    if (nowMs < this.opensAtMs) return 0
    return this.failuresInRow >= FAILURES ? 1 : most
  }

  state(): 'ok' | 'failing' | 'open' {
    if (this.failuresInRow >= FAILURES) return 'open'
    return this.failuresInRow > 0 ? 'failing' : 'ok'
  }
}
