import { type Position, partitionKey } from './record-source.ts'

type Place = Pick<Position, 'topic' | 'partition'>

/** How far each partition is, by our own word, and what of it the group was told: until it has arrived it is said again. */
export class CommitBook {
  #kept: Map<string, number>
  /** By the consumer that runs. */
  readonly #committed = new Map<string, number>()
  readonly #unsaid = new Map<string, Position>()

  constructor(kept: readonly Position[]) {
    this.#kept = positionsOf(kept)
  }

  /** By partition: nothing before it is handed out again. */
  get kept(): ReadonlyMap<string, number> {
    return this.#kept
  }

  /** Everything before these is dealt with. Returns those that the group does not know of. */
  note(positions: readonly Position[]): Position[] {
    const due: Position[] = []
    for (const position of positions) {
      const key = partitionKey(position)
      this.#kept.set(key, position.next)
      if (position.next <= (this.#committed.get(key) ?? -1)) continue
      this.#unsaid.set(key, position)
      due.push(position)
    }
    return due
  }

  /** The group knows of these. */
  said(positions: readonly Position[]): void {
    for (const position of positions) {
      const key = partitionKey(position)
      this.#committed.set(key, position.next)
      if (this.#unsaid.get(key) === position) this.#unsaid.delete(key)
    }
  }

  unsaid(): Position[] {
    return [...this.#unsaid.values()]
  }

  /** Whether the group knows of these is not sure. */
  sayAgain(places: readonly Place[]): void {
    for (const { topic, partition } of places) {
      const key = partitionKey({ topic, partition })
      const next = this.#kept.get(key)
      if (next !== undefined) this.#unsaid.set(key, { topic, partition, next })
    }
  }

  /** The group has divided its partitions anew: of those that did not `stay` somebody else may have said more. */
  assigned(stay: (key: string) => boolean): void {
    this.#committed.clear()
    for (const key of this.#unsaid.keys()) if (!stay(key)) this.#unsaid.delete(key)
  }

  /** It was read from `first` on: where that is further than we know, another member had it meanwhile. */
  read(place: Place, first: number): void {
    const key = partitionKey(place)
    if (first > (this.#unsaid.get(key)?.next ?? first)) this.#unsaid.delete(key)
  }

  /** It is read from its start. */
  forget(place: Place): void {
    const key = partitionKey(place)
    this.#kept.delete(key)
    this.#committed.delete(key)
    this.#unsaid.delete(key)
  }

  /** Only these hold from now on. */
  rewind(kept: readonly Position[]): void {
    this.#kept = positionsOf(kept)
    this.#unsaid.clear()
  }
}

function positionsOf(positions: readonly Position[]): Map<string, number> {
  return new Map(positions.map((position) => [partitionKey(position), position.next]))
}
