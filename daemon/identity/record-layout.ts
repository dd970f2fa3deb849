import type { PairingGrade, TransactionState } from '../model/transaction.ts'
import type { Trust } from './forwarded.ts'

/**
 * A record as bytes, from a flow worker to the analysis. It begins at a multiple of eight:
 *
 *     6 doubles | 22 words | id, 26 bytes | definitions | texts, in the order of their words | padding
 *
 * What repeats is defined once and named by its slot afterwards: who is connected, what was presented, methods, hosts. Writer
 * and reader keep the same slots because records arrive in the order in which they were written. Both ends are of one
 * program, so there is no version, and nothing here is ever stored.
 */

/** Doubles, from the record's first. */
export const KEY = 0
export const TIME = 1
export const END_TIME = 2
/** -1: null. */
export const DURATION = 3
export const REQUEST_BYTES = 4
export const RESPONSE_BYTES = 5

/** Words, from the record's first. */
export const SIZE = 12
export const FLAGS = 13
/** -1: null. */
export const STATUS = 14
/** Slots; see DEFINED and NONE. */
export const CONNECTION = 15
export const PRESENTED = 16
export const METHOD = 17
export const SCHEME = 18
export const HOST = 19
export const VERSION = 20
/** Codes of texts. */
export const PATH = 21
export const QUERY = 22
export const TRACE_ID = 23
export const FORWARDED = 24
export const WEIRDS = 25
/** JSON of the login attempt, the marks and the token grant; NONE when there are none. */
export const JUDGED = 26
/** Bytes of JSON. */
export const REQUEST_HEADERS = 27
export const RESPONSE_HEADERS = 28
export const REQUEST_BODY = 29
export const RESPONSE_BODY = 30
/** Codes of texts. */
export const REQUEST_BODY_WEIRDS = 31
export const RESPONSE_BODY_WEIRDS = 32
export const CONNECTION_NUMBER = 33
export const HEAD_WORDS = 34
export const HEAD_BYTES = HEAD_WORDS * 4
export const ID_BYTES = 26

/** Added to a slot: its definition is in this record. */
export const DEFINED = 0x10000
export const NONE = -1
export const CONNECTIONS = 4096
export const PRESENTED_SLOTS = 4096
export const NAMES = 1024

/** Bits of FLAGS, above state (3), pairing (2) and trust (2). */
export const LOGIN_GRANTED = 1 << 7
export const SENT_TO_LOGIN = 1 << 8
/** Headers and bodies are there. */
export const CONTENTS = 1 << 9
/** Bodies are on. */
export const BODIES = 1 << 10
export const REQUEST_BINARY = 1 << 11
export const REQUEST_CUT = 1 << 12
export const RESPONSE_BINARY = 1 << 13
export const RESPONSE_CUT = 1 << 14
/** All of the JSON is ASCII. */
export const PLAIN_HEADERS = 1 << 15
export const PLAIN_BODIES = 1 << 16

export const STATES: readonly TransactionState[] = [
  'complete',
  'request_only',
  'response_only',
  'gap',
  'truncated',
  'upgraded',
]
export const PAIRINGS: readonly PairingGrade[] = ['exact', 'inferred', 'ambiguous']
export const TRUSTS: readonly Trust[] = ['none', 'default', 'configured']
export const PAIRING_SHIFT = 3
export const TRUST_SHIFT = 5
