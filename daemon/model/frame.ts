/** `FrameBatch.flags`: the capture timestamp is bogus (contracts.md, the event clock). */
export const FRAME_BOGUS_TIME = 1

/**
 * Frames of one source, as parallel columns over one buffer. Everything in it is *borrowed*: the source reuses buffer
 * and columns, so a batch is valid until the next one is asked for.
 */
export interface FrameBatch {
  /** Holds the captured bytes of every frame. */
  readonly bytes: Buffer
  /** How many frames; the columns may be longer. */
  readonly count: number
  /** First captured byte of frame i in `bytes`. */
  readonly offset: Uint32Array
  /** Captured length of frame i, in bytes. */
  readonly captured: Uint32Array
  /** Length of frame i on the wire, in bytes; more than `captured` when the snap length cut it. */
  readonly original: Uint32Array
  /** Timestamp as captured. */
  readonly time: Float64Array
  /** The same for an honest timestamp; for a bogus one, the source's watermark. Merging and the event clock use this. */
  readonly clock: Float64Array
  /** LINKTYPE_ value (tcpdump.org/linktypes.html) of frame i's interface. */
  readonly linkType: Uint16Array
  readonly flags: Uint8Array
}

/** Where records come from, as printed in `source` of a transaction. */
export interface SourceInfo {
  readonly kind: 'pcap' | 'exec' | 'udp-tunnel' | 'kafka' | 'file'
  /** Interface, file name without its folder, or topic. */
  readonly name: string
  /** By how much a recording was moved in time; tokens in it were made for the time before. */
  readonly movedUs?: number
}
