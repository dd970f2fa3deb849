import { z } from 'zod'
import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { principalKey } from '../../baselines/principal-key.ts'
import { amount, text, time } from '../../baselines/state.ts'
import { countText, EvidenceTrail, shownAs, signalOf, TrailState } from '../../finding.ts'

const KINDS = ['in_url', 'expired', 'long_lived'] as const
export type LapseKind = (typeof KINDS)[number]

const SEVERITY: Readonly<Record<LapseKind, Severity>> = { in_url: 'medium', expired: 'high', long_lived: 'low' }
/** Of one caller, and of several. */
const DOES: Readonly<Record<LapseKind, readonly [one: string, many: string]>> = {
  in_url: ['sends a credential in the URL', 'send a credential in the URL'],
  expired: ['is granted requests with tokens past their end', 'are granted requests with tokens past their end'],
  long_lived: ['has tokens that live for months', 'have tokens that live for months'],
}
const SHOULD: Readonly<Record<LapseKind, string>> = {
  in_url: 'credentials in headers',
  expired: 'expired tokens are refused',
  long_lived: 'tokens that end within weeks',
}
const MAX_ENDPOINTS = 16
const AGAIN_US = HOUR_US

/** Requests, callers, endpoints, trail, quiet until. */
const LapseState = z.tuple([amount, DistinctState, z.array(text).max(MAX_ENDPOINTS), TrailState, time])
export const ServiceLapsesState = z.array(z.tuple([z.enum(KINDS), LapseState])).max(KINDS.length)
export type ServiceLapsesState = z.infer<typeof ServiceLapsesState>

/** One kind of carelessness at one service. */
export class Lapse {
  requests = 0
  #callers = new DistinctCounter()
  endpoints = new Set<string>()
  trail = new EvidenceTrail()
  #quietUntil: EventTime = 0

  get callers(): number {
    return Math.round(this.#callers.count)
  }

  /** Whether that is worth telling: somebody new, or it was not told for an hour. */
  add(tx: Transaction, now: EventTime): boolean {
    this.requests++
    // Past 64 callers a new one is a guess, and no news.
    const isNew = this.#callers.learnOne(hashText(principalKey(tx.principal))) > 0 && this.#callers.exact
    if (tx.endpoint !== null && this.endpoints.size < MAX_ENDPOINTS) this.endpoints.add(tx.endpoint)
    if (isNew || now >= this.#quietUntil) return true
    this.trail.add(tx)
    return false
  }

  tellAgainAfter(now: EventTime): void {
    this.#quietUntil = now + AGAIN_US
  }

  toState(): z.infer<typeof LapseState> {
    return [this.requests, this.#callers.toState(), [...this.endpoints], this.trail.toState(), this.#quietUntil]
  }

  static fromState([requests, callers, endpoints, trail, quietUntil]: z.infer<typeof LapseState>): Lapse {
    const lapse = new Lapse()
    lapse.requests = requests
    lapse.#callers = DistinctCounter.fromState(callers)
    lapse.endpoints = new Set(endpoints)
    lapse.trail = EvidenceTrail.fromState(trail)
    lapse.#quietUntil = quietUntil
    return lapse
  }
}

export class ServiceLapses {
  readonly #lapses = new Map<LapseKind, Lapse>()

  of(kind: LapseKind): Lapse {
    let lapse = this.#lapses.get(kind)
    if (lapse === undefined) {
      lapse = new Lapse()
      this.#lapses.set(kind, lapse)
    }
    return lapse
  }

  toState(): ServiceLapsesState {
    return [...this.#lapses].map(([kind, lapse]) => [kind, lapse.toState()])
  }

  static fromState(state: ServiceLapsesState): ServiceLapses {
    const lapses = new ServiceLapses()
    for (const [kind, lapse] of state) lapses.#lapses.set(kind, Lapse.fromState(lapse))
    return lapses
  }
}

export function lapseSignal(tx: Transaction, kind: LapseKind, lapse: Lapse, now: EventTime): Signal {
  const endpoints = [...lapse.endpoints]
  const callers = countText(lapse.callers, 'caller')
  return signalOf('auth.token_hygiene', tx, now, {
    log10P: -9,
    maturity: 1,
    severity: SEVERITY[kind],
    why: `at ${tx.service}, ${callers} ${DOES[kind][lapse.callers === 1 ? 0 : 1]}: ${countText(lapse.requests, 'request')} to ${countText(endpoints.length, 'endpoint')}`,
    expected: SHOULD[kind],
    observed: `${countText(lapse.requests, 'request')} of ${callers}`,
    evidence: { kind, requests: lapse.requests, callers: lapse.callers, endpoints, seen_from: [shownAs(tx.principal)] },
    subject: { kind: 'service', value: tx.service ?? '' },
    outcome: { answered: lapse.requests, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: lapse.trail.take(),
  })
}
