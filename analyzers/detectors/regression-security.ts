import { z } from 'zod'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Severity, Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { voteKey } from '../baselines/principal-key.ts'
import { text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, percentText, signalOf } from '../finding.ts'
import { ErrorRates, ErrorRatesState, type ErrorWindow, RatesElsewhere } from './regression/error-rates.ts'
import { Guard, GuardCountsState, GuardState, type Loss } from './regression/guard.ts'
import { answerOf, PROTECTIONS, type Protection } from './regression/protections.ts'
import { type Release, releaseEvidence, sinceRelease } from './regression/releases.ts'
import { type ServiceCodec, type ServiceSharing, WatchedServices } from './regression/watched-services.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-4).describe('p-value from which a change is a signal'),
  leastAnswers: z.int().min(3).default(10).describe('answers in a row without a protection before it counts as gone'),
  maxServices: z.int().min(1).default(512).describe('services with state'),
})
type SecurityOptions = z.infer<typeof Options>

/** Answers of a service whose headers are looked at: one in so long. */
const LOOK_EVERY_US = 5 * SECOND_US
const LEAST_CALLERS = 3
const JUDGE_EVERY_US = 30 * SECOND_US
const REPEAT_US = HOUR_US
const AFTER_RELEASE_US = HOUR_US
const SETTLES_US = 5 * MINUTE_US
const WINDOW_MINUTES = 15
/** Of the refusals that were to be expected, how many are left where they have dropped. */
const REFUSALS_LEFT = 0.1
const LEAST_REFUSALS = 20
/** What was told for a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US
/** Refusals come in bunches: variance = mean + mean² x this. */
const OVERDISPERSION = 0.5

/** Guards, refusals, when it was looked at and judged last, what was told: since when, and when last. */
const ServiceState = z.tuple([
  z.array(GuardState).max(64),
  ErrorRatesState,
  time,
  time,
  z.array(z.tuple([text, time, time])).max(64),
])
class Service {
  guards = PROTECTIONS.map(() => new Guard())
  refusals = new ErrorRates()
  lookedAt: EventTime = 0
  judgedAt: EventTime = 0
  /** No tick before it changes anything, unless something was told or learning is frozen. */
  dueAt: EventTime = 0
  /** By name of what is gone: when it was first told, and last. */
  told = new Map<string, { readonly since: EventTime; at: EventTime }>()
}

const CODEC: ServiceCodec<Service> = {
  toState: ({ guards, refusals, lookedAt, judgedAt, told }): z.infer<typeof ServiceState> => [
    guards.map((guard) => guard.toState()),
    refusals.toState(),
    lookedAt,
    judgedAt,
    [...told].map(([name, { since, at }]) => [name, since, at]),
  ],
  fromState: (state) => {
    const [guards, refusals, lookedAt, judgedAt, told] = ServiceState.parse(state)
    return Object.assign(new Service(), {
      guards: PROTECTIONS.map((_, i) => (guards[i] === undefined ? new Guard() : Guard.fromState(guards[i]))),
      refusals: ErrorRates.fromState(refusals),
      lookedAt,
      judgedAt,
      told: new Map(told.map(([name, since, at]) => [name, { since, at }])),
    })
  },
}

/** Guards, refusals. */
const ToldState = z.tuple([z.array(GuardCountsState).max(64), z.unknown()])

/** What other analyzers learnt of a service. */
class SecurityElsewhere {
  readonly guards = PROTECTIONS.map((): [held: number, lost: number] => [0, 0])
  readonly refusals = new RatesElsewhere()

  add(state: unknown): void {
    const [guards, refusals] = ToldState.parse(state)
    this.refusals.add(refusals)
    for (const [i, sum] of this.guards.entries()) {
      sum[0] += guards[i]?.[0] ?? 0
      sum[1] += guards[i]?.[1] ?? 0
    }
  }
}

const SHARING: ServiceSharing<Service, SecurityElsewhere> = {
  version: 1,
  create: () => new SecurityElsewhere(),
  tell: ({ guards, refusals }) => [guards.map((guard) => guard.told()), refusals.told()],
  hear: ({ guards, refusals }, others) => {
    refusals.hear(others?.refusals ?? null)
    for (const [i, guard] of guards.entries()) guard.hear(others?.guards[i] ?? null)
  },
}

class RegressionSecurity implements Detector {
  readonly stateVersion = 1
  readonly #options: SecurityOptions
  readonly #services: WatchedServices<Service, SecurityElsewhere>
  readonly shared: SharedLearning
  #frozen = false

  constructor(options: SecurityOptions) {
    this.#options = options
    this.#services = new WatchedServices(options.maxServices, () => new Service(), CODEC, SHARING)
    this.shared = this.#services.shared
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, endpoint, status } = tx
    if (name === null || endpoint === null || status === null || status < 200) return null
    const service = this.#services.use(name)
    const isRefusal = status === 401 || status === 403
    service.refusals.add(endpoint, isRefusal, isRefusal ? hashText(voteKey(tx.principal)) : 0, now)
    if (this.#services.look(tx, name, service, now, LOOK_EVERY_US)) {
      const signal = this.#look(tx, status, name, service, now)
      if (signal !== null) return signal
    }
    if (now - service.judgedAt < JUDGE_EVERY_US) return null
    service.judgedAt = now
    return this.#refusals(tx, name, service, now)
  }

  tick(now: EventTime): void {
    this.#services.forEach((service) => {
      if (now < service.dueAt && !this.#frozen && service.told.size === 0) return
      service.refusals.tick(now, this.#frozen || service.told.has(REFUSALS))
      service.guards.forEach((guard, i) => {
        guard.tick(now, !this.#frozen && !service.told.has(PROTECTIONS[i]!.name))
      })
      for (const [name, { since, at }] of service.told) {
        if (now - since >= ACCEPTED_AFTER_US) {
          service.guards[PROTECTIONS.findIndex((each) => each.name === name)]?.accept()
          service.told.delete(name)
        } else if (now - at >= 3 * REPEAT_US) service.told.delete(name)
      }
      // A slot that begins later ends later than this, too.
      service.dueAt = Math.min(now + MINUTE_US, service.refusals.dueAt)
      for (const guard of service.guards) service.dueAt = Math.min(service.dueAt, guard.dueAt)
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
    return this.#services.mean(({ refusals }) => Math.min(1, refusals.answers / 1000))
  }

  /** What the headers of this answer say of the protections; the first that is gone. */
  #look(tx: Transaction, status: number, name: string, service: Service, now: EventTime): Signal | null {
    const answer = answerOf(tx, status)
    const caller = hashText(voteKey(tx.principal))
    let signal: Signal | null = null
    for (let i = 0; i < PROTECTIONS.length; i++) {
      const protection = PROTECTIONS[i]!
      const holds = protection.holds(answer)
      if (holds === null) continue
      const guard = service.guards[i]!
      const loss = guard.learnOne(holds, caller, now)
      if (loss === null) {
        service.told.delete(protection.name)
        continue
      }
      if (signal !== null || !this.#isGone(guard, loss) || !this.#isDue(service, protection.name, now)) continue
      signal = this.#lost(tx, name, protection, guard, loss, now)
    }
    return signal
  }

  #isGone(guard: Guard, { answers, callers }: Loss): boolean {
    if (!guard.isUsual || answers < this.#options.leastAnswers || callers < LEAST_CALLERS) return false
    return runLog10(guard, answers) <= Math.log10(this.#options.report)
  }

  /** Whether it is time to tell it, or tell it again. */
  #isDue(service: Service, what: string, now: EventTime): boolean {
    const told = service.told.get(what)
    if (told === undefined) service.told.set(what, { since: now, at: now })
    else if (now - told.at < REPEAT_US) return false
    else told.at = now
    return true
  }

  #lost(tx: Transaction, name: string, { name: what, gone }: Protection, guard: Guard, loss: Loss, now: EventTime) {
    const release = this.#release(name, loss.since, now)
    return securitySignal(tx, now, {
      log10P: runLog10(guard, loss.answers),
      release,
      severity: release === null ? 'low' : 'medium',
      why: `${name}: ${gone}, in ${countText(loss.answers, 'answer')} in a row to ${countText(loss.callers, 'caller')}; ${percentText(guard.share)} of ${countText(guard.answers, 'answer')} before had it`,
      expected: percentText(guard.share),
      observed: '0 %',
      evidence: { gone: what, answers: loss.answers, callers: loss.callers, answers_before: guard.answers },
    })
  }

  #refusals(tx: Transaction, name: string, service: Service, now: EventTime): Signal | null {
    const release = this.#services.release(name, now, AFTER_RELEASE_US)
    if (release === null || now - release.at < SETTLES_US) return null
    const window = service.refusals.window(WINDOW_MINUTES, now, release.at)
    if (!this.#haveDropped(window) || !this.#isDue(service, REFUSALS, now)) return null
    const { expected, allFailures, answers } = window
    return securitySignal(tx, now, {
      log10P: dropLog10(allFailures, expected),
      release,
      severity: 'high',
      why: `${name} refuses hardly anybody any more: ${countText(allFailures, 'refusal')} (401, 403) in ${countText(answers, 'answer')}, where about ${Math.round(expected)} are usual for what was asked`,
      expected: Math.round(expected),
      observed: allFailures,
      evidence: { gone: REFUSALS, answers, refusals: allFailures, usual_refusals: Math.round(expected) },
    })
  }

  #haveDropped({ expected, allFailures }: ErrorWindow): boolean {
    if (expected < LEAST_REFUSALS || allFailures > REFUSALS_LEFT * expected) return false
    return dropLog10(allFailures, expected) <= Math.log10(this.#options.report)
  }

  /** The release that a change since `from` followed. */
  #release(service: string, from: EventTime, now: EventTime): Release | null {
    const latest = this.#services.release(service, now, AFTER_RELEASE_US + now - from)
    return latest !== null && latest.at <= from + MINUTE_US ? latest : null
  }
}

const REFUSALS = 'refusals'

/** log10 of the chance of so many answers in a row without what they nearly always had. */
function runLog10(guard: Guard, run: number): number {
  const lost = (1 - guard.share) * guard.answers
  return Math.max(-300, run * Math.log10((lost + 0.5) / (guard.answers + 1)))
}

/** log10 of P(X <= count) for a negative binomial with this mean. */
export function dropLog10(count: number, mean: number): number {
  const r = 1 / OVERDISPERSION
  const q = mean / (mean + r)
  let term = (1 - q) ** r
  let sum = term
  for (let k = 1; k <= count; k++) {
    term *= (q * (k - 1 + r)) / k
    sum += term
  }
  return Math.log10(sum)
}

interface Change {
  readonly log10P: number
  readonly severity: Severity
  readonly release: Release | null
  readonly why: string
  readonly expected: string | number
  readonly observed: string | number
  readonly evidence: Signal['evidence']
}

function securitySignal(tx: Transaction, now: EventTime, { release, why, evidence, ...change }: Change): Signal {
  return signalOf('regression.security', tx, now, {
    ...change,
    maturity: 1,
    why: why + sinceRelease(release),
    evidence: { ...evidence, ...releaseEvidence(release) },
    subject: { kind: 'service', value: tx.service ?? '' },
    outcome: { answered: 0, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
  })
}

export const regressionSecurity = defineDetector({
  id: 'regression.security',
  title: 'A service guards itself less',
  owasp: ['API8:2023'],
  attack: [],
  describes: {
    detects:
      'A protection that nearly all answers of a service had and that is gone: security headers, flags of cookies, a CORS origin that became any, answers to signed-in callers that caches may keep; and after a release, refusals (401, 403) that no longer come. A release that was marked (offpath deploy mark) or that a version header shows is named.',
    statistic:
      'One answer in five seconds of each service is looked at. A protection that 98 % of at least 50 answers had is gone after leastAnswers answers in a row to three callers without it: the chance of such a run by its usual share. Refusals: those of the window since the release against the sum of the usual shares of the endpoints that were asked, a negative binomial; a tenth or less must be left of at least 20.',
    memory: 'maxServices services, 3 KiB each and 60 KiB with 256 endpoints; evictions are counted.',
    warmUp:
      'Nothing is said of a protection before 50 answers were learnt. Learns in slots of 15 minutes, which wait for one slot, later for an hour; what is told as gone teaches nothing, and is taken as how it is now after a day.',
    traps:
      'A rolling release, during which old and new answer in turn; pages of another kind than usual (three callers, a run). Authentication that is gone is told by auth.missing, sensitive fields by property.exposure, endpoints nobody knew by inventory.shadow, owners that no longer matter by object.ownership. Missed: what never was there, what one endpoint among many lost.',
    tuning: 'leastAnswers and report.',
  },
  options: Options,
  create: (options) => new RegressionSecurity(options),
})
