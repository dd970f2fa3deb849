import type { ValidatedConfig } from '../config/schema.ts'
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from '../http/limits.ts'
import { SECOND_US } from '../model/time.ts'
import { REASSEMBLY_LIMITS, type ReassemblyLimits } from '../reassembly/limits.ts'

const KIB = 1024
const MIB = 1024 * 1024
/** More pay only where bodies are large and read. */
const MAX_DEFAULT_WORKERS = 4

/** How many flow workers run beside the analysis, where it is left open. On one or two cores they would only be in its way. */
export function flowWorkers(configured: number | null, cores: number): number {
  if (configured !== null) return configured
  return cores <= 2 ? 0 : Math.min(MAX_DEFAULT_WORKERS, cores - 2)
}

export function httpLimits({ limits }: ValidatedConfig): HttpLimits {
  return {
    ...DEFAULT_HTTP_LIMITS,
    // Offsets in a head are kept in 16 bits.
    maxHeadBytes: Math.min(limits.head_kib * KIB, DEFAULT_HTTP_LIMITS.maxHeadBytes),
    maxHeaders: limits.headers,
    maxFieldBytes: limits.field_kib * KIB,
    maxPending: limits.pending_requests,
    responseWaitUs: limits.response_seconds * SECOND_US,
    maxBodyBytes: limits.body_kib * KIB,
    maxDecodedBytes: limits.body_decode_kib * KIB,
  }
}

export function reassemblyLimits({ limits }: ValidatedConfig): ReassemblyLimits {
  return {
    ...REASSEMBLY_LIMITS,
    heldBytes: limits.reassembly_mib * MIB,
    keptBytes: limits.connections_mib * MIB,
    heldBytesPerDirection: limits.hold_kib * KIB,
    heldSegmentsPerDirection: limits.hold_segments,
    holeUs: limits.hold_seconds * SECOND_US,
    flows: limits.flows,
    idleUs: limits.idle_seconds * SECOND_US,
  }
}
