import { lineKey, type TransactionLine } from '../integration/transaction-lines.ts'
import type { TsharkPair } from '../integration/tshark.ts'
import { bare, type Case, type Expected } from './cases.ts'

/** One reader's pair, or one of its messages alone. */
export interface Reading {
  readonly client: string
  readonly server: string
  readonly method: string | null
  readonly target: string | null
  readonly status: number | null
  /** Null: this reader does not know. */
  readonly requestBody: number | null
  readonly responseBody: number | null
}

export type Verdict = 'offpath is right' | 'tshark is right' | 'neither is wrong' | 'unexplained'

export interface Difference {
  /** Who says it; `neither`: it happened, and nobody says it. */
  readonly only: 'offpath' | 'tshark' | 'neither'
  readonly what: string
  readonly verdict: Verdict
  /** Name of the reason, and how it is known. */
  readonly reason: string
}

export interface Judgement {
  readonly both: number
  readonly offpath: number
  readonly tshark: number
  readonly truth: number
  /** Pairs of which the capture has every byte, and how many of them each reader has. */
  readonly captured: number
  readonly capturedByOffpath: number
  readonly capturedByTshark: number
  /** Pairs that never happened. */
  readonly wrongOffpath: number
  readonly wrongTshark: number
  readonly differences: readonly Difference[]
}

export function ofOffpath(line: TransactionLine): Reading {
  const [method, target] = lineKey(line).split(' ')
  const whole = line.state === 'complete' || line.state === 'upgraded'
  return {
    client: `${line.client_ip} ${line.client_port}`,
    server: `${line.server_ip} ${line.server_port}`,
    method: line.method === null ? null : method!,
    target: line.method === null ? null : target!,
    status: line.status,
    requestBody: whole ? line.request_body_bytes : null,
    responseBody: whole ? line.response_body_bytes : null,
  }
}

/** Secrets stand as `*`, as in the notes; an empty query is none. */
export function ofTshark(pair: TsharkPair): Reading {
  const target =
    pair.target === null
      ? null
      : bare(pair.target)
          .replace(/made-up-token-\d/g, '*')
          .replace(/\?$/, '')
  return { ...pair, target }
}

const isPair = (one: Reading) => one.method !== null && one.status !== null
const pairText = (one: Reading | Expected) => `${one.client} ${one.server} ${one.method} ${one.target} ${one.status}`

/** Holds both readings against what happened. */
export function judge(one: Case, ours: readonly Reading[], theirs: readonly Reading[]): Judgement {
  const judged = { ours: new Pool(ours.filter(isPair)), theirs: new Pool(theirs.filter(isPair)) }
  const differences: Difference[] = []
  const counts = { both: 0, captured: 0, capturedByOffpath: 0, capturedByTshark: 0, wrongOffpath: 0, wrongTshark: 0 }
  for (const expected of one.truth) {
    const our = judged.ours.take(pairText(expected), expected.responseBody)
    const their = judged.theirs.take(pairText(expected), expected.responseBody)
    if (expected.captured) counts.captured++
    if (expected.captured && our !== null) counts.capturedByOffpath++
    if (expected.captured && their !== null) counts.capturedByTshark++
    if (our !== null && their !== null) {
      counts.both++
      differences.push(...sizes(expected, our, their))
    } else if (our !== null) differences.push(missedByTshark(expected, one))
    else if (their !== null) differences.push(missedByOffpath(expected, ours, one))
    else if (expected.captured) differences.push(missedByBoth(expected, ours, one))
  }
  for (const wrong of judged.ours.rest()) {
    counts.wrongOffpath++
    differences.push({
      only: 'offpath',
      what: pairText(wrong),
      verdict: 'unexplained',
      reason: 'this pair never happened',
    })
  }
  for (const wrong of judged.theirs.rest()) {
    counts.wrongTshark++
    const happened = one.truth.find(
      (pair) => pair.client === wrong.client && pair.method === wrong.method && pair.target === wrong.target,
    )
    const reason =
      happened === undefined
        ? 'no such request was sent on this connection'
        : `it was answered otherwise${because(reasonsFor(happened, one))}`
    differences.push({ only: 'tshark', what: pairText(wrong), verdict: 'offpath is right', reason })
  }
  return {
    ...counts,
    offpath: ours.filter(isPair).length,
    tshark: theirs.filter(isPair).length,
    truth: one.truth.length,
    differences,
  }
}

const because = (reasons: readonly string[]) => (reasons.length === 0 ? '' : ` (${reasons.join(', ')})`)

/** What is known of tshark that applies to a pair; else to others of its connection, where it may have lost its place. */
function reasonsFor(expected: Expected, one: Case): string[] {
  if (expected.tsharkMay.length > 0) return [...expected.tsharkMay]
  const others = one.truth.filter(({ client }) => client === expected.client).flatMap(({ tsharkMay }) => tsharkMay)
  return [...new Set(others)].map((reason) => `${reason} on its connection`)
}

/** The pair happened and we have it. What is known of tshark explains why it does not; without that, nothing does. */
function missedByTshark(expected: Expected, one: Case): Difference {
  const named = reasonsFor(expected, one)
  return {
    only: 'offpath',
    what: pairText(expected),
    verdict: named.length > 0 ? 'offpath is right' : 'unexplained',
    reason: named.length > 0 ? named.join(', ') : 'tshark has no known reason to miss it',
  }
}

/** tshark links what we refuse: right where a loss leaves two readings, and never on a whole capture. */
function missedByOffpath(expected: Expected, ours: readonly Reading[], one: Case): Difference {
  const refused =
    one.lossy &&
    ours.some((our) => our.client === expected.client && our.target === expected.target && our.status === null)
  return {
    only: 'tshark',
    what: pairText(expected),
    verdict: refused || (one.lossy && !expected.captured) ? 'tshark is right' : 'unexplained',
    reason: refused
      ? 'refused: the request stands alone, the capture does not prove its answer'
      : one.lossy
        ? 'loss: a head of it is not whole'
        : 'not printed',
  }
}

function missedByBoth(expected: Expected, ours: readonly Reading[], one: Case): Difference {
  const { reason, verdict } = missedByOffpath(expected, ours, one)
  return {
    only: 'neither',
    what: pairText(expected),
    verdict: verdict === 'tshark is right' ? 'neither is wrong' : verdict,
    reason,
  }
}

function sizes(expected: Expected, our: Reading, their: Reading): Difference[] {
  const found: Difference[] = []
  for (const side of ['requestBody', 'responseBody'] as const) {
    const [mine, other, right] = [our[side], their[side], expected[side]]
    if (mine !== null && right !== null && mine !== right) {
      found.push({
        only: 'offpath',
        what: `${pairText(expected)} ${side} ${mine}`,
        verdict: 'unexplained',
        reason: `it was ${right}`,
      })
    } else if (mine !== null && other !== null && mine !== other) {
      const verdict = right === null ? 'unexplained' : 'offpath is right'
      const reason = right === null ? `offpath ${mine}, and nobody knows` : 'size: what it announces is not what came'
      found.push({ only: 'tshark', what: `${pairText(expected)} ${side} ${other}`, verdict, reason })
    }
  }
  return found
}

/** A multiset of pairs by text. */
class Pool<T extends Reading> {
  readonly #left = new Map<string, T[]>()

  constructor(all: readonly T[]) {
    for (const one of all) {
      const list = this.#left.get(pairText(one))
      if (list === undefined) this.#left.set(pairText(one), [one])
      else list.push(one)
    }
  }

  /** One of these, of this body size where there is one. */
  take(text: string, responseBody: number | null): T | null {
    const list = this.#left.get(text)
    if (list === undefined || list.length === 0) return null
    const fits = list.findIndex((one) => responseBody === null || one.responseBody === responseBody)
    return list.splice(Math.max(0, fits), 1)[0]!
  }

  rest(): T[] {
    return [...this.#left.values()].flat()
  }
}
