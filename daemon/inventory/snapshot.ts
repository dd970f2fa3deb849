import type { TopicCover } from '../model/topic-cover.ts'
import type { ClientState } from './client.ts'
import type { HopState } from './hops.ts'
import type { OperationState } from './operation.ts'

/** What found no room: operations, candidates and callers pushed out, fields refused or pushed out, bodies left unread. */
export interface InventoryLoss {
  readonly operations: number
  readonly candidates: number
  readonly clients: number
  readonly fields: number
  readonly bodies: number
}

export interface InventoryState {
  readonly loss: InventoryLoss
  readonly operations: readonly OperationState[]
  readonly clients: readonly ClientState[]
  readonly hops: readonly HopState[]
}

/** A snapshot is JSON Lines: a head, operations and callers, each from the longest unused, hops, and what it covers. */
export type SnapshotLine =
  | { readonly kind: 'inventory'; readonly version: 1; readonly loss: InventoryLoss }
  | { readonly kind: 'operation'; readonly operation: OperationState }
  | { readonly kind: 'client'; readonly client: ClientState }
  | { readonly kind: 'hop'; readonly hop: HopState }
  | { readonly kind: 'covers'; readonly topics: readonly TopicCover[] }

/** With how far topics are in it. */
export interface KeptInventory extends InventoryState {
  readonly topics: readonly TopicCover[]
}

/** Null: it is none of this version. A line that cannot be read is left out; `pause` is awaited after each. */
export async function readSnapshot(
  lines: Iterable<string> | AsyncIterable<string>,
  pause: () => Promise<void> | undefined = () => undefined,
): Promise<KeptInventory | null> {
  let loss: InventoryLoss | null = null
  const operations: OperationState[] = []
  const clients: ClientState[] = []
  const hops: HopState[] = []
  const topics: TopicCover[] = []
  for await (const text of lines) {
    const line = parse(text)
    if (line === null) continue
    if (line.kind === 'inventory') loss = line.version === 1 ? line.loss : null
    if (loss === null) return null
    if (line.kind === 'operation') operations.push(line.operation)
    else if (line.kind === 'client') clients.push(line.client)
    else if (line.kind === 'hop') hops.push(line.hop)
    else if (line.kind === 'covers') topics.push(...line.topics.filter(isCover))
    await pause()
  }
  return loss === null ? null : { loss, operations, clients, hops, topics }
}

function isCover({ group, topic, partition, reach, open }: TopicCover): boolean {
  const isNamed = typeof group === 'string' && typeof topic === 'string'
  return isNamed && [partition, reach].every(Number.isSafeInteger) && Array.isArray(open)
}

function parse(text: string): SnapshotLine | null {
  try {
    const line = JSON.parse(text) as SnapshotLine | null
    return typeof line === 'object' ? line : null
  } catch {
    return null
  }
}
