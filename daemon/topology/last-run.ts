import type { Logger } from 'pino'
import type { DurableMap } from '../durable/durable-map.ts'

export interface Alive {
  readonly atMs: number
  readonly clean: boolean
}

const KEY = 'alive'
const EVERY_MS = 5000

/**
 * Notes every few seconds that the daemon lives, and at its end whether that was a clean one: so that the next start can say what nobody watched
 * after a kill.
 */
export class LastRun {
  readonly #map: DurableMap<Alive>
  #timer: NodeJS.Timeout | null = null

  constructor(map: DurableMap<Alive>) {
    this.#map = map
  }

  /** Seconds since the last run was alive, 0 when it ended cleanly or there was none. From now on this run is noted. */
  async begin(logger: Logger): Promise<number> {
    const last = this.#map.get(KEY)
    await this.#note(false)
    this.#timer = setInterval(() => void this.#note(false), EVERY_MS)
    if (last === undefined || last.clean) return 0
    const gapSeconds = Math.max(1, Math.round((Date.now() - last.atMs) / 1000))
    logger.warn(
      { lastAlive: new Date(last.atMs).toISOString(), gapSeconds },
      'the last run did not end cleanly: nothing was watched since, and the last second before it may be missing',
    )
    return gapSeconds
  }

  async end(clean: boolean): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    await this.#note(clean)
  }

  #note(clean: boolean): Promise<void> {
    // A disk that takes nothing is told by whoever has something to keep.
    return this.#map.set(KEY, { atMs: Date.now(), clean }).catch(() => undefined)
  }
}
