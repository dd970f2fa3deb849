import type { Admin } from 'kafkajs'
import type { KafkaOptions } from './kafka-options.ts'
import { type Position, partitionKey } from './record-source.ts'

type Place = Pick<Position, 'topic' | 'partition'>

/**
 * Where to start with those of `places` of which the group has nothing, when it is not their first record: where we are by our
 * own book, since a group that was deleted, or forgotten by its brokers, would begin again where `from` says; else, by `latest`,
 * at their present end. Noted for the group at once, this end holds: what comes while nobody reads is not passed over.
 * Rejects when the brokers do not say.
 */
export async function startsOf(
  admin: Admin,
  { groupId, from }: Pick<KafkaOptions, 'groupId' | 'from'>,
  places: readonly Place[],
  kept: ReadonlyMap<string, number>,
): Promise<Position[]> {
  const starts: Position[] = []
  for (const topic of new Set(places.map((place) => place.topic))) {
    const own = places.filter((place) => place.topic === topic)
    const [group] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const known = new Set(group?.partitions.filter(({ offset }) => Number(offset) >= 0).map((each) => each.partition))
    const without = own.filter(({ partition }) => !known.has(partition))
    if (without.length === 0) continue
    const ends = new Map((await admin.fetchTopicOffsets(topic)).map((end) => [end.partition, Number(end.high)]))
    for (const { partition } of without) {
      const end = ends.get(partition)
      const next = kept.get(partitionKey({ topic, partition })) ?? (from === 'latest' ? end : undefined)
      // Beyond its end: the topic was made anew, and is read as any that is.
      if (end !== undefined && next !== undefined && next <= end) starts.push({ topic, partition, next })
    }
  }
  return starts
}
