/** What is known of an endpoint: it lets strangers in, it has answered none but signed-in callers, or too little. */
export type Standing = 'unknown' | 'guarded' | 'open'

/** Hundreds of guarded endpoints say no more than fifty. */
const LEAST_SHARE = 0.02

interface Counts {
  guarded: number
  open: number
}

/**
 * How the endpoints of one service treat strangers: where none of thirty lets them in, the thirty-first hardly does on purpose.
 *
 * Memory     maxServices x 100 B; what comes after them has no siblings
 */
export class Siblings {
  readonly #services = new Map<string, Counts>()
  readonly #maxServices: number

  constructor(maxServices: number) {
    this.#maxServices = maxServices
  }

  move(service: string, from: Standing, to: Standing): void {
    if (from === to) return
    let counts = this.#services.get(service)
    if (counts === undefined) {
      if (this.#services.size >= this.#maxServices) return
      counts = { guarded: 0, open: 0 }
      this.#services.set(service, counts)
    }
    if (from !== 'unknown') counts[from]--
    if (to !== 'unknown') counts[to]++
  }

  /** Chance that an endpoint of the service lets strangers in: Beta(1, 0) and what is known of the others. `self` is left out. */
  openShare(service: string, self: Standing): number {
    const counts = this.#services.get(service)
    if (counts === undefined) return 1
    const open = counts.open - (self === 'open' ? 1 : 0)
    const guarded = counts.guarded - (self === 'guarded' ? 1 : 0)
    return Math.max(LEAST_SHARE, (open + 1) / (open + guarded + 1))
  }

  /** Endpoints that are known to answer none but signed-in callers, without `self`. */
  guarded(service: string, self: Standing): number {
    return Math.max(0, (this.#services.get(service)?.guarded ?? 0) - (self === 'guarded' ? 1 : 0))
  }
}
