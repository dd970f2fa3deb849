import type { ClickHouseOptions } from '../../sinks/clickhouse/clickhouse.ts'
import { NotSealed, type NotSealedReason } from '../../sinks/spool/not-sealed.ts'
import type { SealedBatch } from '../../sinks/store/inserter.ts'
import type { StoreQuery, StoreStatus } from '../../sinks/store/store.ts'
import { type ErrorCode, OffpathError } from '../telemetry/errors.ts'

/**
 * What control and the store process say to each other over the process channel (structured clone, so rows travel as the
 * bytes they are). Each question has an id; its answer carries it.
 */
export type ToStore =
  | StoreStart
  | { readonly kind: 'seal'; readonly id: number; readonly batch: SealedBatch }
  | { readonly kind: 'query'; readonly id: number; readonly query: StoreQuery }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'close'; readonly graceMs: number }

export interface StoreStart {
  readonly kind: 'start'
  /** The data folder. */
  readonly folder: string
  readonly clickhouse: ClickHouseOptions
  readonly spoolMaxBytes: number
  /** Whom to become before anything is read; null: stay. */
  readonly user: { readonly uid: number; readonly gid: number } | null
}

export type FromStore =
  | { readonly kind: 'ready'; readonly status: StoreStatus }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: WireError }
  /** Every second, so that what was counted outlives the process. */
  | { readonly kind: 'status'; readonly status: StoreStatus }
  | {
      readonly kind: 'log'
      readonly level: 'info' | 'warn' | 'error'
      readonly fields: object
      readonly message: string
    }

/** An error, as far as the other side can act on it. */
export interface WireError {
  readonly message: string
  readonly code?: ErrorCode
  readonly at?: string | undefined
  readonly remedy?: string | undefined
  readonly notSealed?: NotSealedReason
}

export function toWire(error: unknown): WireError {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof OffpathError) return { message, code: error.code, at: error.at, remedy: error.remedy }
  if (error instanceof NotSealed) return { message, notSealed: error.reason }
  return { message }
}

export function fromWire({ message, code, at, remedy, notSealed }: WireError): Error {
  if (notSealed !== undefined) return new NotSealed(notSealed)
  if (code === undefined) return new Error(message)
  return new OffpathError(code, message, {
    ...(at === undefined ? {} : { at }),
    ...(remedy === undefined ? {} : { remedy }),
  })
}
