import { type FieldPlace, FieldRecord, type FieldState } from './field.ts'

/** How many fields all operations together may hold. */
export class FieldBudget {
  readonly limit: number
  held = 0
  /** Fields that found no room. */
  refused = 0
  /** Fields that made room: hardly seen, and longest ago. */
  evicted = 0

  constructor(limit: number) {
    this.limit = limit
  }
}

/** Seen this often, a field stays; before, it may be one that somebody made up. */
const HARDLY_SEEN = 2

/** The fields of one operation, at most `limit`. A new one takes the place of one that was hardly seen, or is refused and counted. */
export class FieldSet {
  readonly #limit: number
  readonly #budget: FieldBudget
  readonly #places: Readonly<Record<FieldPlace, Map<string, FieldRecord>>> = {
    path: new Map(),
    query: new Map(),
    header: new Map(),
    body: new Map(),
    response: new Map(),
  }
  size = 0

  constructor(limit: number, budget: FieldBudget) {
    this.#limit = limit
    this.#budget = budget
  }

  /** The field, made when there is room; `name` as the set may keep it. */
  of(place: FieldPlace, name: string, caller: number): FieldRecord | null {
    const fields = this.#places[place]
    const known = fields.get(name)
    if (known !== undefined) return known
    if (this.size >= this.#limit || this.#budget.held >= this.#budget.limit) {
      if (!this.#makeRoom()) {
        this.#budget.refused++
        return null
      }
    }
    const field = new FieldRecord(place, name, caller)
    this.#add(fields, field)
    return field
  }

  get(place: FieldPlace, name: string): FieldRecord | undefined {
    return this.#places[place].get(name)
  }

  *all(): IterableIterator<FieldRecord> {
    for (const fields of Object.values(this.#places)) yield* fields.values()
  }

  restore(states: readonly FieldState[]): void {
    for (const state of states) {
      const fields = this.#places[state.place]
      if (this.size >= this.#limit || this.#budget.held >= this.#budget.limit || fields.has(state.name)) continue
      this.#add(fields, FieldRecord.fromState(state))
    }
  }

  /** Adds what is known of the fields of another operation, but for those of its path. */
  absorb(other: FieldSet): void {
    for (const field of other.all()) {
      if (field.place !== 'path') this.of(field.place, field.name, field.caller)?.absorb(field)
    }
  }

  /** Its operation is forgotten. */
  release(): void {
    this.#budget.held -= this.size
    this.size = 0
  }

  #add(fields: Map<string, FieldRecord>, field: FieldRecord): void {
    fields.set(field.name, field)
    this.size++
    this.#budget.held++
  }

  #makeRoom(): boolean {
    for (const fields of Object.values(this.#places)) {
      for (const field of fields.values()) {
        if (field.seen > HARDLY_SEEN || field.shared || field.place === 'path') continue
        fields.delete(field.name)
        this.size--
        this.#budget.held--
        this.#budget.evicted++
        return true
      }
    }
    return false
  }
}
