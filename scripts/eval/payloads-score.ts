import { PAYLOAD_CHECKS } from '../../daemon/payload/checks.ts'
import { PayloadScanner } from '../../daemon/payload/scanner.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { calmAnswers, leakyAnswers } from '../../test/payload/answers.ts'
import type { Attack } from '../../test/payload/attacks.ts'
import type { Benign } from '../../test/payload/benign/requests.ts'
import type { CorpusRequest, CorpusSet } from '../../test/payload/corpus-request.ts'
import { FRESH_ATTACKS, FRESH_BENIGN } from '../../test/payload/fresh.ts'
import { PLACEMENTS } from '../../test/payload/placements.ts'
import { scan } from '../../test/payload/scan.ts'
import { TALK, wrapped } from '../../test/payload/wrapped.ts'

/** From here on a finding is a signal about a field nobody knows. */
export const SIGNAL = 7

export interface Share {
  /** Requests of the group, and how many of them had a finding at the threshold. */
  total: number
  found: number
  /** Of the found: how many were given the class they were made as. */
  named: number
}

export type Shares = Map<string, Share>

export interface RecallScore {
  readonly all: Share
  readonly classes: Shares
  readonly placements: Shares
  readonly encodings: Shares
  readonly tricks: Shares
  /** Missed requests by class and seed, most first. */
  readonly misses: Map<string, number>
  readonly missed: Attack[]
}

export interface BenignScore {
  readonly all: Share
  readonly kinds: Shares
  /** Findings at the threshold, by place of their field and by rule. */
  readonly places: Map<string, number>
  readonly rules: Map<string, number>
  readonly alarms: { readonly kind: string; readonly rule: string; readonly field: string; readonly excerpt: string }[]
}

export function newScanner(): PayloadScanner {
  return new PayloadScanner(PAYLOAD_CHECKS, new Counters())
}

export function recallOf(attacks: Iterable<Attack>): RecallScore {
  const scanner = newScanner()
  const score: RecallScore = {
    all: { total: 0, found: 0, named: 0 },
    classes: new Map(),
    placements: new Map(),
    encodings: new Map(),
    tricks: new Map(),
    misses: new Map(),
    missed: [],
  }
  for (const attack of attacks) {
    const clear = scan(scanner, attack.request).filter(({ logOdds }) => logOdds >= SIGNAL)
    const found = clear.length > 0
    const named = clear.some((finding) => finding.class === attack.class)
    count(score.all, found, named)
    count(share(score.classes, attack.class), found, named)
    count(share(score.placements, attack.placement), found, named)
    count(share(score.encodings, attack.encoding), found, named)
    count(share(score.tricks, attack.trick), found, named)
    if (found) continue
    bump(score.misses, `${attack.class} ${attack.seed}`)
    score.missed.push(attack)
  }
  return score
}

export function alarmsOf(requests: Iterable<Benign>): BenignScore {
  const scanner = newScanner()
  const score: BenignScore = {
    all: { total: 0, found: 0, named: 0 },
    kinds: new Map(),
    places: new Map(),
    rules: new Map(),
    alarms: [],
  }
  for (const { kind, request } of requests) {
    const clear = scan(scanner, request).filter(({ logOdds }) => logOdds >= SIGNAL)
    count(score.all, clear.length > 0, false)
    count(share(score.kinds, kind), clear.length > 0, false)
    for (const { rule, field, excerpt } of clear) {
      bump(score.places, field.split(':', 1)[0]!)
      bump(score.rules, rule)
      score.alarms.push({ kind, rule, field, excerpt })
    }
  }
  return score
}

export function share(shares: Shares, name: string): Share {
  let found = shares.get(name)
  if (found === undefined) {
    found = { total: 0, found: 0, named: 0 }
    shares.set(name, found)
  }
  return found
}

export function count(share: Share, found: boolean, named: boolean): void {
  share.total++
  if (found) share.found++
  if (named) share.named++
}

function bump(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** Payloads and texts of test/payload/fresh.ts as they are written, in the placements of bodies and parameters. */
export function freshLook(): { readonly attacks: Share; readonly benign: Share } {
  const scanner = newScanner()
  const places = PLACEMENTS.filter(({ name }) => FRESH_PLACES.has(name))
  const look = (texts: readonly string[]): Share => {
    const share = { total: 0, found: 0, named: 0 }
    for (const text of texts)
      for (const { put } of places) {
        const request = put(text)
        if (request !== null)
          count(
            share,
            scan(scanner, request).some(({ logOdds }) => logOdds >= SIGNAL),
            false,
          )
      }
    return share
  }
  return { attacks: look(FRESH_ATTACKS.map(([, text]) => text)), benign: look(FRESH_BENIGN) }
}

/** Payloads in the midst of prose, by class, and sentences about commands and databases that count as such. */
export function wrappedLook(set: CorpusSet): { readonly classes: Shares; readonly talk: Share } {
  const scanner = newScanner()
  const isFound = (request: CorpusRequest) => scan(scanner, request).some(({ logOdds }) => logOdds >= SIGNAL)
  const classes: Shares = new Map()
  for (const { class: name, request } of wrapped(set)) count(share(classes, name), isFound(request), false)
  const talk = { total: 0, found: 0, named: 0 }
  const json = PLACEMENTS.find(({ name }) => name === 'json')!
  for (const text of TALK) count(talk, isFound(json.put(text)!), false)
  return { classes, talk }
}

/** Answers that give something away, by class and by way of saying it; and those that only look so, by kind. */
export function answersOf(set: CorpusSet): {
  readonly classes: Shares
  readonly placements: Shares
  readonly calm: Shares
} {
  const scanner = newScanner()
  const score = {
    classes: new Map<string, Share>(),
    placements: new Map<string, Share>(),
    calm: new Map<string, Share>(),
  }
  for (const { class: name, placement, text } of leakyAnswers(set)) {
    const clear = scanner.response(text).filter(({ logOdds }) => logOdds >= SIGNAL)
    const named = clear.some((finding) => finding.class === name)
    count(share(score.classes, name), clear.length > 0, named)
    count(share(score.placements, placement), clear.length > 0, named)
  }
  for (const { kind, refused, text } of calmAnswers(set))
    count(
      share(score.calm, kind),
      scanner.response(text, !refused).some(({ logOdds }) => logOdds >= SIGNAL),
      false,
    )
  return score
}

const FRESH_PLACES = new Set(['query', 'form', 'json', 'xml text', 'multipart'])

/** Every `step`th, from the `offset`th on. */
export function* sampled<T>(all: Iterable<T>, step: number, offset: number): Generator<T> {
  let index = 0
  for (const each of all) if (index++ % step === offset) yield each
}

/** Largest first. */
export function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
}
