const RECENT_IDS = 64
/** Ids this close to one another are neighbours; also what a shuffled walk over a dense range keeps meeting. */
const NEIGHBOUR = 2
/** More digits are no safe integer. */
const MAX_DIGITS = 15

/** The last numeric ids of one caller at one endpoint, to tell a walk over numbers from visits. */
export class NeighbourIds {
  readonly #recent: number[] = []
  #lastStep = 0
  #lastIds: readonly string[] = []

  /**
   * Whether an id lies next to one asked for before, or continues an even stride. Null when it is no number, or the first.
   * Of several ids in a path the first that differs from the request before is the one that moves.
   */
  add(ids: readonly string[]): boolean | null {
    const text = ids[this.#moving(ids)]!
    this.#lastIds = ids
    if (text.length > MAX_DIGITS) return null
    const value = Number(text)
    if (!Number.isSafeInteger(value)) return null
    const recent = this.#recent
    let near = false
    for (let i = recent.length - 1; i >= 0 && !near; i--) {
      const distance = Math.abs(recent[i]! - value)
      near = distance > 0 && distance <= NEIGHBOUR
    }
    const last = recent[recent.length - 1]
    const stride = last === undefined ? 0 : value - last
    if (stride !== 0 && stride === this.#lastStep) near = true
    this.#lastStep = stride
    if (recent.length >= RECENT_IDS) recent.shift()
    recent.push(value)
    return recent.length === 1 ? null : near
  }

  #moving(ids: readonly string[]): number {
    for (let i = 0; i < ids.length; i++) if (ids[i] !== this.#lastIds[i]) return i
    return ids.length - 1
  }
}
