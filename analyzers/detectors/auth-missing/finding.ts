import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { countText, signalOf } from '../../finding.ts'
import { endpointSubject, sourceAddress } from '../access/answer.ts'
import { severityOfGiven } from '../access/personal-data.ts'
import type { EndpointUse, Flagged } from './endpoint-use.ts'

/** What speaks for it beside the answer itself. */
export interface Support {
  readonly log10P: number
  /** Other endpoints of the service that answer none but signed-in callers. */
  readonly guardedSiblings: number
}

export function missingSignal(
  tx: Transaction,
  use: EndpointUse,
  flagged: Flagged,
  { log10P, guardedSiblings }: Support,
  now: EventTime,
): Signal {
  const classes = [...flagged.classes]
  const callers = Math.round(use.callers)
  const refused = use.refusals > 0 ? `, and ${countText(use.refusals, 'stranger')} refused` : ''
  const siblings =
    guardedSiblings > 0 ? `; ${countText(guardedSiblings, 'other endpoint')} of the service let no strangers in` : ''
  return signalOf('auth.missing', tx, now, {
    log10P,
    maturity: use.maturity,
    // Where nothing says that the answer was anybody's, little was given away.
    severity: classes.length > 0 || flagged.owned || use.refusals > 0 ? severityOfGiven(classes) : 'low',
    why: `${tx.endpoint} answered ${countText(flagged.answers, 'request')} without any credential${givenText(flagged)}; so far ${countText(callers, 'signed-in caller')} were answered${refused}, and ${countText(use.strangers, 'network')} of strangers${siblings}`,
    expected: `${countText(use.strangers, 'network')} of strangers beside ${countText(callers, 'signed-in caller')}`,
    observed: `${countText(flagged.answers, 'answer')} to strangers`,
    evidence: {
      signed_in_callers: callers,
      signed_in_answers: use.signedInAnswers,
      strangers_refused: use.refusals,
      strangers_answered: flagged.answers,
      networks: Math.round(flagged.networks.count),
      guarded_siblings: guardedSiblings,
      seen_from: [sourceAddress(tx)],
      sensitive: classes,
      names_an_owner: flagged.owned,
    },
    subject: endpointSubject(tx),
    outcome: {
      answered: flagged.answers,
      refused: 0,
      objectsExposed: Math.round(flagged.objects.count),
      accounts: [],
      pSuccess: 0.9,
    },
    evidenceBefore: [],
  })
}

function givenText({ classes, owned }: Flagged): string {
  if (classes.size > 0) return `, with ${[...classes].join(', ').replaceAll('_', ' ')} in the answer`
  return owned ? ', with the owner named in the answer' : ''
}
