import { appendFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { SourceConfig } from '../config/schema.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import { findPreset } from '../tap/presets.ts'
import type { Logger } from '../telemetry/log.ts'
import type { EngineKafka, KafkaEntry, KafkaPosition } from './engine-protocol.ts'
import type { DeadLetter } from './kafka-feed.ts'
import { kafkaOptions } from './kafka-settings.ts'

export interface KafkaDeskOptions {
  /** `state/positions` of the data folder. */
  readonly positions: DurableMap<KafkaEntry>
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logger: Pick<Logger, 'warn'>
}

/** Two files of this size at most. */
const MAX_LETTER_BYTES = 8 * 1024 * 1024

/**
 * What control does for Kafka sources: it knows the secrets, and notes on disk how far each partition is sealed. Before a
 * batch of rows is sealed its reach is noted too, so that after a kill it is known which records may be stored already.
 */
export class KafkaDesk {
  readonly #options: KafkaDeskOptions
  #letters: Promise<void> = Promise.resolve()
  #reached: Promise<unknown> = Promise.resolve()

  constructor(options: KafkaDeskOptions) {
    this.#options = options
  }

  /** Throws OFFPATH_E_CONFIG when a secret is missing, OFFPATH_E_FORMAT when there is no such format. */
  open(source: Extract<SourceConfig, { kind: 'kafka' }>): Pick<EngineKafka, 'options' | 'format' | 'kept'> {
    const kept = [...this.#options.positions.values()].filter(
      ({ group, topic }) => group === source.group_id && source.topics.includes(topic),
    )
    const { format } = source
    return {
      options: kafkaOptions(source, this.#options.environment),
      // Here, where a mapping file may still be read.
      format: format === 'auto' || format === 'native' ? format : findPreset(format),
      kept,
    }
  }

  /** Resolves when it is on disk: from then on rows up to there may be sealed. */
  async reached(reach: readonly KafkaPosition[]): Promise<void> {
    const { positions } = this.#options
    const changes = reach.flatMap((position) => {
      const before = positions.get(keyOf(position))
      if (before !== undefined && before.reach >= position.next) return []
      return [{ ...position, next: before?.next ?? 0, reach: position.next }]
    })
    this.#reached = Promise.all([
      this.#reached.catch(() => undefined),
      ...changes.map((entry) => positions.set(keyOf(entry), entry)),
    ])
    // Also when an earlier batch has noted as much and waits for the disk.
    await this.#reached
  }

  /** Resolves when they are on disk. */
  async keep(kept: readonly KafkaPosition[]): Promise<void> {
    const { positions } = this.#options
    await Promise.all(
      kept.map((position) => {
        const reach = Math.max(position.next, positions.get(keyOf(position))?.reach ?? 0)
        return positions.set(keyOf(position), { ...position, reach })
      }),
    )
  }

  /** Resolves when all letters are written. */
  close(): Promise<void> {
    return this.#letters
  }

  /** Into `dead-letters.jsonl`, beside which one older file is kept. Resolves when they are written, or cannot be. */
  lay(letters: readonly DeadLetter[]): Promise<void> {
    const path = join(this.#options.folder, 'dead-letters.jsonl')
    this.#letters = this.#letters
      .then(async () => {
        const size = (await stat(path).catch(() => null))?.size ?? 0
        if (size > MAX_LETTER_BYTES) await rename(path, `${path}.old`)
        const at = new Date().toISOString()
        const lines = letters.map((letter) => `${JSON.stringify({ at, ...letter })}\n`)
        await appendFile(path, lines.join(''), { mode: 0o600 })
      })
      .catch((error: unknown) => this.#options.logger.warn(`dead letters could not be written: ${String(error)}`))
    return this.#letters
  }
}

function keyOf({ group, topic, partition }: KafkaPosition): string {
  return `${group} ${topic}/${partition}`
}
