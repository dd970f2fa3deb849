import type { Signal } from '../model/signal.ts'
import { type EventTime, HOUR_US } from '../model/time.ts'

/**
 * How the signals of one detector become incidents. These are built in until policies arrive as files; the fields are theirs.
 *
 * `maxLog10P` spends an alarm budget: with `keysPerWeek` keys tested and one false incident a week allowed, a key opens an
 * incident when its e-value reaches keysPerWeek / 1 (detectors.md, Calibration).
 */
export interface FoldingRule {
  readonly policy: string
  readonly detector: string
  readonly title: string
  readonly maxLog10P: number
  readonly reopenWithinUs: EventTime
  readonly autoCloseUs: EventTime
  /** What the incident is grouped by. A signal joins the incident that shares any of its keys; the first names it. */
  keys(signal: Signal): readonly string[]
}

const FALSE_INCIDENTS_PER_WEEK = 1

function budget(keysPerWeek: number): number {
  return Math.log10(FALSE_INCIDENTS_PER_WEEK / keysPerWeek)
}

const LIFE = { reopenWithinUs: 6 * HOUR_US, autoCloseUs: 2 * HOUR_US }

export const BUILT_IN_RULES: readonly FoldingRule[] = [
  {
    policy: 'auth-bruteforce',
    detector: 'auth.bruteforce',
    title: 'Password guessing',
    maxLog10P: budget(100_000), // accounts and sources that fail to sign in
    // One guess every three hours is one incident, not a new one every time.
    reopenWithinUs: 24 * HOUR_US,
    autoCloseUs: 6 * HOUR_US,
    // The account, and the source where one source does the guessing: an attack on fifty accounts from one place is one
    // incident, and so is one on a single account from fifty places.
    keys: (signal) => {
      const subject = `${signal.service} ${signal.subject.kind}:${signal.subject.value}`
      const { source, source_kind: kind } = signal.evidence
      return typeof source === 'string' ? [subject, `${signal.service} ${kind}:${source}`] : [subject]
    },
  },
  {
    policy: 'object-enumeration',
    detector: 'object.enumeration',
    title: 'Object enumeration',
    maxLog10P: budget(200_000), // callers times endpoints, where eight or more ids were reached
    ...LIFE,
    // Over the endpoints of a service: who walks orders and then their invoices is one attacker at one piece of work.
    keys: (signal) => [`${signal.service} ${signal.subject.kind}:${signal.subject.value}`],
  },
  {
    policy: 'scan-probing',
    detector: 'scan.probing',
    title: 'Probing for hidden paths',
    maxLog10P: budget(100_000), // callers with a missing path
    ...LIFE,
    // Over services: a scanner works through every host it finds behind an address.
    keys: (signal) => [`${signal.subject.kind}:${signal.subject.value}`],
  },
]
