import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { SensorReading, SourceReading } from '../../daemon/telemetry/sensor-windows.ts'
import type { Occupancy } from '../baselines/keyed-table.ts'
import { text } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { spanText } from '../finding.ts'
import { sensorSignal } from './capture/sensor-finding.ts'
import { Rhythm } from './silence/rhythm.ts'
import { type Fallen, SilenceState, SilenceWatch, usualText } from './silence/silence-watch.ts'

const Options = z.strictObject({
  report: z
    .number()
    .gt(0)
    .lt(1)
    .default(1e-2)
    .describe('told from here on: how often a week brings a source such a silence by chance'),
  silentSeconds: z.int().min(20).default(60).describe('shortest silence, at an hour that was seen on an earlier day'),
  unknownHourSeconds: z.int().min(20).default(300).describe('the same at an hour that was not'),
  downSeconds: z.int().min(1).default(15).describe('how long a source may be down before it is told'),
})
type SilentOptions = z.infer<typeof Options>

/** A quarter of an hour before anything is said. */
const newRhythm = () => new Rhythm(15 * MINUTE_US)
const REPEAT_US = 5 * MINUTE_US
const MAX_SOURCES = 256
const CERTAIN_LOG10_P = -12

/** Source and what is known of it. */
const Kept = z.tuple([text, SilenceState])
type Kept = z.infer<typeof Kept>

interface Watched {
  readonly watch: SilenceWatch
  /** Segments and records so far. */
  seen: number
  downSince: EventTime | null
}

class CaptureSilent implements Detector {
  readonly stateVersion = 5
  readonly #kept = new Map<string, SilenceState>()
  readonly #options: SilentOptions
  /** By `kind:name`. The sensor bounds its sources. */
  readonly #sources = new Map<string, Watched>()
  #blindTo: readonly string[] = []

  constructor(options: SilentOptions) {
    this.#options = options
  }

  get blindTo(): readonly string[] {
    return this.#blindTo
  }

  observe(): null {
    return null
  }

  tick(): void {}

  sense({ sources, now }: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    const blindTo: string[] = []
    for (const source of sources) {
      const name = `${source.kind}:${source.name}`
      const watched = this.#watched(name, now)
      const { watch } = watched
      const seen = source.total.segments + source.total.records
      const back = watch.count(seen - watched.seen, now)
      watched.seen = seen
      const signal =
        back && watch.toldAt !== null ? this.#over(name, watched, now) : this.#judge(name, source, watched, now)
      if (signal !== null) signals.push(signal)
      if (watch.toldAt !== null) blindTo.push(name)
    }
    this.#blindTo = blindTo
    return signals
  }

  sizes(): Readonly<Record<string, Occupancy>> {
    return {}
  }

  maturity(): number {
    return 1
  }

  #watched(name: string, now: EventTime): Watched {
    let watched = this.#sources.get(name)
    if (watched === undefined) {
      const kept = this.#kept.get(name)
      const watch =
        kept === undefined ? new SilenceWatch(now, newRhythm()) : SilenceWatch.fromState(kept, newRhythm(), now)
      watched = { watch, seen: 0, downSince: null }
      this.#sources.set(name, watched)
    }
    return watched
  }

  *snapshot(): IterableIterator<Kept> {
    for (const [name, kept] of this.#kept) if (!this.#sources.has(name)) yield [name, kept]
    for (const [name, { watch }] of this.#sources) yield [name, watch.toState()]
  }

  restore(line: unknown): void {
    const [name, kept] = Kept.parse(line)
    if (this.#kept.size < MAX_SOURCES) this.#kept.set(name, kept)
  }

  #judge(name: string, source: SourceReading, watched: Watched, now: EventTime): Signal | null {
    const { state } = source
    const { watch } = watched
    if (state === 'ended') {
      watched.downSince = null
      return watch.toldAt === null ? null : this.#over(name, watched, now)
    }
    if (state !== 'down' && watch.isAccepted(now)) {
      watch.accept()
      return this.#over(name, watched, now)
    }
    if (watch.toldAt !== null && now - watch.toldAt < REPEAT_US) return null
    if (state === 'down') {
      watched.downSince ??= now
      if (now - watched.downSince < this.#options.downSeconds * SECOND_US) return null
      return this.#down(name, source, watched, now)
    }
    watched.downSince = null
    const fallen = watch.fallen(this.#options, now)
    if (fallen === null) return null
    watch.told(now)
    return sensorSignal(silentFinding(name, fallen), now)
  }

  #down(name: string, { why }: SourceReading, watched: Watched, now: EventTime): Signal {
    const span = spanText(now - watched.downSince!)
    const reason = why === null ? '' : `: ${why}`
    watched.watch.told(now)
    return sensorSignal(
      {
        detector: 'capture.silent',
        source: name,
        log10P: CERTAIN_LOG10_P,
        maturity: 1,
        severity: 'high',
        why: `${name} is down for ${span}${reason}. What passes there is not seen. Offpath tries again by itself; see offpath status.`,
        expected: 'capturing',
        observed: 'down',
        evidence: { state: 'down', reason: why, seconds: Math.round((now - watched.downSince!) / SECOND_US) },
      },
      now,
    )
  }

  #over(name: string, watched: Watched, now: EventTime): Signal {
    watched.watch.over(watched.downSince === null, now)
    watched.downSince = null
    return sensorSignal(
      {
        detector: 'capture.silent',
        source: name,
        log10P: 0,
        maturity: 1,
        severity: 'info',
        why: `${name} delivers again; baselines learn again.`,
        expected: null,
        observed: null,
        evidence: {},
        over: true,
      },
      now,
    )
  }
}

function silentFinding(source: string, { silentUs, log10P, hourKnown, perMinute }: Fallen) {
  const usual = usualText(perMinute, 'segments or records')
  return {
    detector: 'capture.silent',
    source,
    log10P,
    maturity: hourKnown ? 1 : 0.5,
    severity: hourKnown ? 'high' : 'medium',
    why: `${source} delivers nothing for ${spanText(silentUs)}, where ${usual} are usual${hourKnown ? ' at this hour' : ' (this hour was not seen before)'}. Either the mirror or the feed has stopped, or everything behind it is down. Baselines stand still.`,
    expected: usual,
    observed: 0,
    evidence: {
      seconds: Math.round(silentUs / SECOND_US),
      usual_per_minute: Number(perMinute.toPrecision(2)),
      hour_known: hourKnown,
    },
  } as const
}

export const captureSilent = defineDetector({
  id: 'capture.silent',
  title: 'A source of the sensor delivers nothing',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'A source that is down (its interface is missing, taken down or gone, its program failed, its topic cannot be reached), or one that had steady traffic and delivers nothing: a mirror session that was removed, a feed that stopped. No baseline learns meanwhile.',
    statistic:
      'Down: for downSeconds. Silent: pauses between seconds with TCP segments or records. One that has lasted a while ends at a rate: the number of such pauses that ended by the time spent in them, at this hour on earlier days, times how the last three hours were against theirs. So a silence is measured in visits that failed to come. How often one of so many comes within a week by chance, the pauses before say, measured alike: a Pareto tail, as heavy as they are few.',
    memory: 'Three hours of ten minutes and 24 hours of the day per source, 8 KiB, at most 256 sources.',
    warmUp:
      'Down needs none. Silence needs 15 minutes; at an hour of the day that was not seen on an earlier day it takes unknownHourSeconds and is graver only on the next day. An hour that was silent on two days is known to be.',
    traps:
      'A quiet night is reached step by step: the last hours announce it. A service in maintenance still gets health checks and refused connections, which are segments. A file that ended, or a command that did its work, is over, not silent. Missed: sources that hardly bring anything, silence of one service behind a source that brings others (regression.silence is for that), the first quarter of an hour. A silence of a day is taken as how it is now.',
    tuning:
      'silentSeconds and unknownHourSeconds are the shortest silences; downSeconds rides out an interface that flaps.',
  },
  options: Options,
  create: (options) => new CaptureSilent(options),
})
