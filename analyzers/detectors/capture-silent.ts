import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US, SECOND_US } from '../../daemon/model/time.ts'
import type { SensorReading, SourceReading } from '../../daemon/telemetry/sensor-windows.ts'
import type { Occupancy } from '../baselines/keyed-table.ts'
import { text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { spanText } from '../finding.ts'
import { sensorSignal } from './capture/sensor-finding.ts'
import { RhythmState, type Silence, SLOT_US, SourceRhythm } from './capture-silent/rhythm.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-3).describe('p-value from which a silence is a signal'),
  silentSeconds: z.int().min(20).default(60).describe('shortest silence, at an hour that was seen on an earlier day'),
  unknownHourSeconds: z.int().min(20).default(300).describe('the same at an hour that was not'),
  downSeconds: z.int().min(1).default(15).describe('how long a source may be down before it is told'),
})
type SilentOptions = z.infer<typeof Options>

const REPEAT_US = 5 * MINUTE_US
const MAX_SOURCES = 256
/** A silence of a day is how it is now. */
const ACCEPTED_AFTER_US = 24 * HOUR_US
const CERTAIN_LOG10_P = -12

/** What is recent is so no more when nobody looked for longer. */
const RECENT_FOR_US = 15 * MINUTE_US

/** Source, rhythm, last slot; of a silence that was told: begin of it, last traffic, when it was told. */
const Kept = z.tuple([text, RhythmState, time, z.tuple([time, time, time]).nullable()])
type Kept = z.infer<typeof Kept>

interface Watched {
  readonly rhythm: SourceRhythm
  /** Segments and records so far. */
  seen: number
  /** Of the slot that is being filled. */
  slotAt: EventTime
  slotCount: number
  /** Slots that stayed empty, not learnt yet: they teach when something comes, unless they were told as a silence. */
  empty: number
  activeAt: EventTime
  /** Begin of the silence that was told. */
  silentFrom: EventTime
  downSince: EventTime | null
  toldAt: EventTime | null
}

class CaptureSilent implements Detector {
  readonly stateVersion = 1
  readonly #kept = new Map<string, Kept>()
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
      const back = this.#count(source, watched, now)
      const signal =
        back && watched.toldAt !== null ? this.#over(name, watched, now) : this.#judge(name, source, watched, now)
      if (signal !== null) signals.push(signal)
      if (watched.toldAt !== null) blindTo.push(name)
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
      watched = this.#begun(name, now)
      this.#sources.set(name, watched)
    }
    return watched
  }

  /** What the daemon did not see while it was away teaches nothing; a silence it had told goes on. */
  #begun(name: string, now: EventTime): Watched {
    const [, rhythmState, slotAt, told] = this.#kept.get(name) ?? [name, null, 0, null]
    const rhythm = rhythmState === null ? new SourceRhythm() : SourceRhythm.fromState(rhythmState)
    if (now - slotAt > RECENT_FOR_US) rhythm.forget()
    const [silentFrom, activeAt, toldAt] = told ?? [now, now, null]
    return {
      rhythm,
      seen: 0,
      slotAt: slotOf(now),
      slotCount: 0,
      empty: 0,
      activeAt,
      silentFrom,
      downSince: null,
      toldAt,
    }
  }

  *snapshot(): IterableIterator<Kept> {
    for (const [name, kept] of this.#kept) if (!this.#sources.has(name)) yield kept
    for (const [name, { rhythm, slotAt, silentFrom, activeAt, toldAt }] of this.#sources) {
      yield [name, rhythm.toState(), slotAt, toldAt === null ? null : [silentFrom, activeAt, toldAt]]
    }
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (this.#kept.size < MAX_SOURCES) this.#kept.set(kept[0], kept)
  }

  /** Brings the slots up to `now`. Whether something came. */
  #count({ total }: SourceReading, watched: Watched, now: EventTime): boolean {
    const seen = total.segments + total.records
    const added = seen - watched.seen
    watched.seen = seen
    const slot = slotOf(now)
    if (slot > watched.slotAt) {
      if (watched.slotCount > 0) watched.rhythm.learnOne(watched.slotCount, watched.slotAt)
      const passed = (slot - watched.slotAt) / SLOT_US
      watched.empty += passed - (watched.slotCount > 0 ? 1 : 0)
      watched.slotAt = slot
      watched.slotCount = 0
    }
    if (added <= 0) return false
    // A silence that was told is no lesson; an ordinary pause is one. Beyond an hour of it nothing is remembered anyway.
    if (watched.toldAt === null) {
      const pause = Math.min(watched.empty, HOUR_US / SLOT_US)
      for (let back = pause; back > 0; back--) watched.rhythm.learnOne(0, slot - back * SLOT_US)
    }
    watched.empty = 0
    watched.slotCount += added
    watched.activeAt = now
    return true
  }

  #judge(name: string, source: SourceReading, watched: Watched, now: EventTime): Signal | null {
    const { state } = source
    if (state === 'ended') {
      watched.downSince = null
      return watched.toldAt === null ? null : this.#over(name, watched, now)
    }
    if (watched.toldAt !== null && now - watched.activeAt >= ACCEPTED_AFTER_US && state !== 'down') {
      watched.rhythm.forget()
      return this.#over(name, watched, now)
    }
    if (watched.toldAt !== null && now - watched.toldAt < REPEAT_US) return null
    if (state === 'down') {
      watched.downSince ??= now
      if (now - watched.downSince < this.#options.downSeconds * SECOND_US) return null
      return this.#down(name, source, watched, now)
    }
    watched.downSince = null
    return this.#silent(name, watched, now)
  }

  #down(name: string, { why }: SourceReading, watched: Watched, now: EventTime): Signal {
    const span = spanText(now - watched.downSince!)
    const reason = why === null ? '' : `: ${why}`
    watched.toldAt = now
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

  #silent(name: string, watched: Watched, now: EventTime): Signal | null {
    const silentUs = now - watched.rhythm.countsFrom(watched.activeAt, now)
    const { silentSeconds, unknownHourSeconds, report } = this.#options
    if (silentUs < silentSeconds * SECOND_US || watched.slotCount > 0) return null
    const silence = watched.rhythm.silence(Math.floor(silentUs / SLOT_US), now)
    if (silence === null || silence.log10P > Math.log10(report)) return null
    if (!silence.hourKnown && silentUs < unknownHourSeconds * SECOND_US) return null
    watched.toldAt = now
    watched.silentFrom = watched.activeAt
    return sensorSignal(silentFinding(name, silentUs, silence), now)
  }

  #over(name: string, watched: Watched, now: EventTime): Signal {
    if (watched.downSince === null) watched.rhythm.learnSilence(watched.silentFrom, now)
    watched.toldAt = null
    watched.downSince = null
    watched.empty = 0
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

function silentFinding(source: string, silentUs: number, { log10P, hourKnown, perMinute }: Silence) {
  const usual = Math.max(1, Math.round(perMinute)).toLocaleString('en-US')
  return {
    detector: 'capture.silent',
    source,
    log10P,
    maturity: hourKnown ? 1 : 0.5,
    severity: hourKnown ? 'high' : 'medium',
    why: `${source} delivers nothing for ${spanText(silentUs)}, where ${usual} segments or records a minute are usual${hourKnown ? ' at this hour' : ' (this hour was not seen before)'}. Either the mirror or the feed has stopped, or everything behind it is down. Baselines stand still.`,
    expected: `${usual} a minute`,
    observed: 0,
    evidence: {
      seconds: Math.round(silentUs / SECOND_US),
      usual_per_minute: Math.round(perMinute),
      hour_known: hourKnown,
    },
  } as const
}

function slotOf(time: EventTime): EventTime {
  return Math.floor(time / SLOT_US) * SLOT_US
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
      'Down: for downSeconds. Silent: slots of 10 s of event time with TCP segments or records; a source is steady when 8 in 10 slots of the last hour, and of this hour on earlier days, were filled. The chance of so many empty slots in a row, where a run as long as the longest of late counts as one.',
    memory: 'An hour of slots and 24 hours of the day per source, at most 256 sources.',
    warmUp:
      'Down needs none. Silence needs 15 minutes of slots; at an hour of the day that was not seen on an earlier day it takes unknownHourSeconds and is graver only on the next day. An hour that was silent on two days is known to be.',
    traps:
      'A quiet night is reached step by step: the last hour is no longer steady before it is empty. A service in maintenance still gets health checks and refused connections, which are segments. A file that ended, or a command that did its work, is over, not silent. Missed: sources that were never steady, silence of one service behind a source that brings others (regression.silence is for that), the first quarter of an hour. A silence of a day is taken as how it is now.',
    tuning:
      'silentSeconds and unknownHourSeconds are the shortest silences; downSeconds rides out an interface that flaps.',
  },
  options: Options,
  create: (options) => new CaptureSilent(options),
})
