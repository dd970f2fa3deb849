import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Principal } from '../../../daemon/model/transaction.ts'
import { DETECTOR_TAGS } from '../../detector-ids.ts'

/** What a detector has to say about a source of the sensor itself. */
export interface SensorFinding {
  readonly detector: 'capture.blind' | 'capture.silent'
  /** `pcap:eth1`, or a link of it: `pcap:eth1 vlan 12`. */
  readonly source: string
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

/** A signal without a transaction, at a tick: findings about absence (contracts.md, Incident). */
export function sensorSignal(finding: SensorFinding, now: EventTime): Signal {
  const { detector, source, log10P, maturity, severity, why, expected, observed, evidence, over } = finding
  const { owasp, attack } = DETECTOR_TAGS[detector]
  return {
    time: now,
    detector,
    transactionId: null,
    transactionTime: null,
    status: null,
    principal: sensorPrincipal(source),
    endpoint: null,
    service: null,
    pValue: 10 ** log10P,
    log10P,
    maturity,
    score: 1 - 10 ** (log10P / 6),
    severity,
    owasp,
    attack,
    why,
    expected,
    observed,
    evidence,
    subject: { kind: 'device', value: `${SOURCE}${source}` },
    outcome: { answered: 0, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
    ...(over === true ? { over } : {}),
  }
}

/** Nobody's traffic led to it: the sensor speaks of itself. */
function sensorPrincipal(source: string): Principal {
  return { kind: 'device', id: source, display: source, via: 'sensor', app: null }
}

/** What the value of a subject begins with that is no caller but one of the sensor's own sources: `source:pcap:eth1`. */
const SOURCE = 'source:'

/** Whether an incident is about a source of the sensor, which is nobody who could have taught anything. */
export function isAboutSource(subject: { readonly kind: string; readonly value: string }): boolean {
  return subject.kind === 'device' && subject.value.startsWith(SOURCE)
}
