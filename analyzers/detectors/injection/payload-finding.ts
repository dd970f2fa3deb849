import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../../daemon/model/transaction.ts'
import { countText, signalOf } from '../../finding.ts'
import type { Judgement } from '../../payload-context.ts'
import type { PayloadKind } from './payload-detector.ts'
import { outcomeOf } from './payload-outcome.ts'

/** `marks`: how many of the class the request has. */
export function payloadSignal(
  kind: PayloadKind,
  tx: Transaction,
  mark: PayloadMark,
  judgement: Judgement,
  marks: number,
  maturity: number,
  now: EventTime,
): Signal {
  const { pSuccess, severity, signs } = outcomeOf(tx, mark)
  const usual = usualText(judgement)
  const answered = tx.status !== null && tx.status < 400
  return signalOf(kind.id, tx, now, {
    log10P: -judgement.logOdds / Math.LN10,
    maturity,
    severity,
    why: `${kind.name} in ${mark.field}${layersText(mark)}: ${answerText(tx, signs)}; ${usual}`,
    expected: usual,
    observed: mark.excerpt === '' ? mark.rule : mark.excerpt,
    evidence: {
      ...evidenceOf(mark, judgement),
      payloads: marks,
      signs_of_success: signs,
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: {
      answered: answered ? 1 : 0,
      refused: answered ? 0 : 1,
      objectsExposed: 0,
      accounts: [],
      pSuccess,
    },
    evidenceBefore: [],
  })
}

const LEAK_SEVERITY: ReadonlyMap<string, Severity> = new Map([
  ['leak_secret', 'high'],
  ['leak_source', 'high'],
  ['leak_stack', 'medium'],
  ['leak_sql_error', 'medium'],
  ['leak_listing', 'low'],
])

/** About the endpoint, whoever asked it. */
export function leakSignal(
  kind: PayloadKind,
  tx: Transaction,
  mark: PayloadMark,
  judgement: Judgement,
  maturity: number,
  now: EventTime,
): Signal {
  const place = tx.endpoint ?? 'a path that is no known endpoint'
  const usual = usualText(judgement)
  return signalOf(kind.id, tx, now, {
    log10P: -judgement.logOdds / Math.LN10,
    maturity,
    severity: LEAK_SEVERITY.get(mark.class) ?? 'medium',
    why: `${kind.name} in an answer of ${place} with status ${tx.status ?? 'unknown'}; ${usual}`,
    expected: usual,
    observed: mark.excerpt === '' ? mark.rule : mark.excerpt,
    evidence: evidenceOf(mark, judgement),
    subject: { kind: 'endpoint', value: `${tx.service ?? ''} ${tx.endpoint ?? ''}`.trim() },
    outcome: { answered: 1, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
  })
}

function evidenceOf(mark: PayloadMark, { logOdds, carried, callers }: Judgement): Signal['evidence'] {
  return {
    field: mark.field,
    rule: mark.rule,
    decoded: mark.excerpt === '' ? null : mark.excerpt,
    layers: mark.layers,
    tokens: mark.tokens === '' ? null : mark.tokens,
    field_normally: `${carried} of ${callers} callers send the like`,
    log_odds_shipped: mark.logOdds,
    log_odds_here: Number(logOdds.toFixed(2)),
  }
}

function usualText({ carried, callers }: Judgement): string {
  if (callers === 0) return 'nothing is known of this field yet'
  return carried === 0
    ? `none of ${countText(callers, 'known caller')} sent the like in this field`
    : `${carried} of ${countText(callers, 'known caller')} sent the like in this field`
}

function layersText({ layers }: PayloadMark): string {
  return layers.length === 0 ? '' : ` under ${layers.join(' and ')} encoding`
}

function answerText({ status }: Transaction, signs: readonly string[]): string {
  if (signs.length > 0) return `it seems to have worked (${signs.join(', ')})`
  if (status === null) return 'no answer was seen'
  if (status >= 500) return `the server failed (${status})`
  return status >= 400 ? `refused (${status})` : `answered ${status}, with no sign that it worked`
}
