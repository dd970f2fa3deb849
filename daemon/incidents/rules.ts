import type { Severity, Signal } from '../model/signal.ts'
import type { EventTime } from '../model/time.ts'

/**
 * How the signals of some detectors become incidents: the folding half of a policy file, compiled (daemon/policies/compile.ts).
 *
 * `maxLog10P` spends an alarm budget: with `keysPerWeek` keys tested and one false incident a week allowed, a key opens an
 * incident when its e-value reaches keysPerWeek / 1 (detectors.md, Calibration).
 *
 * None of the functions throws, and each depends on the signal alone.
 */
export interface FoldingRule {
  readonly policy: string
  readonly detectors: readonly string[]
  readonly title: string
  readonly maxLog10P: number
  readonly reopenWithinUs: EventTime
  readonly autoCloseUs: EventTime
  /** Policies whose open incident of the same key takes a signal that would otherwise open a second one. */
  readonly joins?: readonly string[]
  /** Whether the policy is about this signal at all. */
  accepts(signal: Signal): boolean
  /** How grave the policy finds it. */
  severity(signal: Signal): Severity
  /** What the incident is grouped by. A signal joins the incident that shares any of its keys; the first names it. */
  keys(signal: Signal): readonly string[]
}
