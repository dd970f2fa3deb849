import type { LearningState } from '../../analyzers/learning-gate.ts'
import type { Starved } from '../../analyzers/needs.ts'
import type { PublisherStatus } from '../../sinks/kafka/publisher.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { HeldIncident, IncidentChange } from '../model/incident.ts'
import type { RowBatch } from '../model/row-batch.ts'
import type { ToldPart } from '../model/told-part.ts'
import type { Verdict } from '../model/verdict.ts'
import type { PayloadRule } from '../payload/rules/rule.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import type { KafkaConnection, KafkaOptions } from '../sources/kafka/kafka-options.ts'
import type { PartitionLag, Position, RecordSourceState } from '../sources/kafka/record-source.ts'
import type { Preset } from '../tap/mapping.ts'
import type { CaptureQualityJson } from '../telemetry/capture-quality.ts'
import type { ErrorCode } from '../telemetry/errors.ts'
import type { LedgerTotals } from '../telemetry/funnel.ts'
import type { Occupancies } from '../telemetry/occupancy.ts'
import type { SourceState } from '../telemetry/sensor-windows.ts'
import type { DeadLetter } from './kafka-feed.ts'
import type { Sharing } from './peer-learning.ts'
import type { ReplaySummary } from './replay.ts'
import type { SnapshotPart } from './snapshot-keeper.ts'

/**
 * What control and engine say to each other over the process channel, cloned (`serialization: 'advanced'`, for the bytes
 * of rows). Control keeps the rights it needs to respawn a capture child and reads no traffic; the engine reads traffic and holds no rights.
 */

/** A file opened by control and inherited as a descriptor, since the engine may have lost the right to open it. */
export interface EngineFile {
  readonly kind: 'file'
  readonly descriptor: number
  readonly name: string
  /** Added to every time in it, in microseconds: 0 reads it as recorded. */
  readonly shiftUs: number
}

/** A live source arrives at a unix socket that the engine listens on, one connection per life of its capture child. */
export interface EngineLive {
  readonly kind: 'live'
  readonly via: 'pcap' | 'exec' | 'udp-tunnel'
  readonly name: string
  readonly socketPath: string
}

/** How far a group's rows are sealed. */
export interface KafkaPosition extends Position {
  readonly group: string
}

/** A position that was noted, and the offset below which rows may have been sealed since. */
export interface KafkaEntry extends KafkaPosition {
  readonly reach: number
}

/** A topic that the engine reads by itself: control hands it what it takes, and keeps its positions. */
export interface EngineKafka {
  readonly kind: 'kafka'
  readonly name: string
  readonly options: KafkaOptions
  /** `auto`, `native`, or what the format maps to. */
  readonly format: string | Preset
  readonly kept: readonly KafkaEntry[]
}

export interface KafkaStatus {
  readonly name: string
  readonly state: RecordSourceState
  /** Why it is down. */
  readonly why: string | null
  /** That this member reads. */
  readonly partitions: number
  /** Records in the topic that are not analysed yet, over all of them, and by partition those that were not read. */
  readonly lag: number
  readonly lags: readonly PartitionLag[]
  /** Read and not analysed. */
  readonly queued: number
  /** The detectors that its records say too little for. */
  readonly starved: readonly Starved[]
  /** How long ago the oldest of these was written. */
  readonly queuedSeconds: number
}

/** The topic that a sensor publishes to. */
export interface EnginePublish {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly compression: 'gzip' | 'none'
  readonly maxBytes: number
}

export type EngineInput = EngineFile | EngineLive | EngineKafka

export interface StartMessage {
  readonly kind: 'start'
  readonly config: ValidatedConfig
  /** Privacy key, base64. */
  readonly key: string
  /** Read whole before the inputs. */
  readonly learnFrom: EngineFile | null
  readonly inputs: readonly EngineInput[]
  /** Give up user, groups and capabilities before reading anything. */
  readonly dropPrivileges: boolean
  readonly policies: readonly PolicyDocument[]
  /** The operator's rules of payloads. */
  readonly payloadRules: readonly PayloadRule[]
  /** What is written about the API. */
  readonly described: readonly DescribedApi[]
  /** Incidents that were open when the daemon ended. */
  readonly held: readonly HeldIncident[]
  /** Releases that were marked, oldest first. */
  readonly deploys: readonly DeployMark[]
  /** What was said of incidents, oldest first. */
  readonly verdicts: readonly Verdict[]
  /** Whether rows are made for the store. */
  readonly rows: boolean
  /** Where transactions go of an engine that analyses nothing: a sensor's. */
  readonly publish: EnginePublish | null
  /** How long nothing was watched, in seconds, when the last end was no clean one. */
  readonly gapSeconds: number
  /** The inventory that the last run kept, to go on with. */
  readonly inventory: string | null
  /** Descriptors of the files that hold what was learnt, the newest first. */
  readonly learning: readonly number[]
  /** Descriptor of the file of what other daemons learnt, to be counted beside it. */
  readonly merged: number | null
  /** Null where nobody else reads a part of the same topics. */
  readonly sharing: Sharing | null
}

/** How the engine is doing, told every second. */
export interface EngineStatus {
  /** Event time reached, microseconds; null before the first record. */
  readonly now: number | null
  readonly funnel: Readonly<Record<'frames' | 'bytes' | 'messages' | 'pairs', LedgerTotals>>
  readonly weirds: readonly (readonly [string, number])[]
  readonly counters: readonly (readonly [string, number])[]
  readonly detectors: readonly { readonly id: string; readonly maturity: number; readonly failed: boolean }[]
  readonly quality: CaptureQualityJson
  readonly learning: LearningState | null
  readonly tables: Occupancies
  readonly kafka: readonly KafkaStatus[]
  /** Of a sensor. */
  readonly publisher: PublisherStatus | null
}

export type ToEngine =
  | StartMessage
  | {
      readonly kind: 'capture_stats'
      readonly source: SourceInfo
      readonly kernelDrops: number
      readonly interfaceDrops: number
      readonly foreign: number
      readonly respawns: number
    }
  /** A live source captures, or is down and why. */
  | {
      readonly kind: 'source_state'
      readonly source: SourceInfo
      readonly state: SourceState
      readonly why: string | null
    }
  | {
      readonly kind: 'policies'
      readonly policies: readonly PolicyDocument[]
      readonly payloadRules: readonly PayloadRule[]
    }
  /** The same, read anew. */
  | { readonly kind: 'described'; readonly apis: readonly DescribedApi[] }
  | { readonly kind: 'deploy'; readonly mark: DeployMark }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  /** A batch of rows is in the spool, or was given up (`lost`). */
  | { readonly kind: 'settled'; readonly sequence: number; readonly lost: boolean }
  /** These positions are on disk. */
  | { readonly kind: 'positions_kept'; readonly positions: readonly KafkaPosition[] }
  /** What other analyzers learnt: it takes the place of what they told before. `leftOut`: so many parts there was no room for. */
  | { readonly kind: 'heard'; readonly parts: readonly ToldPart[]; readonly leftOut: number }
  | { readonly kind: 'stop' }

/** A snapshot of the inventory as JSON Lines, in parts. */
export interface InventoryPart extends SnapshotPart {
  readonly kind: 'inventory'
}

/** What is learnt, as a file of it holds it (learning-file.ts), in parts as those of the inventory. */
export interface LearningChunk extends SnapshotPart {
  readonly kind: 'learning'
}

export type FromEngine =
  | { readonly kind: 'learned'; readonly records: number }
  /** Sockets are listening. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'incident'; readonly change: IncidentChange }
  /** `reach`: no row of a Kafka record at or beyond these offsets is in this batch, or in one before it. */
  | {
      readonly kind: 'rows'
      readonly sequence: number
      readonly batch: RowBatch
      readonly reach: readonly KafkaPosition[]
    }
  /** The rows of everything before these are sealed. */
  | { readonly kind: 'positions'; readonly positions: readonly KafkaPosition[] }
  | { readonly kind: 'dead_letters'; readonly letters: readonly DeadLetter[] }
  | { readonly kind: 'status'; readonly status: EngineStatus }
  | InventoryPart
  | LearningChunk
  /** For other analyzers. */
  | { readonly kind: 'told'; readonly part: ToldPart }
  | { readonly kind: 'warning'; readonly message: string }
  /** `held`: the incidents that are open, as they stand. */
  | { readonly kind: 'done'; readonly summary: ReplaySummary; readonly held: readonly HeldIncident[] }
  | {
      readonly kind: 'failed'
      readonly code: ErrorCode | null
      readonly message: string
      readonly at?: string
      readonly remedy?: string
    }
