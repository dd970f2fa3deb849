import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { percentText, signalOf, spanText } from '../../finding.ts'
import type { EndpointPopulation } from './endpoint-population.ts'
import { type Evidence, HEARD } from './evidence.ts'
import type { Reach } from './reach.ts'

/** `windowUs`: how long the window of `evidence.expected` is. */
export function reachSignal(
  tx: Transaction,
  reach: Reach,
  usual: EndpointPopulation,
  evidence: Evidence,
  windowUs: EventTime,
  now: EventTime,
): Signal {
  const answered = Math.round(reach.answered)
  const refused = Math.round(reach.denied + reach.missing)
  const share = reach.total === 0 ? 0 : reach.answered / reach.total
  const noun = nounOf(tx.endpoint!)
  const range = evidence.expected === null ? null : rangeText(evidence.expected)
  const span = spanText(windowUs)
  const usually = range === null ? 'too few callers yet to say what is usual' : `usual here: ${range} in ${span}`
  return signalOf('object.enumeration', tx, now, {
    log10P: -evidence.combined / Math.LN10,
    maturity: Math.max(0.3, usual.maturity),
    severity: severityOf(answered, share),
    why: `${reachText(reach, evidence, noun, now)}; ${usually}`,
    expected: range === null ? null : `${range} different ${noun} in ${span}`,
    observed: Math.round(reach.total),
    evidence: {
      distinct_answered: answered,
      distinct_denied: Math.round(reach.denied),
      distinct_not_found: Math.round(reach.missing),
      used_by_others_before: Math.round(reach.foreign),
      neighbouring_ids: Math.round(reach.neighbours),
      usual_refused: percentText(usual.refusals.mean),
      usual_refused_of_callers: Math.round(usual.refusals.voters),
      usual_reach_of_callers: evidence.expected === null ? 0 : Math.round(evidence.expected.voters),
      llr_tail: Number(evidence.tail.toFixed(2)),
      llr_refused: Number(evidence.refused.toFixed(2)),
      llr_neighbours: Number(evidence.neighbour.toFixed(2)),
      llr_foreign: Number(evidence.foreign.toFixed(2)),
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: {
      answered,
      refused,
      objectsExposed: answered,
      accounts: [],
      pSuccess: answered === 0 ? 0.02 : Math.min(0.95, 0.3 + 0.65 * Math.min(1, answered / 10)),
    },
    evidenceBefore: reach.takeEvidence(),
  })
}

function reachText(reach: Reach, evidence: Evidence, noun: string, now: EventTime): string {
  const answered = Math.round(reach.answered)
  const foreign = Math.round(reach.foreignAnswered)
  const refused = Math.round(reach.denied + reach.missing)
  const span = spanText(now - reach.since)
  const parts: string[] = []
  if (refused > answered) {
    parts.push(`${answered + refused} different ${noun} tried in ${span}, ${refused} of them refused or not found`)
  } else {
    const about = reach.exact ? '' : 'about '
    parts.push(`${about}${answered} different ${noun} answered in ${span}`)
    if (foreign > 0) parts.push(`${foreign} of them first seen with other callers`)
    if (refused > 0) parts.push(`${refused} more refused or not found`)
  }
  if (evidence.neighbour >= HEARD) parts.push('ids taken one after the other')
  return parts.join(', ')
}

/** Refused throughout: low. From there the number of objects that came out decides. */
function severityOf(exposed: number, share: number): Severity {
  if (exposed < 1) return 'low'
  if (exposed < 5 || share < 0.02) return 'medium'
  return 'high'
}

function rangeText(usual: { readonly median: number; readonly high: number }): string {
  const low = Math.max(0, Math.round(usual.median))
  const high = Math.max(low, Math.round(usual.high))
  return low === high ? `0-${high}` : `${low}-${high}`
}

/** What the template calls its objects: the last literal segment before a variable one. */
function nounOf(endpoint: string): string {
  const segments = endpoint.slice(endpoint.indexOf(' ') + 1).split('/')
  let noun = 'objects'
  for (let i = 1; i < segments.length; i++) {
    if (segments[i]!.startsWith('{') && segments[i - 1] !== '' && !segments[i - 1]!.startsWith('{'))
      noun = segments[i - 1]!
  }
  return noun.slice(0, 40)
}
