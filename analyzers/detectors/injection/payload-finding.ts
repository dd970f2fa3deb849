import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { PayloadMark, Transaction } from '../../../daemon/model/transaction.ts'
import { countText, signalOf } from '../../finding.ts'
import type { FieldCarries } from '../../payloads/field-contents.ts'
import type { Judgement } from '../../payloads/payload-habits.ts'
import type { PayloadKind } from './payload-detector.ts'
import type { PayloadOutcome } from './payload-outcome.ts'

/** `marks`: how many of the class the request has, and in how many fields its caller's add up to the evidence. */
export function payloadSignal(
  kind: PayloadKind,
  tx: Transaction,
  mark: PayloadMark,
  judgement: Judgement,
  { pSuccess, severity, signs }: PayloadOutcome,
  marks: { readonly count: number; readonly fields: number },
  maturity: number,
  now: EventTime,
): Signal {
  const usual = judgement.unlike ? `${mark.field} ${carriesText(judgement.content!)}` : usualText(judgement)
  const answered = tx.status !== null && tx.status < 400
  return signalOf(kind.id, tx, now, {
    log10P: -judgement.logOdds / Math.LN10,
    maturity,
    severity,
    why: `${kind.name} in ${mark.field}${layersText(mark)}${togetherText(marks.fields)}: ${answerText(tx, signs, pSuccess)}; ${usual}`,
    expected: usual,
    observed: mark.excerpt === '' ? mark.rule : mark.excerpt,
    evidence: {
      ...evidenceOf(mark, judgement),
      payloads: marks.count,
      fields_tried: marks.fields,
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

function evidenceOf(mark: PayloadMark, { logOdds, carried, callers, content }: Judgement): Signal['evidence'] {
  return {
    field: mark.field,
    rule: mark.rule,
    decoded: mark.excerpt === '' ? null : mark.excerpt,
    layers: mark.layers,
    tokens: mark.tokens === '' ? null : mark.tokens,
    field_normally: `${carried} of ${callers} callers send the like${content === null ? '' : `; ${carriesText(content)}, up to ${content.longest} characters`}`,
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

/** `carries numbers, of all 214 callers looked at`. */
function carriesText({ kind, senders, callers, plain }: FieldCarries): string {
  const kinds = kind === 'text' || kind === 'UUID' ? kind : kind === 'hexadecimal' ? 'hexadecimal numbers' : `${kind}s`
  const share = senders === callers ? `all ${callers}` : `${senders} of ${callers}`
  return `carries ${plain || senders === callers ? kinds : `mostly ${kinds}`}, of ${share} callers looked at`
}

/** None is clear by itself. */
function togetherText(fields: number): string {
  return fields === 1 ? '' : `, after the like of it in ${fields - 1} other fields`
}

function layersText({ layers }: PayloadMark): string {
  return layers.length === 0 ? '' : ` under ${layers.join(' and ')} encoding`
}

/** From here on it is said so. */
const LIKELY = 0.5

function answerText({ status }: Transaction, signs: readonly string[], pSuccess: number): string {
  if (pSuccess >= LIKELY) return `it seems to have worked (${signs.join(', ')})`
  if (status === null) return 'no answer was seen'
  if (status >= 500) return `the server failed (${status})`
  if (status >= 400) return `refused (${status})`
  return signs.length > 0
    ? `answered ${status} (${signs.join(', ')})`
    : `answered ${status}, with no sign that it worked`
}
