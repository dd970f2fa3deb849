/** One place in a topic. Offsets are whole numbers below 2^53. */
export interface Position {
  readonly topic: string
  readonly partition: number
  /** Of the next record: everything before it is dealt with. */
  readonly next: number
}

export interface SourceRecord {
  readonly offset: number
  /** By the producer or the broker, milliseconds. */
  readonly timestampMs: number
  /** Null: a tombstone. */
  readonly value: Uint8Array | null
}

/** Records of one partition in order of offset. Owned by whoever gets it. */
export interface RecordsOfPartition {
  readonly topic: string
  readonly partition: number
  readonly records: readonly SourceRecord[]
  /** Sum of the values' bytes. */
  readonly bytes: number
  /** Offset after the last one of the fetch, which may lie beyond the last record. */
  readonly next: number
}

/** What a broken batch held. */
export interface UnreadableRange {
  readonly topic: string
  readonly partition: number
  readonly first: number
  readonly last: number
  /** Codec, and what is wrong. */
  readonly why: string
}

/** How far a partition is behind. */
export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** Records that are in the topic and were not read yet. */
  readonly lag: number
}

/** What a source tells. None of these may take long: the group is held together by the same loop. */
export interface RecordSourceEvents {
  records(batch: RecordsOfPartition): void
  /** What belongs to this member now; what it had and does not have any more is another member's. */
  assigned(partitions: readonly Pick<Position, 'topic' | 'partition'>[]): void
  /** The offsets of this partition start again: the topic was made anew or cut. */
  restarted(partition: Pick<Position, 'topic' | 'partition'>): void
  /** These offsets, first and last, lie in a batch that cannot be unpacked: they are passed over. */
  unreadable(range: UnreadableRange): void
  /** Something an operator should know, as a sentence. */
  warn(message: string): void
}

export type RecordSourceState = 'starting' | 'capturing' | 'down'

/**
 * Records from a topic to one member of a group, at least once. Behind this stands one client library, so that another can
 * take its place.
 */
export interface RecordSource {
  readonly state: RecordSourceState
  /** Why it is down. */
  readonly why: string | null
  /** Starts to read and to keep reading, whatever happens to the broker, until `close`. */
  subscribe(): void
  /** No more records until `resume`; those of a fetch under way still come. The group is not left. */
  pause(): void
  resume(): void
  /** Tells the group how far this member is. What belongs to another member is left out. Never throws. */
  commit(positions: readonly Position[]): Promise<void>
  /** Reads again from `positions` and, where none is given, from what the group has. */
  rewind(positions: readonly Position[], why: string): void
  lag(): readonly PartitionLag[]
  /** Leaves the group. */
  close(): Promise<void>
}

export function partitionKey({ topic, partition }: Pick<Position, 'topic' | 'partition'>): string {
  return `${topic}/${partition}`
}
