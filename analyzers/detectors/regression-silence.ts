import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { SensorReading, SourceReading } from '../../daemon/telemetry/sensor-windows.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { amount, text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, spanText } from '../finding.ts'
import { type TickFinding, tickSignal } from '../tick-signal.ts'
import { Rhythm } from './silence/rhythm.ts'
import { type Fallen, SilenceState, SilenceWatch, usualText } from './silence/silence-watch.ts'

const Options = z.strictObject({
  report: z
    .number()
    .gt(0)
    .lt(1)
    .default(1e-2)
    .describe('told from here on: how often a week brings a service such a silence by chance'),
  silentSeconds: z.int().min(20).default(600).describe('shortest silence, at an hour that was seen on an earlier day'),
  unknownHourSeconds: z.int().min(20).default(900).describe('the same at an hour that was not'),
  maxServices: z.int().min(1).default(512).describe('services with state'),
})
type SilenceOptions = z.infer<typeof Options>

/** An hour and a half before anything is said. */
const newRhythm = () => new Rhythm(90 * MINUTE_US)
const REPEAT_US = 5 * MINUTE_US
const MAX_SOURCES = 256
/** A source that brought anything within it is not silent itself. */
const ALIVE_FOR_US = MINUTE_US
/** One that did not, as at night, says nothing of its services for a while: they need not all be asked at once when it is back. */
const SETTLES_US = 15 * MINUTE_US
/** Silences that lasted while a source was silent for so long are that of the source. */
const DEAD_FOR_US = 10 * MINUTE_US

/** Watch, source, answers since the last look, requests without one. */
const ServiceState = z.tuple([SilenceState, text, amount, amount])
const Kept = KeyedEntry
type Kept = z.infer<typeof Kept>

class Service {
  name = ''
  watch: SilenceWatch | null = null
  kept: SilenceState | null = null
  /** Answers since the last look, and requests without one since the last answer. */
  answers = 0
  unanswered = 0
  /** The source that brought the last answer, as `kind:name`. */
  source = ''
}

class RegressionSilence implements Detector {
  readonly stateVersion = 4
  readonly #options: SilenceOptions
  readonly #services: KeyedTable<Service>
  /** By source: when it last showed anything. */
  readonly #seenAt = new Map<string, EventTime>()
  /** By source: since when and until when it was last seen to bring nothing. At most as many as in #seenAt. */
  readonly #dead = new Map<string, { since: EventTime; until: EventTime }>()
  #last = { kind: '', name: '', key: '', at: 0 }
  #frozen = false

  constructor(options: SilenceOptions) {
    this.#options = options
    this.#services = new KeyedTable(options.maxServices, () => new Service())
  }

  observe(tx: Transaction, now: EventTime): null {
    const source = this.#sourceOf(tx, now)
    if (tx.service === null || !tx.knownEndpoint) return null
    const service = this.#services.use(tx.service)
    service.name = tx.service
    if (tx.status === null) service.unanswered++
    else {
      service.answers++
      service.unanswered = 0
      service.source = source
    }
    return null
  }

  tick(): void {}

  sense({ sources, now }: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    const alive = new Set(sources.filter(brings).map(({ kind, name }) => `${kind}:${name}`))
    // Records name the source that a sensor elsewhere saw them at.
    for (const [source, at] of this.#seenAt) {
      if (now - at < ALIVE_FOR_US) alive.add(source)
      if (!alive.has(source)) this.#noteDead(source, now)
    }
    this.#services.forEach((service) => {
      if (service.watch === null) {
        service.watch =
          service.kept === null
            ? new SilenceWatch(now, newRhythm())
            : SilenceWatch.fromState(service.kept, newRhythm(), now)
        service.kept = null
      }
      const dead = this.#dead.get(service.source)
      // A mirror that brings nothing at all says nothing of a service behind it: that is capture.silent’s.
      if (dead?.until === now && now - dead.since >= DEAD_FOR_US) service.watch.restart(now)
      const back = service.watch.count(service.answers, now)
      service.answers = 0
      const isShown = alive.has(service.source) && (dead === undefined || now - dead.until >= SETTLES_US)
      const signal = this.#judge(service, service.watch, back, isShown, now)
      if (signal !== null) signals.push(signal)
    })
    return signals
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  *snapshot(): IterableIterator<Kept> {
    const rested = new SilenceWatch(0, newRhythm()).toState()
    yield* this.#services.entries(
      ({ watch, kept, source, answers, unanswered }): z.infer<typeof ServiceState> => [
        watch?.toState() ?? kept ?? rested,
        source,
        answers,
        unanswered,
      ],
    )
  }

  restore(line: unknown): void {
    const entry = Kept.parse(line)
    const service = new Service()
    service.name = entry[1]
    ;[service.kept, service.source, service.answers, service.unanswered] = ServiceState.parse(entry[4])
    this.#services.restore(entry, service)
  }

  sizes() {
    return { services: this.#services.occupancy }
  }

  maturity(): number {
    return this.#services.size === 0 ? 0 : 1
  }

  /** `kind:name`, noted once a second as one that brings something. */
  #sourceOf({ source: { kind, name } }: Transaction, now: EventTime): string {
    const last = this.#last
    if (kind === last.kind && name === last.name && now - last.at < SECOND_US) return last.key
    const key = `${kind}:${name}`
    this.#last = { kind, name, key, at: now }
    if (this.#seenAt.size < MAX_SOURCES || this.#seenAt.has(key)) this.#seenAt.set(key, now)
    return key
  }

  #noteDead(source: string, now: EventTime): void {
    const dead = this.#dead.get(source)
    // Event time goes on by a second at a time.
    if (dead === undefined || now - dead.until > 2 * SECOND_US) this.#dead.set(source, { since: now, until: now })
    else dead.until = now
  }

  #judge(service: Service, watch: SilenceWatch, back: boolean, isShown: boolean, now: EventTime): Signal | null {
    const { toldAt } = watch
    if (toldAt !== null && (back || watch.isAccepted(now))) {
      if (!back) watch.accept()
      watch.over(true, now)
      return overSignal(service.name, back, now)
    }
    if (this.#frozen || !isShown) return null
    if (toldAt !== null && now - toldAt < REPEAT_US) return null
    const fallen = watch.fallen(this.#options, now)
    if (fallen === null) return null
    watch.told(now)
    return silenceSignal(service, fallen, now)
  }
}

/** Whether a source brought anything in the last minute. */
function brings({ state, long }: SourceReading): boolean {
  return state !== 'down' && long.segments + long.records > 0
}

function silenceSignal({ name, unanswered }: Service, fallen: Fallen, now: EventTime): Signal {
  const { silentUs, log10P, hourKnown, perMinute } = fallen
  const usual = usualText(perMinute, 'answers')
  const asked =
    unanswered === 0
      ? 'nor is it asked anything'
      : `though it was asked ${countText(unanswered, 'time')} since its last answer`
  return absence(name, now, {
    log10P,
    maturity: hourKnown ? 1 : 0.5,
    severity: hourKnown ? 'high' : 'medium',
    why: `${name} has answered nothing for ${spanText(silentUs)}, ${asked}; ${usual} are usual${hourKnown ? ' at this hour' : ' (this hour was not seen before)'}. The source that showed it still brings other traffic.`,
    expected: usual,
    observed: 0,
    evidence: {
      seconds: Math.round(silentUs / SECOND_US),
      usual_per_minute: Number(perMinute.toPrecision(2)),
      unanswered,
      hour_known: hourKnown,
    },
  })
}

function overSignal(name: string, back: boolean, now: EventTime): Signal {
  return absence(name, now, {
    log10P: 0,
    maturity: 1,
    severity: 'info',
    why: back ? `${name} answers again.` : `${name} has been silent for a day: that is how it is now.`,
    expected: null,
    observed: null,
    evidence: {},
    over: true,
  })
}

/** A signal without a transaction, at a tick (contracts.md, Incident). */
function absence(service: string, now: EventTime, said: Omit<TickFinding, 'subject' | 'about' | 'service'>): Signal {
  const subject = { kind: 'service', value: service }
  return tickSignal('regression.silence', { ...said, subject, about: service, service }, now)
}

export const regressionSilence = defineDetector({
  id: 'regression.silence',
  title: 'A service has gone silent',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'A service that answered steadily and answers nothing any more, whether it is still asked or not, while the source that showed it brings other traffic: an API that went dark in a release, a gateway that lost its route.',
    statistic:
      'Pauses between answers of known endpoints. One that has lasted a while ends when the next visit comes: the rate is the number of such pauses that ended by the time spent in them, at this hour on earlier days, times how the last three hours were against theirs on those days. So a silence is measured in visits that failed to come. How often one of so many comes within a week by chance, the pauses before say, measured alike: a Pareto tail, as heavy as they are few.',
    memory: 'Three hours of ten minutes and 24 hours of the day for each of maxServices services, 8 KiB each.',
    warmUp:
      'An hour and a half; at an hour of the day that was not seen on an earlier day it takes unknownHourSeconds and several times as many visits that did not come. An hour that was silent on two days is known to be.',
    traps:
      'A source that brings nothing at all, or a sensor that is blind (capture.silent and capture.blind say so, and this says nothing meanwhile); evenings, nights and weekends, which the last hours announce; partners that call in bursts. Missed: a silence in which fewer than some twenty visits are missing, such as an hour of a service that is visited every four minutes, or twenty minutes of one that is visited every minute; one endpoint of a service that goes on. A silence of a day is taken as how it is now.',
    tuning:
      'silentSeconds and unknownHourSeconds are the shortest silences; report is what you can live with, per service.',
  },
  options: Options,
  create: (options) => new RegressionSilence(options),
})
