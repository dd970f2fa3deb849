import type { Severity, Signal } from '../daemon/model/signal.ts'
import type { EventTime } from '../daemon/model/time.ts'
import { DETECTOR_TAGS, type DetectorId } from './detector-ids.ts'

/** What a detector has to say at a tick: about a source, a service or a model, and no transaction (contracts.md, Incident). */
export interface TickFinding {
  readonly subject: Signal['subject']
  /** Names it to people; no traffic of anybody led to it. */
  readonly about: string
  readonly service: string | null
  readonly log10P: number
  readonly maturity: number
  readonly severity: Severity
  readonly why: string
  readonly expected: string | number | null
  readonly observed: string | number | null
  readonly evidence: Signal['evidence']
  /** It is over: closes the incident, opens none. */
  readonly over?: boolean
}

export function tickSignal(detector: DetectorId, finding: TickFinding, now: EventTime): Signal {
  const { about, over, log10P, ...said } = finding
  const { owasp, attack } = DETECTOR_TAGS[detector]
  return {
    ...said,
    time: now,
    detector,
    transactionId: null,
    transactionTime: null,
    status: null,
    principal: { kind: 'device', id: about, display: about, via: 'sensor', app: null },
    endpoint: null,
    pValue: 10 ** log10P,
    log10P,
    score: 1 - 10 ** (log10P / 6),
    owasp,
    attack,
    outcome: { answered: 0, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
    ...(over === true ? { over } : {}),
  }
}
