import type { EventTime } from '../model/time.ts'
import type { Header, PairingGrade, TransactionState } from '../model/transaction.ts'
import type { FlowInfo } from '../reassembly/stream.ts'

/**
 * The start line and header fields of one message, over its own copy of the head bytes. Nothing is a string until asked.
 * Text is UTF-8; a head that is not valid UTF-8 is read byte for byte as U+0000-U+00FF (`latin1`, weird text.latin1).
 */
export interface Head {
  /** Requests only, else ''. */
  readonly method: string
  /** Request target as sent, requests only, else ''. */
  readonly target: string
  /** Responses only, else 0. */
  readonly status: number
  /** `1.1`, `1.0`. */
  readonly version: string
  readonly latin1: boolean
  readonly headerCount: number
  /** First value of a header, by lower-case name; null when absent. Known names (known-headers.ts) cost no search. */
  header(name: string): string | null
  /** Every value of a header, in order. */
  headerAll(name: string): string[]
  /** All fields in order, names as sent, obs-fold unfolded. */
  headers(): readonly Header[]
}

/** One side of an exchange. */
export interface Message {
  readonly head: Head
  readonly firstByte: EventTime
  readonly lastByte: EventTime
  /** Stream position of the head's first byte: goes into the id. */
  readonly position: number
  /** Whether frames of this message carried a bogus timestamp. */
  readonly bogusTime: boolean
  /** Body size on the wire after transfer decoding, gaps included where the framing gives the length. */
  readonly bodyBytes: number
  /** Kept body bytes (transfer-decoded, still content-encoded); null when bodies are off or there is none. *Owned* by the exchange: records wait for others of the same microsecond before they are read. */
  readonly body: Buffer | null
  /** The body was longer than what was kept. */
  readonly bodyCut: boolean
  /** Bytes of this message were missing. */
  readonly gap: boolean
  /** Whether the message ended as its framing says. */
  readonly whole: boolean
}

/** A request and the response to it, or one of them alone. */
export interface Exchange {
  readonly flow: FlowInfo
  /** 0 or 1: which side of the flow is the client. */
  readonly clientSide: 0 | 1
  readonly request: Message | null
  readonly response: Message | null
  readonly state: TransactionState
  readonly pairing: PairingGrade
  /** Names from telemetry/weirds.ts, in order of appearance, each once. */
  readonly weirds: readonly string[]
  /** Event-clock time at which it became final. */
  readonly endTime: EventTime
}

/** Receives exchanges in the order in which they became final within a flow. */
export type ExchangeSink = (exchange: Exchange) => void
