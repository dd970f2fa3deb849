import type { TopicCover } from '../model/topic-cover.ts'
import { type Position, partitionKey } from '../sources/kafka/record-source.ts'

type Place = Pick<Position, 'topic' | 'partition'>

/** All records before `reach`, save those in `open`. */
export interface Covered extends Place {
  readonly reach: number
  readonly open: ReadonlySet<number>
}

/**
 * What of a group's topics is in something that is kept (what was learnt, the inventory), and may be read again: records that are
 * in it count there no second time.
 */
export class KafkaCover {
  readonly #group: string
  readonly #covered = new Map<string, Covered>()

  constructor(group: string) {
    this.#group = group
  }

  /** As it was kept in an earlier life. */
  resume(topics: readonly TopicCover[]): void {
    for (const { group, topic, partition, reach, open } of topics) {
      if (group !== this.#group) continue
      this.#covered.set(partitionKey({ topic, partition }), { topic, partition, reach, open: new Set(open) })
    }
  }

  get isEmpty(): boolean {
    return this.#covered.size === 0
  }

  /** Whether the record at `place.next` is in it. */
  has(place: Position): boolean {
    const covered = this.#covered.get(partitionKey(place))
    return covered !== undefined && covers(covered, place.next)
  }

  /** Everything before these is done and is never read again. */
  passed(positions: readonly Position[]): void {
    if (this.isEmpty) return
    for (const position of positions) {
      const key = partitionKey(position)
      if ((this.#covered.get(key)?.reach ?? Number.POSITIVE_INFINITY) <= position.next) this.#covered.delete(key)
    }
  }

  forget(place: Place): void {
    this.#covered.delete(partitionKey(place))
  }

  /** All that `done` covers is in it too, and is read again. */
  add(done: readonly Covered[]): void {
    for (const covered of this.#with(done)) this.#covered.set(partitionKey(covered), covered)
  }

  /** What is in it by now: `done` too. */
  topics(done: readonly Covered[]): TopicCover[] {
    return this.#with(done).map(({ topic, partition, reach, open }) => ({
      group: this.#group,
      topic,
      partition,
      reach,
      open: [...open],
    }))
  }

  #with(done: readonly Covered[]): Covered[] {
    const all = new Map(this.#covered)
    for (const covered of done) {
      const key = partitionKey(covered)
      const before = this.#covered.get(key)
      all.set(key, before === undefined ? covered : eitherOf(before, covered))
    }
    return [...all.values()]
  }
}

export function covers({ reach, open }: Covered, offset: number): boolean {
  return offset < reach && !open.has(offset)
}

/** What either covers. */
export function eitherOf(a: Covered, b: Covered): Covered {
  const [low, high] = a.reach <= b.reach ? [a, b] : [b, a]
  return { ...high, open: new Set([...high.open].filter((offset) => !covers(low, offset))) }
}
