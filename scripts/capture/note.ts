import type { PairingGrade, TransactionState } from '../../daemon/model/transaction.ts'

/**
 * One expected transaction. Written from what the client sent and received (or, for `ab`, what the server logged),
 * never from what a parser saw. For captures made by rewriting: what the rewriting must have done to it.
 */
export interface LedgerEntry {
  readonly method: string | null
  /** Request target as sent. Secrets in it stand as `*`, as no reader of this file needs them. */
  readonly target: string | null
  readonly status: number | null
  /** Bytes after transfer decoding, before content decoding. */
  readonly requestBody: number
  /** Null: what is missing cannot be known. */
  readonly responseBody: number | null
  /** `address port` */
  readonly client: string
  readonly server: string
  /** Default `complete`. */
  readonly state?: TransactionState
  /** Default `exact`. */
  readonly pairing?: PairingGrade
  /**
   * Why the pair cannot be proven from the capture alone, so that refusing it is right: it is printed as two one-sided
   * transactions graded ambiguous. The ledger knows the pair because the players did.
   */
  readonly refused?: string
  /** Weirds that must be among those reported. */
  readonly weirds?: readonly string[]
}

/** A line that tshark reads otherwise than the ledger says, and why the ledger is right. */
export interface TsharkDifference {
  readonly tshark: string | null
  readonly ledger: string | null
  readonly why: string
}

/** `<capture>.json`, beside each capture file. */
export interface CaptureNote {
  readonly file: string
  readonly shows: string
  readonly server: string
  readonly client: string
  /** The recording command, or how another capture was rewritten. */
  readonly command: string
  /** Name of the capture this one was rewritten from. */
  readonly from?: string
  readonly transactions: readonly LedgerEntry[]
  readonly tshark: readonly TsharkDifference[]
  /** Why tshark's messages are paired in order, and not by its own links. */
  readonly tsharkLinks?: string
  /** tshark preferences this file needs (`-o`). */
  readonly tsharkOptions?: readonly string[]
}
