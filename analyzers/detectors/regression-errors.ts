import { z } from 'zod'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import { SEVERITIES, type Severity, type Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { logGamma } from '../baselines/beta-binomial.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { voteKey } from '../baselines/principal-key.ts'
import { time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, percentText, signalOf, spanText } from '../finding.ts'
import { ErrorRates, ErrorRatesState, type ErrorWindow, RatesElsewhere } from './regression/error-rates.ts'
import { type Release, releaseEvidence, sinceRelease } from './regression/releases.ts'
import { type ServiceCodec, type ServiceSharing, WatchedServices } from './regression/watched-services.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-4).describe('p-value from which failures are a signal'),
  outageRate: z.number().gt(0).lt(1).default(0.05).describe('share of failing answers that is told within minutes'),
  lastingRate: z.number().gt(0).lt(1).default(0.015).describe('the same after a quarter of an hour'),
  releaseRate: z.number().gt(0).lt(1).default(0.01).describe('the same after a release, from its third minute on'),
  maxServices: z.int().min(1).default(512).describe('services with state'),
})
type ErrorsOptions = z.infer<typeof Options>

const LEAST_ANSWERS = 40
const LEAST_CALLERS = 5
/** Answers that were learnt before anything is said. */
const MATURE_ANSWERS = 200
/** Windows in minutes; a service that is asked little shows it in a longer one. */
const OUTAGE_MINUTES = 5
/** What fails so much, in so many times the share of an outage, is told sooner: clients that try again make a hiccup look like one. */
const BLACKOUT_MINUTES = 2
const BLACKOUT = 6
const LASTING_WINDOWS = [15, 30, 60]
/** Of the failures that last, how many fall into each third of the window: those of a hiccup do not. */
const LASTING_SHARE = 0.15
const AFTER_RELEASE_US = HOUR_US
const SETTLES_US = 3 * MINUTE_US
/** How many times what is usual. */
const OUTAGE_TIMES = 10
const TIMES = 4
const JUDGE_EVERY_US = 5 * SECOND_US
const REPEAT_US = 5 * MINUTE_US
/** What fails for a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US
/** Failures come in bunches: variance = mean + mean² x this. */
const OVERDISPERSION = 0.5

/** Rates, when it was looked at, judged and told last (null: not), since when, how grave. */
const ServiceState = z.tuple([ErrorRatesState, time, time, time.nullable(), time, z.enum(SEVERITIES)])
class Service {
  rates = new ErrorRates()
  lookedAt: EventTime = 0
  judgedAt: EventTime = 0
  toldAt: EventTime | null = null
  since: EventTime = 0
  /** As it was told last. */
  severity: Severity = 'info'
}

const CODEC: ServiceCodec<Service> = {
  toState: ({ rates, lookedAt, judgedAt, toldAt, since, severity }): z.infer<typeof ServiceState> => [
    rates.toState(),
    lookedAt,
    judgedAt,
    toldAt,
    since,
    severity,
  ],
  fromState: (state) => {
    const [rates, lookedAt, judgedAt, toldAt, since, severity] = ServiceState.parse(state)
    const kept = { rates: ErrorRates.fromState(rates), lookedAt, judgedAt, toldAt, since, severity }
    return Object.assign(new Service(), kept)
  },
}

const SHARING: ServiceSharing<Service, RatesElsewhere> = {
  version: 1,
  create: () => new RatesElsewhere(),
  tell: ({ rates }) => rates.told(),
  hear: ({ rates }, others) => rates.hear(others),
}

class RegressionErrors implements Detector {
  readonly stateVersion = 1
  readonly #options: ErrorsOptions
  readonly #services: WatchedServices<Service, RatesElsewhere>
  readonly shared: SharedLearning
  #frozen = false

  constructor(options: ErrorsOptions) {
    this.#options = options
    this.#services = new WatchedServices(options.maxServices, () => new Service(), CODEC, SHARING)
    this.shared = this.#services.shared
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, status } = tx
    if (name === null || status === null || status < 200) return null
    const service = this.#services.use(name)
    this.#services.look(tx, name, service, now)
    const failed = status >= 500
    const caller = failed ? hashText(voteKey(tx.principal)) : 0
    if (!service.rates.add(tx.endpoint ?? '', failed, caller, now)) return null
    if (now - service.judgedAt < JUDGE_EVERY_US) return null
    service.judgedAt = now
    if (service.rates.answers < MATURE_ANSWERS) return null
    return this.#judge(tx, name, service, now)
  }

  tick(now: EventTime): void {
    this.#services.forEach((service) => {
      // A failing that is told again and again for a day is taken over; one that was not told for a while is over.
      if (service.toldAt !== null) {
        const accepted = now - service.since >= ACCEPTED_AFTER_US
        if (accepted || now - service.toldAt >= 3 * REPEAT_US) {
          service.toldAt = null
          service.severity = 'info'
        }
      }
      service.rates.tick(now, this.#frozen || service.toldAt !== null)
    })
  }

  deployed(mark: DeployMark): void {
    this.#services.mark(mark)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  snapshot(): Iterable<unknown> {
    return this.#services.snapshot()
  }

  restore(line: unknown): void {
    this.#services.restore(line)
  }

  sizes() {
    return this.#services.sizes()
  }

  maturity(): number {
    return this.#services.mean(maturityOf)
  }

  #judge(tx: Transaction, name: string, service: Service, now: EventTime): Signal | null {
    const { outageRate, lastingRate, releaseRate } = this.#options
    const { rates } = service
    const release = this.#services.release(name, now, AFTER_RELEASE_US)
    const blackout = rates.window(BLACKOUT_MINUTES, now, 0)
    if (this.#exceeds(blackout, Math.min(0.9, BLACKOUT * outageRate), OUTAGE_TIMES)) {
      return this.#tell(tx, service, blackout, release, now)
    }
    const outage = rates.window(OUTAGE_MINUTES, now, 0)
    if (lasts(outage) && this.#exceeds(outage, outageRate, OUTAGE_TIMES)) {
      return this.#tell(tx, service, outage, release, now)
    }
    if (release !== null && now - release.at >= SETTLES_US) {
      const since = rates.window(LASTING_WINDOWS.at(-1)!, now, release.at)
      if (this.#exceeds(since, releaseRate, TIMES)) return this.#tell(tx, service, since, release, now)
    }
    for (const minutes of LASTING_WINDOWS) {
      const lasting = rates.window(minutes, now, 0)
      if (lasts(lasting) && this.#exceeds(lasting, lastingRate, TIMES))
        return this.#tell(tx, service, lasting, release, now)
    }
    return null
  }

  #exceeds({ answers, expected, failures, callers }: ErrorWindow, rate: number, times: number): boolean {
    if (answers < LEAST_ANSWERS || callers < LEAST_CALLERS) return false
    if (leastShare(failures, answers) < rate || failures < times * expected) return false
    return tailLog10(failures, expected) <= Math.log10(this.#options.report)
  }

  #tell(
    tx: Transaction,
    service: Service,
    window: ErrorWindow,
    release: Release | null,
    now: EventTime,
  ): Signal | null {
    const { answers, expected, failures, callers, minutes } = window
    const share = failures / answers
    const severity = severityOf(leastShare(failures, answers), release)
    const isGraver = SEVERITIES.indexOf(severity) > SEVERITIES.indexOf(service.severity)
    if (service.toldAt === null) service.since = now
    else if (now - service.toldAt < REPEAT_US && !isGraver) return null
    service.toldAt = now
    service.severity = severity
    return signalOf('regression.errors', tx, now, {
      log10P: tailLog10(failures, expected),
      maturity: maturityOf(service),
      severity,
      why: `${tx.service} fails: ${percentText(share)} of ${countText(answers, 'answer')} in ${spanText(minutes * MINUTE_US)} were 5xx, to ${countText(callers, 'caller')}, where ${percentText(expected / answers)} are usual${sinceRelease(release)}`,
      expected: percentText(expected / answers),
      observed: percentText(share),
      evidence: {
        answers,
        failures,
        usual_failures: Number(expected.toFixed(1)),
        callers,
        minutes,
        ...releaseEvidence(release),
      },
      subject: { kind: 'service', value: tx.service ?? '' },
      outcome: { answered: 0, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
      evidenceBefore: [],
    })
  }
}

function lasts({ thirds, failures }: ErrorWindow): boolean {
  return Math.min(...thirds) >= LASTING_SHARE * failures
}

function maturityOf({ rates }: Service): number {
  return Math.min(1, rates.answers / 1000)
}

/** The share that failed, less two standard deviations of the count: a small window is no outage by chance. */
function leastShare(failures: number, answers: number): number {
  return (failures - 2 * Math.sqrt(failures)) / answers
}

function severityOf(share: number, release: Release | null): Severity {
  if (share >= 0.2) return 'high'
  return share >= 0.05 || release !== null ? 'medium' : 'low'
}

/** log10 of at least P(X >= count) for a negative binomial with this mean: its first term, and a geometric series above the rest. */
export function tailLog10(count: number, mean: number): number {
  const r = 1 / OVERDISPERSION
  const q = mean / (mean + r)
  const growth = (q * (count + r)) / (count + 1)
  if (count <= mean || growth >= 1) return 0
  const term = logGamma(count + r) - logGamma(count + 1) - logGamma(r) + r * Math.log(1 - q) + count * Math.log(q)
  return Math.min(0, (term - Math.log(1 - growth)) / Math.LN10)
}

export const regressionErrors = defineDetector({
  id: 'regression.errors',
  title: 'A service fails more often',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'A service whose answers fail (5xx) for many callers and more often than its endpoints usually do: a broken release, an outage. A release that was marked (offpath deploy mark) or that a version header shows is named.',
    statistic:
      'Failures of the window against the sum of the usual rates of the endpoints that were asked, so that more traffic to what always failed changes nothing; a negative binomial, since failures come in bunches. Told in five minutes from outageRate and ten times the usual (in two from six times outageRate), in 15, 30 or 60 from lastingRate and four times, with failures in each third of them, and from the third minute of a release on from releaseRate and four times. A caller counts for at most three failures a minute, a network of strangers as one caller, and five must be concerned.',
    memory: 'maxServices services with 256 endpoints each, at most 90 KiB; evictions are counted.',
    warmUp:
      'Answers nothing for a service before 200 of its answers are learnt. Learns in slots of 15 minutes, which wait for one slot, later for an hour; what is told as failing teaches nothing for up to a day.',
    traps:
      'One caller who makes requests fail, a dependency that is slow for some minutes (its failures are few and over before they last), an endpoint that always fails, an office behind one address. Missed: failures sent with a 200, refusals (4xx) that a release causes, services with fewer than 40 answers in a window.',
    tuning: 'outageRate, lastingRate and releaseRate are the shares of failing answers that matter.',
  },
  options: Options,
  create: (options) => new RegressionErrors(options),
})
