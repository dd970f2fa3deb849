import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { BaselineDrift } from '../baseline-drift.ts'
import { principalKey } from '../baselines/principal-key.ts'
import { text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { shownAs, spanText } from '../finding.ts'
import { tickSignal } from '../tick-signal.ts'

/** While it goes on it is said again this often. */
const AGAIN_AFTER_US = 6 * HOUR_US
const MAX_TOLD = 4096
/** That a limit doubles by itself, which three in ten do not carry, and that windows rise one after the other by chance: rare each. */
const LOG10_P = -6
const LOG10_P_OF_GROWTH = -3

/** Baseline, and when it was told. */
const Kept = z.tuple([text, time])

/** Says which limits of the other detectors were pushed up. Keeps what it has told, at most 4,096: the oldest goes, counted. */
class BaselineDrifted implements Detector {
  readonly stateVersion = 1
  readonly #told = new Map<string, EventTime>()
  #evicted = 0

  observe(): null {
    return null
  }

  tick(): void {}

  reviewDrifts(drifts: readonly BaselineDrift[], now: EventTime): readonly Signal[] {
    const signals: Signal[] = []
    for (const drift of drifts) {
      if (!this.#isNew(keyOf(drift), now)) continue
      signals.push(drift.principal === null ? ofAll(drift, now) : ofOne(drift, drift.principal, now))
    }
    return signals
  }

  /** What is learnt while the sensor is blind is for others to say. */
  freeze(): void {}

  sizes() {
    return { told: { entries: this.#told.size, limit: MAX_TOLD, evicted: this.#evicted } }
  }

  maturity(): number {
    return 1
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield* [...this.#told]
  }

  restore(line: unknown): void {
    const [key, at] = Kept.parse(line)
    if (this.#told.size < MAX_TOLD) this.#told.set(key, at)
  }

  #isNew(key: string, now: EventTime): boolean {
    const before = this.#told.get(key)
    if (before !== undefined && now - before < AGAIN_AFTER_US) return false
    this.#told.delete(key)
    if (this.#told.size >= MAX_TOLD) {
      const oldest = this.#told.keys().next()
      if (oldest.done !== true) this.#told.delete(oldest.value)
      this.#evicted++
    }
    this.#told.set(key, now)
    return true
  }
}

function keyOf({ detector, service, endpoint, what, principal }: BaselineDrift): string {
  return [detector, service, endpoint ?? '', what, principal === null ? '' : principalKey(principal)].join('\0')
}

function ofOne(drift: BaselineDrift, principal: BaselineDrift['principal'] & {}, now: EventTime): Signal {
  const { detector, service, endpoint, what, from, to } = drift
  const name = shownAs(principal)
  const place = endpoint ?? service
  const signal = tickSignal(
    'baseline.drift',
    {
      subject: { kind: principal.kind, value: name },
      about: name,
      service,
      log10P: Math.log10(drift.pValue ?? 1) + LOG10_P_OF_GROWTH,
      maturity: 1,
      severity: 'low',
      why: `${name} went from ${shown(from)} to ${shown(to)} ${what} at ${place}, more from window to window, which hardly any other caller does: somebody may be stretching his own past so that ${detector} finds it usual`,
      expected: shown(from),
      observed: shown(to),
      evidence: { baseline: detector, of: 'caller', what, from, to },
    },
    now,
  )
  return { ...signal, principal, endpoint }
}

function ofAll(drift: BaselineDrift, now: EventTime): Signal {
  const { detector, service, endpoint, what, from, to, since } = drift
  const place = endpoint ?? service
  return {
    ...tickSignal(
      'baseline.drift',
      {
        subject: { kind: endpoint === null ? 'service' : 'endpoint', value: `${service} ${endpoint ?? ''}`.trim() },
        about: service,
        service,
        log10P: LOG10_P,
        maturity: 1,
        severity: 'low',
        why: `what is usual at ${place} rose from ${shown(from)} to ${shown(to)} ${what} within ${spanText(now - (since ?? now))}, and fewer than three in ten callers carry it: some callers may be stretching what ${detector} judges all by`,
        expected: shown(from),
        observed: shown(to),
        evidence: { baseline: detector, of: 'all', what, from, to },
      },
      now,
    ),
    endpoint,
  }
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US')
}

export const baselineDrift = defineDetector({
  id: 'baseline.drift',
  title: 'What is usual is being stretched bit by bit',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'Somebody who does a little more each time, so that in the end an attack is usual: a caller whose own past grows window by window beyond what others do, or callers who together push up what is usual for all. The limits themselves rise 20 % a day at most; this says that somebody pushes.',
    statistic:
      'Of a caller: the last 16 windows of his own past in object.enumeration, consumption.* and scrape.exfiltration, which must rise in most pairs (Kendall tau of 0.6 or more) and end at three times what the first four were ever, and be so high that one caller in two hundred does as much (p <= 0.005). Told at his next request that is near to much. Of all: a CUSUM on the 90th percentile that the same detectors judge by: twice the lowest level it had, after 5 % a day that every limit may grow, for a day or more, known by 100 votes, and not carried by 30 % of the callers; of consumption.* and scrape.exfiltration from a sixteenth of their floors on, below which the end of the tail is no matter.',
    memory: '48 bytes for each limit, nothing more of a caller; 4,096 drifts that were told, for six hours each.',
    warmUp:
      'Twelve windows of a caller with something in them, and a population of the place; 100 votes and a day for all.',
    traps:
      'A customer who grows into a large one, step by step, is told once every six hours, as a low incident; a launch is carried by many and is silent; one jump is no drift. Missed: growth of less than a third in 16 windows, in leaps, or below the floors of consumption.*; other limits (rates of refusals and failures, what fields carry).',
    tuning: 'Nothing; a policy may leave out callers or services that are known to grow (`unless`).',
  },
  options: z.strictObject({}),
  create: () => new BaselineDrifted(),
})
