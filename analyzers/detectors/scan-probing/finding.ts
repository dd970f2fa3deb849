import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { countText, percentText, signalOf, spanText } from '../../finding.ts'
import type { Visit } from './caller.ts'
import type { Service } from './service.ts'

/** `evidence`: ln e-value of the walk and the known targets together; `usual`: the miss rate of such callers. */
export function probingSignal(
  tx: Transaction,
  visit: Visit,
  service: Service,
  evidence: number,
  usual: number,
  now: EventTime,
): Signal {
  const { leaked, sensitive, walk } = visit
  const names = visit.names(10)
  const tried = Math.max(visit.missed, Math.round(walk.hits))
  const total = walk.hits + walk.misses
  const outcomeText =
    leaked > 0 ? `, ${countText(leaked, 'sensitive file')} answered` : ', every one refused or not found'
  const targets = sensitive === 1 ? `a known target: ${names[0]}` : `known targets such as ${names[0]}`
  const sensitiveText = sensitive > 0 ? ` (${sensitive} of them ${targets})` : ''
  return signalOf('scan.probing', tx, now, {
    log10P: -evidence / Math.LN10,
    maturity: service.maturity,
    severity: leaked > 0 ? 'high' : 'low',
    why: `${countText(tried, 'different missing path')}${sensitiveText} asked for in ${spanText(now - visit.since)}${outcomeText}; callers here usually miss ${percentText(usual)} of their requests`,
    expected: `${percentText(usual)} of requests miss`,
    observed: `${tried} distinct missing paths, ${percentText(total === 0 ? 1 : walk.hits / total)} of counted requests`,
    evidence: {
      distinct_missing_paths: tried,
      sensitive_paths: sensitive,
      sensitive_answered: leaked,
      examples: names,
      log_likelihood_ratio: Number(evidence.toFixed(2)),
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: {
      answered: leaked,
      refused: visit.refused,
      objectsExposed: leaked,
      accounts: [],
      pSuccess: leaked > 0 ? 0.9 : 0.02,
    },
    evidenceBefore: visit.trail.take(),
  })
}
