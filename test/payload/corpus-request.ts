import { createHash } from 'node:crypto'
import type { Header } from '../../daemon/model/transaction.ts'

/** A request of a corpus, as an HTTP client would write it; the body goes out as UTF-8. */
export interface CorpusRequest {
  readonly method: 'GET' | 'POST'
  readonly target: string
  readonly headers: readonly Header[]
  readonly body: string
}

/** SHA-256 over the canonical form of each: its JSON, keys in the order of the interface, and a line feed. */
export function corpusHash(requests: Iterable<CorpusRequest>): string {
  const hash = createHash('sha256')
  for (const { method, target, headers, body } of requests) {
    hash.update(`${JSON.stringify({ method, target, headers, body })}\n`)
  }
  return hash.digest('hex')
}

/**
 * Tuning and reporting share no seed, template or word: every list is cut in two, its even entries for tuning, its odd ones for
 * reporting.
 */
export type CorpusSet = 'tuning' | 'reporting'

export function half<T>(list: readonly T[], set: CorpusSet): T[] {
  if (list.length < 2) throw new RangeError('too short to be cut in two')
  const odd = set === 'tuning' ? 0 : 1
  return list.filter((_, index) => index % 2 === odd)
}
