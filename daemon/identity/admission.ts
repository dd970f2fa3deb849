import { BoundedMap } from './bounded-map.ts'
import type { CallerAddress } from './caller-address.ts'
import type { TransactionRecord } from './record.ts'

const MAX_PLACES = 16_384
const MAX_PENDING = 65_536
/** Credentials of one address that came once and never again, from which on an address is taken for one that makes them up. */
const MAX_YOUNG = 64
/** Accepted answers that a credential needs where an answer says little. */
const ANSWERS = 4
const MAX_SEGMENT = 24

/**
 * From which accepted answer on a credential counts. At once, as a rule. But a place that answers whoever shows nothing
 * answers whoever shows anything, and an address whose credentials come once and never again makes them up: there, one
 * counts from its fourth accepted answer on, so that a new one with each request never does. A credential that the server
 * handed out needs no such answer.
 */
export class Admission {
  /** What a place last said to somebody who showed nothing: whether it answered. */
  readonly #open = new BoundedMap<string, boolean>(MAX_PLACES)
  /** Accepted answers so far, by proof. */
  readonly #pending = new BoundedMap<string, number>(MAX_PENDING)

  /** Learns from the answer to a request without any credential. */
  learn(record: TransactionRecord): void {
    const { status } = record
    const answered = status !== null && status >= 200 && status < 300
    if (!answered && status !== 401) return
    const place = placeOf(record)
    if (place !== null && this.#open.get(place) !== answered) this.#open.set(place, answered)
  }

  /** Whether a credential counts that was accepted now and is not known yet. */
  admits(record: TransactionRecord, proof: string, address: CallerAddress): boolean {
    const place = address.young < MAX_YOUNG ? placeOf(record) : null
    if (address.young < MAX_YOUNG && (place === null || this.#open.get(place) !== true)) return true
    const answers = (this.#pending.get(proof) ?? 0) + 1
    if (answers < ANSWERS) {
      this.#pending.set(proof, answers)
      return false
    }
    this.#pending.delete(proof)
    return true
  }

  sizes(): Readonly<Record<string, { entries: number; limit: number; evicted: number }>> {
    const size = (map: BoundedMap<string, unknown>) => ({ entries: map.size, limit: map.limit, evicted: map.evicted })
    return { open_places: size(this.#open), pending_credentials: size(this.#pending) }
  }
}

/** Host, method and path without what looks like the id of something; null when the request was not seen. */
function placeOf({ host, method, path }: TransactionRecord): string | null {
  if (method === null || path === null) return null
  let place = `${host}\n${method}`
  let start = 1
  for (let segments = 0; start <= path.length && segments < 8; segments++) {
    let end = path.indexOf('/', start)
    if (end < 0) end = path.length
    place += isWord(path, start, end) ? `/${path.slice(start, end)}` : '/*'
    start = end + 1
  }
  return place
}

function isWord(path: string, start: number, end: number): boolean {
  if (end - start > MAX_SEGMENT) return false
  for (let i = start; i < end; i++) {
    const code = path.charCodeAt(i)
    // A digit as the second letter is a version.
    if (code >= 0x30 && code <= 0x39 && !(i === start + 1 && end - start <= 3)) return false
  }
  return true
}

/** 1xx, 2xx, or 3xx that leads to no login page. */
export function answerAccepts({ status, sentToLogin }: TransactionRecord): boolean {
  return status !== null && status >= 101 && status < 400 && !sentToLogin
}
