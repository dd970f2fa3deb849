import { z } from 'zod'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { amount, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, signalOf, spanText } from '../finding.ts'
import { type Release, releaseEvidence, sinceRelease } from './regression/releases.ts'
import {
  LEAST_CALLERS,
  type Slowed,
  SlowedState,
  Slowness,
  SlownessElsewhere,
  SlownessState,
} from './regression/slowness.ts'
import { type ServiceCodec, type ServiceSharing, WatchedServices } from './regression/watched-services.ts'

const Options = z.strictObject({
  slower: z.number().gt(1).default(1.35).describe('how many times as long as usual answers take, at least'),
  minutes: z.number().min(1).max(1440).default(18).describe('how long, in minutes, before it is told'),
  releaseMinutes: z.number().min(1).max(1440).default(8).describe('the same within the hour after a release'),
  maxServices: z.int().min(1).default(256).describe('services with state'),
})
type LatencyOptions = z.infer<typeof Options>

/** Windows before anything is said, and minutes of them from when on a day has shown what varies within it. */
const LEAST_HISTORY = 12
const MATURE_MINUTES = 12 * 60
/** Windows that it takes where no release explains anything: those of a service that is asked little are long, and vary. */
const MATURE_HISTORY = 144
/** Until then it must be as much slower: load of the day may explain less. */
const SLOWER_WHILE_YOUNG = 2
/** Standard deviations of the windows before that a slow one is above. */
const DEVIATIONS = 3
const LEAST_SPREAD = 0.04
/** What a window that follows another counts for, at least. */
const LEAST_SHARE = 0.5
/** Callers who must all find it slow where fewer than LEAST_CALLERS are seen, and votes before that make known how often one does. */
const LEAST_VOTES = 3
const LEAST_VOTES_BEFORE = 30
const AFTER_RELEASE_US = HOUR_US
/** What is slow for a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US

/** Slowness, last look, slow minutes, since when, their evidence, what is to be told. */
const ServiceState = z.tuple([SlownessState, time, amount, time, amount, SlowedState.nullable()])
class Service {
  slowness = new Slowness()
  lookedAt: EventTime = 0
  /** Minutes by which it was slow, less those by which it was not; and since when there are any. */
  slow = 0
  since: EventTime = 0
  log10P = 0
  /** To be told with the next slow answer. */
  due: Slowed | null = null
}

const CODEC: ServiceCodec<Service> = {
  toState: ({ slowness, lookedAt, slow, since, log10P, due }): z.infer<typeof ServiceState> => [
    slowness.toState(),
    lookedAt,
    slow,
    since,
    log10P,
    due,
  ],
  fromState: (state) => {
    const [slowness, lookedAt, slow, since, log10P, due] = ServiceState.parse(state)
    const kept = { slowness: Slowness.fromState(slowness), lookedAt, slow, since, log10P, due }
    return Object.assign(new Service(), kept)
  },
}

const SHARING: ServiceSharing<Service, SlownessElsewhere> = {
  version: 1,
  create: () => new SlownessElsewhere(),
  tell: ({ slowness }) => slowness.told(),
  hear: ({ slowness }, others) => slowness.hear(others),
}

class RegressionLatency implements Detector {
  readonly stateVersion = 4
  readonly #options: LatencyOptions
  readonly #index: CallerIndex
  readonly #services: WatchedServices<Service, SlownessElsewhere>
  readonly shared: SharedLearning
  #frozen = false

  constructor(options: LatencyOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#options = options
    this.#services = new WatchedServices(options.maxServices, () => new Service(), CODEC, SHARING)
    this.shared = this.#services.shared
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, endpoint, status, durationUs } = tx
    if (name === null || endpoint === null || status === null || durationUs === null) return null
    // A refusal is quick, and a failure as slow as a time-out.
    if (status < 200 || status >= 400) return null
    const service = this.#services.use(name)
    this.#services.look(tx, name, service, now)
    if (!service.slowness.wants()) return null
    const factor = service.slowness.add(endpoint, Math.max(1, durationUs), this.#index.of(tx.principal).hash)
    const { due } = service
    if (due === null || factor === null || factor < due.factor) return null
    service.due = null
    return this.#signal(tx, service, due, now)
  }

  tick(now: EventTime): void {
    this.#services.forEach((service) => {
      const slowed = service.slowness.tick(now, !this.#frozen && service.slow === 0)
      if (slowed !== null) this.#judge(service, slowed, now)
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

  #judge(service: Service, slowed: Slowed, now: EventTime): void {
    service.due = null
    const few = slowed.callers < LEAST_CALLERS
    if (few ? slowed.votesBefore < LEAST_VOTES_BEFORE : slowed.history < LEAST_HISTORY) {
      if (!this.#frozen) learn(service, slowed)
      return
    }
    const gain = few ? voteOf(slowed) : this.#gain(slowed)
    if (service.slow === 0) {
      if (gain <= 0) {
        if (!this.#frozen) learn(service, slowed)
        return
      }
      service.since = now - slowed.minutes * MINUTE_US
    }
    service.slow = Math.max(0, service.slow + gain * slowed.counted)
    if (gain > 0) {
      const log10P = few ? votesLog10(slowed) : windowLog10(slowed)
      service.log10P = Math.max(-300, service.log10P + ownShare(slowed) * log10P)
    }
    if (service.slow === 0) service.log10P = 0
    else if (now - service.since >= ACCEPTED_AFTER_US) {
      Object.assign(service, { slow: 0, log10P: 0 })
      service.slowness.accept()
    } else if (gain > 0 && service.slow >= Math.min(this.#options.minutes, this.#options.releaseMinutes)) {
      service.due = slowed
    }
  }

  /** -1..1: 1 when it is `slower` times the usual or more, -1 when it is as usual or quicker. */
  #gain({ factor, usual, spread, known }: Slowed): number {
    const least = known < MATURE_MINUTES ? Math.max(SLOWER_WHILE_YOUNG, this.#options.slower) : this.#options.slower
    const half = (least - 1) / 2
    const gain = Math.max(-1, Math.min(1, (factor / usual - 1 - half) / half))
    return gain > 0 && factor < usual + DEVIATIONS * Math.max(spread, LEAST_SPREAD) ? 0 : gain
  }

  #signal(tx: Transaction, service: Service, slowed: Slowed, now: EventTime): Signal | null {
    const latest = this.#services.release(tx.service ?? '', now, AFTER_RELEASE_US + now - service.since)
    // What was slow before it is not its doing.
    const release = latest !== null && latest.at <= service.since + slowed.minutes * MINUTE_US ? latest : null
    if (release === null && (service.slow < this.#options.minutes || isYoung(slowed))) return null
    return latencySignal(tx, service, slowed, release, now)
  }
}

function latencySignal(tx: Transaction, service: Service, slowed: Slowed, release: Release | null, now: EventTime) {
  const times = (slowed.factor / slowed.usual).toFixed(1)
  const span = spanText(now - service.since)
  return signalOf('regression.latency', tx, now, {
    // A release is a reason; without one windows count as if they all had much in common.
    log10P: release === null ? (service.log10P * LEAST_SHARE) / ownShare(slowed) : service.log10P,
    maturity: maturityOf(service),
    severity: release === null ? 'low' : 'medium',
    why: `${tx.service} takes ${times} times as long as usual for ${span}: the median of ${countText(slowed.answers, 'answer')} to ${countText(slowed.callers, 'caller')}, each against its endpoint${sinceRelease(release)}`,
    expected: `${slowed.usual.toFixed(2)} times the usual of each endpoint`,
    observed: `${slowed.factor.toFixed(2)} times`,
    evidence: {
      times_as_long: Number(slowed.factor.toFixed(3)),
      usual: Number(slowed.usual.toFixed(3)),
      minutes: Math.round((now - service.since) / MINUTE_US),
      windows_before: slowed.history,
      answers: slowed.answers,
      callers: slowed.callers,
      ...releaseEvidence(release),
    },
    subject: { kind: 'service', value: tx.service ?? '' },
    outcome: { answered: 0, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0 },
    evidenceBefore: [],
  })
}

/** Windows of some minutes that follow each other have much in common: each counts for half, one of twenty minutes for all it is. */
function ownShare({ minutes }: Slowed): number {
  return Math.min(1, Math.max(LEAST_SHARE, minutes / 20))
}

/** Too few windows are known to call it slow without a reason. */
function isYoung({ factor, usual, history }: Slowed): boolean {
  return history < MATURE_HISTORY && factor < SLOWER_WHILE_YOUNG * usual
}

/** A window with few callers says how one of them fares, not how the service does, but at first. */
function learn({ slowness }: Service, slowed: Slowed): void {
  if (slowed.callers < LEAST_CALLERS && slowed.history >= LEAST_HISTORY) slowness.learnVotes(slowed)
  else slowness.learnOne(slowed)
}

/** Of a window with few callers: 1 when all who have a vote find it slow, else -1. */
function voteOf({ votes, slowVotes }: Slowed): number {
  return votes >= LEAST_VOTES && slowVotes === votes ? 1 : -1
}

/** log10 of how often so many callers find it slow by chance, each by himself. */
function votesLog10({ votes, votesBefore, slowVotesBefore }: Slowed): number {
  return votes * Math.log10((slowVotesBefore + 1) / (votesBefore + 2))
}

/** log10 of how often a window comes out so slow: a normal tail, and never less than what so many windows can show. */
function windowLog10({ factor, usual, spread, history }: Slowed): number {
  const z = (factor - usual) / Math.max(spread, LEAST_SPREAD)
  const normal = (-z * z) / 2 / Math.LN10
  return Math.max(normal, -Math.log10(history + 1))
}

function maturityOf({ slowness }: Service): number {
  return Math.min(1, slowness.known / MATURE_MINUTES)
}

export const regressionLatency = defineDetector({
  id: 'regression.latency',
  title: 'A service has become slow',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'A service that takes longer to answer than it did, for many callers and for longer than a hiccup. A release that was marked (offpath deploy mark) or that a version header shows is named, and told sooner.',
    statistic:
      'Each answer (2xx, 3xx) against the usual of its endpoint, the median of medians of five minutes; the median of these factors over a window of five minutes of a service (longer where it is asked little), against those of the windows of the last day (median and median absolute deviation). A cumulative sum: a window that is slower times the usual counts with all its minutes (with 12 where it has fewer than 60 answers), one as usual takes as many back; told from minutes, after a release from releaseMinutes on. Where fewer than five callers are seen in half an hour each has a vote, and all three or four must have got most answers twice as late; the chance is that of so many such votes at once, by those of the windows before.',
    memory: 'maxServices services with 128 endpoints, at most 140 KiB each; evictions are counted.',
    warmUp:
      'An hour of windows; until half a day is known only what takes twice as long is slow, and without a release until 144 windows are. Durations teach after a quarter of an hour, later an hour, and not while the service is slow, for a day at most.',
    traps:
      'Another mix of requests, one caller who asks for a lot (at most five answers each in a window, of some 2,000 that are looked at), a dependency that is slow for some minutes, the load of the day. Missed: a single endpoint that is slow beside many that are not, less than half of slower, services with fewer than 8 answers in half an hour, or to fewer than three callers.',
    tuning: 'slower; minutes and releaseMinutes are how long a hiccup may last.',
  },
  options: Options,
  create: (options, _, callers) => new RegressionLatency(options, callers),
})
