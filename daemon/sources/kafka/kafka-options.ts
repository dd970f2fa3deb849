/** What it takes to reach the brokers. Cloned between processes; holds secrets, so it is never printed. */
export interface KafkaConnection {
  readonly brokers: readonly string[]
  readonly sasl: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  } | null
  /** PEM texts. Null fields: the authorities of the system, no client certificate. */
  readonly tls: { readonly ca: string | null; readonly cert: string | null; readonly key: string | null } | null
}

/** What it takes to read a topic. */
export interface KafkaOptions extends KafkaConnection {
  readonly topics: readonly string[]
  readonly groupId: string
  /** After so long without a word the group gives a member's partitions to others. */
  readonly sessionMs: number
  /** Where a group starts that has read nothing yet. */
  readonly from: 'beginning' | 'latest'
}

/** When a consumer is built anew that says nothing of its own trouble. Milliseconds. */
export interface KafkaPatience {
  /** Between two looks. */
  readonly lookMs: number
  /** Without fetching anything, not even an empty answer. */
  readonly silentMs: number
  /** Without a batch of a partition that grows. */
  readonly stalledMs: number
}

/** Compressed bytes of one partition in one fetch. A single larger batch is still delivered whole. */
export const MAX_PARTITION_BYTES = 8 * 1024 * 1024
