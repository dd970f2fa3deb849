import { z } from 'zod'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { principalKey } from '../baselines/principal-key.ts'
import { amount, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, signalOf, spanText } from '../finding.ts'
import {
  LOOK_EVERY_US,
  type Release,
  Releases,
  ReleasesState,
  releaseEvidence,
  sinceRelease,
} from './regression/releases.ts'
import { type Slowed, SlowedState, Slowness, SlownessState, WINDOW_US } from './regression/slowness.ts'

const Options = z.strictObject({
  slower: z.number().gt(1).default(1.35).describe('how many times as long as usual answers take, at least'),
  windows: z.int().min(1).max(288).default(4).describe('slow windows of five minutes in a row before it is told'),
  releaseWindows: z.int().min(1).max(288).default(2).describe('the same within the hour after a release'),
  maxServices: z.int().min(1).default(256).describe('services with state'),
})
type LatencyOptions = z.infer<typeof Options>

const LEAST_ANSWERS = 30
const LEAST_CALLERS = 5
/** Windows before anything is said, and from when on a day has shown what varies within it. */
const LEAST_HISTORY = 12
const MATURE_HISTORY = 144
/** Until then it must be as much slower: load of the day may explain less. */
const SLOWER_WHILE_YOUNG = 2
/** Standard deviations of the windows before. */
const DEVIATIONS = 5
const LEAST_SPREAD = 0.04
const AFTER_RELEASE_US = HOUR_US
/** What is slow for a day is how it is now. */
const ACCEPTED_WINDOWS = 288

/** Slowness, last look, slow windows in a row, their evidence, what is to be told. */
const ServiceState = z.tuple([SlownessState, time, z.int().min(0), amount, SlowedState.nullable()])
const Kept = z.union([z.tuple([z.literal('service'), KeyedEntry]), ReleasesState])
type Kept = z.infer<typeof Kept>

class Service {
  slowness = new Slowness()
  lookedAt: EventTime = 0
  /** Slow windows in a row. */
  slow = 0
  log10P = 0
  /** To be told with the next slow answer. */
  due: Slowed | null = null
}

class RegressionLatency implements Detector {
  readonly stateVersion = 1
  readonly #options: LatencyOptions
  readonly #services: KeyedTable<Service>
  readonly #releases: Releases
  #frozen = false

  constructor(options: LatencyOptions) {
    this.#options = options
    this.#services = new KeyedTable(options.maxServices, () => new Service())
    this.#releases = new Releases(options.maxServices)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { service: name, endpoint, status, durationUs } = tx
    if (name === null || endpoint === null || status === null || durationUs === null) return null
    // A refusal is quick, and a failure as slow as a time-out.
    if (status < 200 || status >= 400) return null
    const service = this.#services.use(name)
    if (now - service.lookedAt >= LOOK_EVERY_US) {
      service.lookedAt = now
      this.#releases.look(tx, name, now)
    }
    if (!service.slowness.wants()) return null
    const factor = service.slowness.add(endpoint, Math.max(1, durationUs), hashText(principalKey(tx.principal)))
    const { due } = service
    if (due === null || factor === null || factor < due.factor) return null
    service.due = null
    return this.#signal(tx, service, due, now)
  }

  tick(now: EventTime): void {
    this.#services.forEach((service) => {
      const slowed = service.slowness.tick(now, !this.#frozen && service.slow === 0)
      if (slowed !== null) this.#judge(service, slowed)
    })
  }

  deployed(mark: DeployMark): void {
    this.#releases.mark(mark)
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  *snapshot(): IterableIterator<Kept> {
    const toState = ({ slowness, lookedAt, slow, log10P, due }: Service): z.infer<typeof ServiceState> => [
      slowness.toState(),
      lookedAt,
      slow,
      log10P,
      due,
    ]
    for (const entry of this.#services.entries(toState)) yield ['service', entry]
    yield* this.#releases.snapshot()
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'release') {
      this.#releases.restore(kept)
      return
    }
    const service = new Service()
    const [slowness, lookedAt, slow, log10P, due] = ServiceState.parse(kept[1][4])
    Object.assign(service, { slowness: Slowness.fromState(slowness), lookedAt, slow, log10P, due })
    this.#services.restore(kept[1], service)
  }

  sizes() {
    return { services: this.#services.occupancy, releases: this.#releases.occupancy }
  }

  maturity(): number {
    return this.#services.mean(maturityOf)
  }

  #judge(service: Service, slowed: Slowed): void {
    service.due = null
    if (slowed.answers < LEAST_ANSWERS || slowed.callers < LEAST_CALLERS) return
    if (!this.#isSlow(slowed)) {
      service.slow = 0
      service.log10P = 0
      if (!this.#frozen) service.slowness.learnOne(slowed.factor)
      return
    }
    service.slow++
    // Windows that follow each other have much in common: each counts for half.
    service.log10P = Math.max(-300, service.log10P + 0.5 * windowLog10(slowed))
    if (service.slow >= ACCEPTED_WINDOWS) {
      service.slow = 0
      service.log10P = 0
      service.slowness.accept()
    } else if (service.slow >= Math.min(this.#options.windows, this.#options.releaseWindows)) service.due = slowed
  }

  #isSlow({ factor, usual, spread, history }: Slowed): boolean {
    if (history < LEAST_HISTORY) return false
    const least = history < MATURE_HISTORY ? Math.max(SLOWER_WHILE_YOUNG, this.#options.slower) : this.#options.slower
    return factor >= least * usual && factor >= usual + DEVIATIONS * Math.max(spread, LEAST_SPREAD)
  }

  #signal(tx: Transaction, service: Service, slowed: Slowed, now: EventTime): Signal | null {
    const slowUs = service.slow * WINDOW_US
    const latest = this.#releases.latest(tx.service ?? '', now, AFTER_RELEASE_US + slowUs)
    // What was slow before it is not its doing.
    const release = latest !== null && latest.at <= now - slowUs + WINDOW_US ? latest : null
    if (release === null && service.slow < this.#options.windows) return null
    return latencySignal(tx, service, slowed, release, now)
  }
}

function latencySignal(tx: Transaction, service: Service, slowed: Slowed, release: Release | null, now: EventTime) {
  const times = (slowed.factor / slowed.usual).toFixed(1)
  const span = spanText(service.slow * WINDOW_US)
  return signalOf('regression.latency', tx, now, {
    log10P: service.log10P,
    maturity: maturityOf(service),
    severity: release === null ? 'low' : 'medium',
    why: `${tx.service} takes ${times} times as long as usual for ${span}: the median of ${countText(slowed.answers, 'answer')} to ${countText(slowed.callers, 'caller')}, each against its endpoint${sinceRelease(release)}`,
    expected: `${slowed.usual.toFixed(2)} times the usual of each endpoint`,
    observed: `${slowed.factor.toFixed(2)} times`,
    evidence: {
      times_as_long: Number(slowed.factor.toFixed(3)),
      usual: Number(slowed.usual.toFixed(3)),
      windows: service.slow,
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

/** log10 of how often a window comes out so slow: a normal tail, and never less than what so many windows can show. */
function windowLog10({ factor, usual, spread, history }: Slowed): number {
  const z = (factor - usual) / Math.max(spread, LEAST_SPREAD)
  const normal = (-z * z) / 2 / Math.LN10
  return Math.max(normal, -Math.log10(history + 1))
}

function maturityOf({ slowness }: Service): number {
  return Math.min(1, slowness.history / MATURE_HISTORY)
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
      'Each answer (2xx, 3xx) against the usual of its endpoint, the median of medians of five minutes; the median of these factors over five minutes of a service, against the factors of the windows of the last day (median and median absolute deviation). Slow is slower times the usual and five deviations above it; told after windows slow ones in a row, releaseWindows after a release.',
    memory: 'maxServices services with 128 endpoints, at most 140 KiB each; evictions are counted.',
    warmUp:
      'An hour of windows; until half a day is known only what takes twice as long is slow. Durations teach after a quarter of an hour, later an hour, and not while the service is slow, for a day at most.',
    traps:
      'Another mix of requests, one caller who asks for a lot (at most five answers each in a window, of some 2,000 that are looked at), a dependency that is slow for some minutes, the load of the day. Missed: a single endpoint that is slow beside many that are not, less than slower, services with fewer than 30 answers in five minutes.',
    tuning: 'slower; windows and releaseWindows are how long a hiccup may last.',
  },
  options: Options,
  create: (options) => new RegressionLatency(options),
})
