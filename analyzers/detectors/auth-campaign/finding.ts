import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { LoginMark, Transaction } from '../../../daemon/model/transaction.ts'
import { countText, percentText, signalOf, spanText } from '../../finding.ts'
import type { Member } from './campaign-tracker.ts'

export type CampaignKind = 'auth.spray' | 'auth.stuffing'

/** Accounts that one source fails at before it may be taken for guessing by itself: then it is told, so that both are one incident; not where others share the trait, who may each be an attack of their own. */
export const WORTH_NAMING = 4

export function campaignSignal(
  kind: CampaignKind,
  tx: Transaction,
  mark: LoginMark,
  member: Member,
  now: EventTime,
): Signal {
  const { campaign, source, failing, evidence, maturity, present, before } = member
  const { trait, refused, taken, isSpray, pure } = campaign
  const named = pure && failing >= WORTH_NAMING
  const accounts = Math.round(campaign.accounts.count)
  const sources = Math.round(campaign.sources.count)
  const how = isSpray ? 'with passwords that go round' : 'with a password each'
  const end = taken.length > 0 ? `and ${countText(taken.length, 'account')} opened` : 'and none opened'
  const tried = countText(accounts, 'account')
  return signalOf(kind, tx, now, {
    log10P: -evidence / Math.LN10,
    maturity,
    severity: taken.length > 0 ? 'critical' : 'low',
    why: `${tried} tried ${how} in ${spanText(now - campaign.since)} from ${countText(sources, 'source')} that had never signed in to them, ${end}; what they have in common: ${trait.text}; of those known here ${percentText(present)} fail now`,
    expected: `${percentText(present)} of attempts fail`,
    observed: `${tried} in vain`,
    evidence: {
      account: mark.account,
      source: named ? source.shown : null,
      source_kind: named ? source.kind : null,
      seen_from: [source.shown],
      trait: trait.text,
      accounts_tried: accounts,
      sources,
      passwords_shared: isSpray,
      field: mark.field,
      log_likelihood_ratio: Number(evidence.toFixed(2)),
    },
    subject: { kind: 'campaign', value: campaign.name },
    outcome: {
      answered: taken.length,
      refused,
      objectsExposed: 0,
      accounts: [...taken],
      pSuccess: taken.length > 0 ? 0.95 : 0.03,
    },
    evidenceBefore: before,
  })
}
