/** Bounds of the HTTP stage. Every one has a counter or a weird that tells when it was met. */
export interface HttpLimits {
  /** One head, start line included, in bytes; at most 65,535, since offsets are kept in 16 bits. */
  readonly maxHeadBytes: number
  /** Header fields recorded per head; the rest is still read for framing. */
  readonly maxHeaders: number
  /** One field value, in bytes; a longer one is cut. */
  readonly maxFieldBytes: number
  /** Requests without an answer yet, and answers without their request yet, per connection. */
  readonly maxPending: number
  /** Body bytes kept per message, as on the wire after transfer decoding. */
  readonly maxBodyBytes: number
  /** Body bytes after content decoding. */
  readonly maxDecodedBytes: number
  /** Decoded : kept, held against output over `ratioFreeBytes`. */
  readonly maxDecodeRatio: number
  readonly ratioFreeBytes: number
  /** How long a complete request waits for its answer, in microseconds of the event clock. */
  readonly responseWaitUs: number
  /** How long a pair found after a loss waits for evidence against it; longer than reassembly holds a hole open. */
  readonly tentativeHoldUs: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxHeadBytes: 65_535,
  maxHeaders: 256,
  maxFieldBytes: 16 * 1024,
  maxPending: 100,
  maxBodyBytes: 64 * 1024,
  maxDecodedBytes: 1024 * 1024,
  maxDecodeRatio: 100,
  ratioFreeBytes: 64 * 1024,
  responseWaitUs: 120_000_000,
  tentativeHoldUs: 5_000_000,
}
