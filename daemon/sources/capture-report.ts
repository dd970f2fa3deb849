import type { ErrorCode } from '../telemetry/errors.ts'
import type { TunnelProtocol } from './tunnel-frame.ts'

/** What a capture child is asked to do: one JSON argument. */
export interface CaptureOrder {
  readonly interface: string
  /** BPF; empty for everything. */
  readonly filter: string
  readonly snapLength: number
  readonly ringBytes: number
  /** How long the kernel may gather packets before it wakes the child, in milliseconds. */
  readonly gatherMs: number
}

/** What a tunnel child is asked to do: one JSON argument. */
export interface TunnelOrder {
  readonly address: string
  readonly port: number
  readonly protocol: TunnelProtocol
  /** Networks whose datagrams are taken. */
  readonly senders: readonly string[]
  /** Network identifiers that are taken, as ranges with both ends in; none: all. */
  readonly vnis: readonly (readonly [from: number, to: number])[]
  readonly bufferBytes: number
}

/** What a capture or tunnel child says, one JSON object per line on its standard error. Counts are since the last report. */
export type CaptureReport =
  | { readonly kind: 'ready'; readonly linkType: number }
  | {
      readonly kind: 'stats'
      /** Frames the kernel gave to this capture, lost ones included. On `lo` it counts each direction. */
      readonly received: number
      readonly kernelDrops: number
      readonly interfaceDrops: number
      /** Frames written on. */
      readonly delivered: number
      /** Of these, frames that the snap length cut. */
      readonly cut: number
      /** Datagrams of a tunnel that came from elsewhere, or belong to another network: not frames of this capture. */
      readonly foreign?: number
    }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly remedy?: string }

/** Reads a line of standard error; null when it is not a report but text. */
export function parseReport(line: string): CaptureReport | null {
  if (!line.startsWith('{"kind":"')) return null
  try {
    return JSON.parse(line) as CaptureReport
  } catch {
    return null
  }
}

/** Growth of a 32-bit counter that wraps. The binding hands it out as a signed number. */
export function counterDelta(now: number, before: number): number {
  return (now - before) >>> 0
}
