import type { Signal } from '../../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import type { LinkSample } from '../../../daemon/telemetry/source-tallies.ts'
import { percentText } from '../../finding.ts'
import { sensorSignal } from '../capture/sensor-finding.ts'

export interface OneSidedOptions {
  readonly report: number
  readonly oneSidedShare: number
  readonly leastConnections: number
}

/** Judged this often at most, so that one burst is not several verdicts. */
const EVERY_US = MINUTE_US
/** Too few connections in so long: they are forgotten, and counting starts anew. */
const FORGET_US = 30 * MINUTE_US
const NOTHING = { both: 0, first: 0, second: 0 }

/** Whether one link shows both directions of its connections, judged anew by each batch of them. */
export class LinkWatch {
  readonly #name: string
  readonly #options: OneSidedOptions
  #base: Pick<LinkSample, 'both' | 'first' | 'second'> = NOTHING
  #since: EventTime | null = null
  #oneSided: boolean

  constructor(name: string, options: OneSidedOptions, oneSided = false) {
    this.#name = name
    this.#options = options
    this.#oneSided = oneSided
  }

  get oneSided(): boolean {
    return this.#oneSided
  }

  judge(sample: LinkSample, now: EventTime): Signal | null {
    this.#since ??= now
    if (now - this.#since < EVERY_US) return null
    const { oneSidedShare, leastConnections, report } = this.#options
    const first = sample.first - this.#base.first
    const second = sample.second - this.#base.second
    const all = sample.both - this.#base.both + first + second
    if (all < leastConnections && now - this.#since < FORGET_US) return null
    this.#base = sample
    this.#since = now
    if (all < leastConnections) return null
    const share = Math.max(first, second) / all
    if (share < oneSidedShare) return this.#oneSided && share < 0.5 ? this.#over(now) : null
    const log10P = coinTail(share, all)
    if (log10P > Math.log10(report)) return null
    this.#oneSided = true
    const missing = first > second ? 'responses' : 'requests'
    return sensorSignal(
      {
        detector: 'capture.blind',
        source: this.#name,
        log10P,
        maturity: 1,
        severity: 'medium',
        why: `${this.#name} carries one direction only: of ${all} connections ${percentText(share)} show no ${missing}. Without them nobody can tell whether an attack worked, and no pair is made. Let the mirror send both directions, or name the other link as a source, too.`,
        expected: 'both directions',
        observed: percentText(share),
        evidence: { connections: all, without_responses: first, without_requests: second },
      },
      now,
    )
  }

  #over(now: EventTime): Signal {
    this.#oneSided = false
    return sensorSignal(
      {
        detector: 'capture.blind',
        source: this.#name,
        log10P: 0,
        maturity: 1,
        severity: 'info',
        why: `${this.#name} carries both directions again.`,
        expected: null,
        observed: null,
        evidence: {},
        over: true,
      },
      now,
    )
  }
}

/** log10 of Chernoff's bound on seeing `share` of `count` on one side when half were. */
function coinTail(share: number, count: number): number {
  const part = (side: number) => (side === 0 ? 0 : side * Math.log(side / 0.5))
  return Math.max(-300, (-count * (part(share) + part(1 - share))) / Math.LN10)
}
