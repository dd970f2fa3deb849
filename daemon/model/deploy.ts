import type { EventTime } from './time.ts'

/** A release of a service, as its pipeline tells it. What came before and what comes after are compared. */
export interface DeployMark {
  readonly id: string
  /** As in transactions: host, or server address and port. */
  readonly service: string
  readonly version: string
  readonly commit: string | null
  /** When control was told. It counts from this event time on. */
  readonly at: EventTime
  /** Who told it, for the record. */
  readonly who: string
}
