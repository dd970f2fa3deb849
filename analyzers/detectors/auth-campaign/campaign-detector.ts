import type { Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import type { Detector } from '../../detector.ts'
import { type CampaignOptions, CampaignTracker, TrackerState } from './campaign-tracker.ts'
import { type CampaignKind, campaignSignal } from './finding.ts'

/** Campaigns of one kind: sprays go round with one password, stuffing tries pairs. Both count alike. */
export class CampaignDetector implements Detector {
  readonly stateVersion = 1
  readonly #kind: CampaignKind
  readonly #tracker: CampaignTracker

  constructor(kind: CampaignKind, options: CampaignOptions) {
    this.#kind = kind
    this.#tracker = new CampaignTracker(options)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    if (tx.marks.length === 0) return null
    for (const mark of tx.marks) {
      if (mark.kind !== 'login') continue
      const member = this.#tracker.observe(tx, mark, now)
      if (member === null || member.campaign.isSpray !== (this.#kind === 'auth.spray')) return null
      return campaignSignal(this.#kind, tx, mark, member, now)
    }
    return null
  }

  tick(): void {}

  freeze(frozen: boolean): void {
    this.#tracker.frozen = frozen
  }

  sizes() {
    return this.#tracker.occupancies
  }

  maturity(): number {
    return this.#tracker.maturity
  }

  snapshot(): IterableIterator<TrackerState> {
    return this.#tracker.snapshot()
  }

  restore(line: unknown): void {
    this.#tracker.restore(TrackerState.parse(line))
  }
}
