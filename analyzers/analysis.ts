import type { DescribedApi } from '../daemon/inventory/described-api.ts'
import type { DeployMark } from '../daemon/model/deploy.ts'
import type { LearningPart } from '../daemon/model/learning.ts'
import type { Signal } from '../daemon/model/signal.ts'
import type { EventTime } from '../daemon/model/time.ts'
import type { Transaction } from '../daemon/model/transaction.ts'
import type { Lack } from '../daemon/tap/mapping.ts'
import type { Telemetry } from '../daemon/telemetry/counters.ts'
import type { Occupancies } from '../daemon/telemetry/occupancy.ts'
import type { SensorReading } from '../daemon/telemetry/sensor-windows.ts'
import type { BaselineDrift } from './baseline-drift.ts'
import { CallerIndex } from './baselines/caller-index.ts'
import type { Detector, DetectorDeclaration } from './detector.ts'
import { LearningGate, type LearningState } from './learning-gate.ts'
import type { ModelChange } from './model-change.ts'
import { PayloadContext } from './payloads/payload-context.ts'
import { SourceNeeds, type StarvedSource } from './source-needs.ts'
import { SuspectNames } from './suspect-names.ts'

interface Running {
  readonly id: string
  detector: Detector
  /** Its method: to look for it on objects of sixty classes, for each transaction, takes a fiftieth of all time. */
  observe: Detector['observe']
  /** One that has learnt nothing. */
  readonly create: () => Detector
  readonly readsPayloads: boolean
  failed: boolean
}

/** A detector to run, with its options from the configuration; `{}` stands for the defaults. */
export interface EnabledDetector {
  readonly declaration: DetectorDeclaration
  readonly options: unknown
}

/**
 * All detectors over one stream of transactions. One that throws is switched off alone, counted as `detector.failed` and
 * handed to `onFailure`; the others go on. Signals come ordered by detector id.
 */
export class DetectorSet {
  readonly #running: readonly Running[]
  /** Those that must see transactions without marks of payloads, too. */
  readonly #always: readonly Running[]
  /** Those that ask what the sensor says of itself, those that give models up, and those who tell of that: most do nothing of it. */
  readonly #sensing: readonly Running[]
  readonly #changing: readonly Running[]
  readonly #reviewing: readonly Running[]
  /** Shared by the detectors of payloads; null when none runs, or it failed. */
  #payloads: PayloadContext | null
  readonly #telemetry: Telemetry
  readonly #onFailure: (detector: string, error: unknown) => void
  readonly #signals: Signal[] = []
  readonly #names = new SuspectNames()
  readonly #gate = new LearningGate()
  readonly #needs: SourceNeeds
  #described: readonly DescribedApi[] = []

  constructor(
    enabled: readonly EnabledDetector[],
    telemetry: Telemetry,
    onFailure: (detector: string, error: unknown) => void = () => {},
    callers = new CallerIndex(),
  ) {
    this.#telemetry = telemetry
    this.#onFailure = onFailure
    const readsPayloads = enabled.some(({ declaration }) => declaration.reads === 'payloads')
    const payloads = readsPayloads ? new PayloadContext(callers) : null
    this.#payloads = payloads
    this.#running = [...enabled]
      .sort((a, b) => (a.declaration.id < b.declaration.id ? -1 : 1))
      .map(({ declaration, options }) => {
        const create = () => declaration.create(declaration.options.parse(options), payloads ?? undefined, callers)
        const readsPayloads = declaration.reads === 'payloads'
        const detector = create()
        return { id: declaration.id, detector, observe: detector.observe, create, readsPayloads, failed: false }
      })
    this.#always = this.#running.filter(({ readsPayloads }) => !readsPayloads)
    this.#sensing = this.#running.filter(({ detector }) => detector.sense !== undefined)
    this.#changing = this.#running.filter(({ detector }) => detector.takeChanges !== undefined)
    this.#reviewing = this.#running.filter(({ detector }) => detector.review !== undefined)
    this.#needs = new SourceNeeds(this.#running.map(({ id }) => id))
  }

  /** Signals about this transaction. The array is reused: read it before the next call. */
  observe(transaction: Transaction, now: EventTime): readonly Signal[] {
    const signals = this.#signals
    // To set the length of a list goes through the runtime of V8, even where it stays what it is.
    if (signals.length > 0) signals.length = 0
    const off = this.#needs.look(transaction)
    if (this.#payloads !== null) {
      try {
        this.#payloads.observe(transaction, now)
      } catch (error) {
        this.#failPayloads(error)
      }
    }
    const asked = hasPayload(transaction) ? this.#running : this.#always
    for (let i = 0; i < asked.length; i++) {
      const running = asked[i]!
      if (running.failed || off?.has(running.id) === true) continue
      try {
        const signal = running.observe.call(running.detector, transaction, now)
        if (signal === null) continue
        this.#names.note(signal)
        const limits = this.#needs.limitsOf(transaction, running.id)
        signals.push(limits === null ? signal : { ...signal, limits })
      } catch (error) {
        this.#fail(running, error)
      }
    }
    return signals
  }

  tick(now: EventTime): void {
    try {
      this.#payloads?.tick(now)
    } catch (error) {
      this.#failPayloads(error)
    }
    for (const running of this.#running) {
      if (running.failed) continue
      try {
        running.detector.tick(now)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /**
   * What the sensor says of itself at a tick, after `tick`. While a detector finds a source blind or silent no baseline
   * learns: counted, in seconds of event time, as `learning.frozen_seconds`.
   */
  sense(reading: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    const blindTo = new Set<string>()
    for (const running of this.#sensing) {
      const { detector } = running
      if (running.failed) continue
      try {
        signals.push(...(detector.sense?.(reading) ?? []))
        for (const source of detector.blindTo ?? []) blindTo.add(source)
      } catch (error) {
        this.#fail(running, error)
      }
    }
    this.#review(signals, reading.now)
    this.#reviewDrifts(signals, reading.now)
    if (this.#gate.update([...blindTo], reading.now)) this.#freeze(this.#gate.state.frozen, reading.now)
    if (this.#gate.state.frozen) this.#telemetry.counters.add('learning.frozen_seconds')
    return signals
  }

  /** What models have given up is told by those whose business that is. */
  #review(signals: Signal[], now: EventTime): void {
    let changes: ModelChange[] | null = null
    for (const { detector, failed } of this.#changing) {
      const taken = failed ? undefined : detector.takeChanges?.()
      if (taken !== undefined && taken.length > 0) changes = [...(changes ?? []), ...taken]
    }
    if (changes === null) return
    for (const running of this.#reviewing) {
      if (running.failed) continue
      try {
        signals.push(...(running.detector.review?.(changes, now) ?? []))
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** Limits that were pushed up, alike; whoever did it is known by name from then on. */
  #reviewDrifts(signals: Signal[], now: EventTime): void {
    let drifts: BaselineDrift[] | null = null
    for (const { detector, failed } of this.#running) {
      const taken = failed ? undefined : detector.takeDrifts?.(now)
      if (taken !== undefined && taken.length > 0) drifts = [...(drifts ?? []), ...taken]
    }
    if (drifts === null) return
    for (const running of this.#running) {
      if (running.failed || running.detector.reviewDrifts === undefined) continue
      try {
        for (const signal of running.detector.reviewDrifts(drifts, now)) {
          this.#names.note(signal)
          signals.push(signal)
        }
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** A service was released: event time has just come to it. */
  deployed(mark: DeployMark): void {
    for (const running of this.#running) {
      if (running.failed) continue
      try {
        running.detector.deployed?.(mark)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** What is written about the API was read, or read anew. */
  described(apis: readonly DescribedApi[]): void {
    this.#described = apis
    for (const running of this.#running) {
      if (running.failed) continue
      try {
        running.detector.described?.(apis)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** Whether baselines learn, and if not, why. */
  get learning(): LearningState {
    return this.#gate.state
  }

  /** What a format says of itself: that its records are sampled cannot be seen in them. */
  formatOf(source: string, lacks: readonly Lack[]): void {
    this.#needs.formatOf(source, lacks)
  }

  /** By topic: the detectors that its records leave without what they need (off), or with less than they like. */
  starved(): readonly StarvedSource[] {
    return this.#needs.starved()
  }

  /** What each keeps, as `detector/table`. */
  sizes(): Occupancies {
    return Object.fromEntries(
      this.#running.flatMap(({ id, detector }) =>
        Object.entries(detector.sizes()).map(([table, size]) => [`${id}/${table}`, size]),
      ),
    )
  }

  /** What is kept of all that is learnt. */
  parts(): LearningPart[] {
    const parts: LearningPart[] = [
      {
        name: 'suspect-names',
        version: 1,
        snapshot: () => this.#names.snapshot(),
        restore: (line) => this.#names.restore(line),
        reset: () => this.#names.clear(),
      },
      {
        name: 'learning-gate',
        version: 1,
        snapshot: () => [this.#gate.toState()],
        restore: (line) => this.#gate.restore(line),
        reset: () => this.#gate.restore([false, null, []]),
      },
    ]
    const payloads = this.#payloads
    if (payloads !== null) {
      parts.push({
        name: 'payload-context',
        version: 4,
        snapshot: () => payloads.snapshot(),
        restore: (line) => payloads.restore(line),
        reset: () => payloads.reset(),
        shared: payloads.shared,
      })
    }
    for (const running of this.#running) {
      const { id, detector, failed, create } = running
      if (failed || detector.stateVersion === undefined) continue
      parts.push({
        name: id,
        version: detector.stateVersion,
        snapshot: () => running.detector.snapshot?.() ?? [],
        restore: (line) => running.detector.restore?.(line),
        reset: () => {
          running.detector = create()
          running.observe = running.detector.observe
          running.detector.described?.(this.#described)
        },
        get shared() {
          return running.detector.shared
        },
      })
    }
    return parts
  }

  /** How ready each is (0..1), and whether it failed and was switched off. */
  states(): { id: string; maturity: number; failed: boolean }[] {
    return this.#running.map(({ id, detector, failed }) => ({ id, maturity: failed ? 0 : detector.maturity(), failed }))
  }

  /** An incident of `detector` on this subject was opened or closed: what the subject taught is dropped, or may count again. */
  suspect(
    detector: string,
    subject: { readonly kind: string; readonly value: string },
    open: boolean,
    now: EventTime,
  ): void {
    if (isNobody(subject)) return
    const caller = this.#names.callerOf(subject)
    const forPayload = this.#running.some(({ id, readsPayloads }) => readsPayloads && id === detector)
    this.#payloads?.suspect(caller, open, forPayload, now)
    for (const running of this.#running) {
      if (running.failed) continue
      // Who is suspected by one detector teaches none; but only the detector that opened the case may close it.
      if (!open && running.id !== detector) continue
      try {
        if (open) running.detector.accuse?.(caller, detector, subject.value, now)
        running.detector.suspect?.(caller, open, now)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** A person found that a finding about this subject was wrong: all of them trust it again, whoever had found it. */
  pardon(subject: { readonly kind: string; readonly value: string }, now: EventTime): void {
    if (isNobody(subject)) return
    const caller = this.#names.callerOf(subject)
    this.#payloads?.pardon(caller, now)
    for (const running of this.#running) {
      if (running.failed) continue
      const { detector } = running
      try {
        if (detector.pardon === undefined) detector.suspect?.(caller, false, now)
        else detector.pardon(caller, now)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  #freeze(frozen: boolean, now: EventTime): void {
    this.#payloads?.freeze(frozen, now)
    for (const running of this.#running) {
      if (running.failed) continue
      try {
        running.detector.freeze?.(frozen, now)
      } catch (error) {
        this.#fail(running, error)
      }
    }
  }

  /** None of them can judge without it. */
  #failPayloads(error: unknown): void {
    this.#payloads = null
    for (const running of this.#running) if (running.readsPayloads && !running.failed) this.#fail(running, error)
  }

  #fail(running: Running, error: unknown): void {
    running.failed = true
    this.#telemetry.counters.add('detector.failed')
    this.#telemetry.counters.add(`detector.failed.${running.id}`)
    this.#onFailure(running.id, error)
  }
}

/** Whoever was given what an endpoint leaks has done nothing. */
function isNobody({ kind }: { readonly kind: string }): boolean {
  return kind === 'endpoint' || kind === 'service'
}

function hasPayload({ marks }: Transaction): boolean {
  for (let i = 0; i < marks.length; i++) if (marks[i]!.kind === 'payload') return true
  return false
}
