import type { DurableMap } from '../durable/durable-map.ts'
import type { Action, Selector } from '../model/action.ts'
import { isFinal, isHolding } from './machine.ts'
import { selectorText } from './selectors.ts'

/** What the book needs of a DurableMap. */
export type ActionMap = Pick<DurableMap<Action>, 'get' | 'set' | 'delete' | 'values'>

/** Finished actions kept, by number and by age; the oldest go first. */
export const MAX_FINISHED = 10_000
export const KEEP_FINISHED_MS = 90 * 86_400_000
/** How far back an action counts as a repeat of an earlier one. */
export const REPEAT_WITHIN_MS = 30 * 86_400_000
/** More repeats than this make no lease longer. */
const MAX_REPEATS = 32

/** A step of a policy on a target: of these at most one is live at any time. */
export interface Place {
  readonly policy: string
  readonly step: string
  readonly target: Selector
}

/** All actions, on disk, with what is asked of them kept beside: live ones, those of a place, how many hold. */
export class ActionBook {
  readonly #map: ActionMap
  readonly #live = new Set<string>()
  /** Those with a try to come: to take back, to apply. */
  readonly #reverting = new Set<string>()
  readonly #applying = new Set<string>()
  /** In the order in which they finished. */
  readonly #finished = new Set<string>()
  /** Ids by place, oldest first. */
  readonly #places = new Map<string, string[]>()
  readonly #byIncident = new Map<string, string[]>()
  /** Holding actions by policy and step, and in all; rehearsals apart from the real ones. */
  readonly #holding = new Map<string, number>()
  #awaiting = 0
  /** Finished actions dropped because there were too many. */
  dropped = 0

  constructor(map: ActionMap) {
    this.#map = map
    const actions = [...map.values()].sort((a, b) => a.proposedAtMs - b.proposedAtMs)
    for (const action of actions) this.#index(undefined, action)
    const done = actions.filter((action) => isFinal(action.state)).sort((a, b) => endedAt(a) - endedAt(b))
    for (const action of done) this.#finished.add(action.id)
  }

  get(id: string): Action | undefined {
    return this.#map.get(id)
  }

  /** A copy, so that what is done with one may end it. */
  live(): Action[] {
    return [...this.#live].map((id) => this.#map.get(id)!)
  }

  /** Live actions with a try to come, whenever that is; what is to be taken back first. They may change on the way. */
  *trying(): Generator<Action> {
    for (const id of this.#reverting) yield this.#map.get(id)!
    for (const id of this.#applying) yield this.#map.get(id)!
  }

  get awaitingCount(): number {
    return this.#awaiting
  }

  ofIncident(id: string): Action[] {
    return this.#actions(this.#byIncident.get(id))
  }

  /** Newest last. */
  ofPlace(place: Place): Action[] {
    return this.#actions(this.#places.get(placeText(place)))
  }

  /** Earlier actions of the place that got as far as a lease, at most MAX_REPEATS. */
  repeats(place: Place, simulated: boolean, nowMs: number): number {
    const since = nowMs - REPEAT_WITHIN_MS
    let count = 0
    for (const action of this.ofPlace(place).reverse()) {
      if (count >= MAX_REPEATS || action.proposedAtMs < since) break
      if (action.leaseUntilMs !== null && action.simulated === simulated) count++
    }
    return count
  }

  /** Live actions on targets: of one step, or of all. Rehearsals and real ones do not take each other's room. */
  holding(simulated: boolean, policy?: string, step?: string): number {
    return this.#holding.get(holdingText(simulated, policy, step)) ?? 0
  }

  /** Newest first. */
  list(filter: { readonly incident?: string; readonly live?: boolean; readonly limit?: number }): Action[] {
    const all =
      filter.incident !== undefined
        ? this.ofIncident(filter.incident)
        : filter.live
          ? this.live()
          : [...this.#map.values()]
    return all
      .filter((action) => filter.live !== true || !isFinal(action.state))
      .reverse()
      .sort((a, b) => b.proposedAtMs - a.proposedAtMs)
      .slice(0, filter.limit ?? 50)
  }

  /** Seen at once; resolves when it is on disk. */
  put(action: Action): Promise<void> {
    const before = this.#map.get(action.id)
    const saved = this.#map.set(action.id, action)
    this.#index(before, action)
    if (!isFinal(action.state)) return saved
    this.#finished.add(action.id)
    return Promise.all([saved, ...this.#evict(MAX_FINISHED, Number.NEGATIVE_INFINITY)]).then(() => undefined)
  }

  /** Drops finished actions that are too old; resolves when that is on disk. */
  async expire(nowMs: number): Promise<void> {
    await Promise.all(this.#evict(MAX_FINISHED, nowMs - KEEP_FINISHED_MS))
  }

  #evict(most: number, endedBefore: number): Promise<void>[] {
    const deletions: Promise<void>[] = []
    for (const id of this.#finished) {
      const action = this.#map.get(id)!
      const tooMany = this.#finished.size > most
      if (!tooMany && endedAt(action) >= endedBefore) break
      if (tooMany) this.dropped++
      this.#finished.delete(id)
      removeFrom(this.#places, placeText(action), id)
      removeFrom(this.#byIncident, action.incidentId, id)
      deletions.push(this.#map.delete(id))
    }
    return deletions
  }

  #index(before: Action | undefined, action: Action): void {
    if (before === undefined) {
      addTo(this.#places, placeText(action), action.id)
      addTo(this.#byIncident, action.incidentId, action.id)
    }
    if (isFinal(action.state)) this.#live.delete(action.id)
    else this.#live.add(action.id)
    this.#reverting.delete(action.id)
    this.#applying.delete(action.id)
    if (!isFinal(action.state) && typeof action.nextTryMs === 'number') {
      if (action.state === 'reverting') this.#reverting.add(action.id)
      else this.#applying.add(action.id)
    }
    this.#awaiting += Number(action.state === 'awaiting_approval') - Number(before?.state === 'awaiting_approval')
    const change = Number(isHolding(action.state)) - Number(before !== undefined && isHolding(before.state))
    if (change === 0) return
    for (const text of [holdingText(action.simulated), holdingText(action.simulated, action.policy, action.step)]) {
      const count = (this.#holding.get(text) ?? 0) + change
      if (count === 0) this.#holding.delete(text)
      else this.#holding.set(text, count)
    }
  }

  #actions(ids: readonly string[] | undefined): Action[] {
    return (ids ?? []).map((id) => this.#map.get(id)!)
  }
}

export function placeText({ policy, step, target }: Place): string {
  return `${policy}\0${step}\0${selectorText(target)}`
}

function holdingText(simulated: boolean, policy = '', step = ''): string {
  return `${simulated}\0${policy}\0${step}`
}

/** When it came into the state it is in. */
export function endedAt(action: Action): number {
  return action.history.at(-1)?.atMs ?? action.proposedAtMs
}

function addTo(lists: Map<string, string[]>, key: string, id: string): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [id])
  else list.push(id)
}

function removeFrom(lists: Map<string, string[]>, key: string, id: string): void {
  const rest = (lists.get(key) ?? []).filter((other) => other !== id)
  if (rest.length === 0) lists.delete(key)
  else lists.set(key, rest)
}
