import type { Signal } from '../daemon/model/signal.ts'
import { formatTime } from '../daemon/model/time.ts'

/** One signal as one line of JSON (contracts.md, Signal), without the line feed. Internal fields stay inside. */
export function encodeSignal(signal: Signal): string {
  const { principal } = signal
  return JSON.stringify({
    ts: formatTime(signal.time),
    detector: signal.detector,
    transaction_id: signal.transactionId,
    principal: {
      kind: principal.kind,
      id: principal.id,
      display: principal.display,
      via: principal.via,
      app: principal.app,
    },
    endpoint: signal.endpoint,
    service: signal.service,
    p_value: Number(signal.pValue.toPrecision(4)),
    log10_p: round(signal.log10P, 3),
    maturity: round(signal.maturity, 3),
    score: round(signal.score, 4),
    severity: signal.severity,
    owasp: signal.owasp,
    attack: signal.attack,
    why: signal.why,
    expected: signal.expected,
    observed: signal.observed,
    evidence: signal.evidence,
  })
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0
}
