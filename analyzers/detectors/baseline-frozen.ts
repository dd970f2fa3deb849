import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { SensorReading } from '../../daemon/telemetry/sensor-windows.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { amount, time } from '../baselines/state.ts'
import { Suspects, SuspectsState } from '../baselines/suspects.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, percentText, spanText } from '../finding.ts'
import { type TickFinding, tickSignal } from '../tick-signal.ts'
import { HOURS, Provocations, ProvocationsState } from './baseline-frozen/provocations.ts'
import { Voters, VotersState } from './baseline-frozen/voters.ts'

const Options = z.strictObject({
  frozenHours: z.number().min(0.1).max(24).default(6).describe('hours that learning may stand still for everybody'),
  share: z.number().gt(0).max(1).default(0.3).describe('share of the callers of six hours who teach nothing'),
  suspects: z.int().min(3).default(10).describe('new suspects of one detector in six hours before they are too many'),
})
type FrozenOptions = z.infer<typeof Options>

/** Callers of six hours before the share of suspects among them says something (at night hardly anybody else is there), and suspects. */
const LEAST_CALLERS = 200
const LEAST_SUSPECTS = 3
/** It is over when it was not so for more hours: a new hour begins with nothing in it. */
const CALM_HOURS = 2
const CERTAIN_LOG10_P = -12

const KINDS = ['still', 'share', 'provoked'] as const
type Kind = (typeof KINDS)[number]

/** Frozen since, hour, voters of the hours, told hours of each kind (-1: not), suspects, new suspects by detector. */
const Kept = z.tuple([
  time.nullable(),
  amount,
  z.array(VotersState).length(HOURS),
  z.array(amount).length(KINDS.length),
  SuspectsState,
  ProvocationsState,
])

/** How much of what comes teaches nothing: since the sensor is blind, or since suspects do not teach. */
class BaselineFrozen implements Detector {
  readonly stateVersion = 2
  readonly #options: FrozenOptions
  readonly #index: CallerIndex
  readonly #suspects = new Suspects()
  readonly #provocations = new Provocations()
  #since: EventTime | null = null
  #hour = 0
  /** The newest last. */
  #voters: Voters[] = Array.from({ length: HOURS }, () => new Voters())
  /** The hour in which it was told; -1: it is not so now. */
  readonly #told: Record<Kind, number> = { still: -1, share: -1, provoked: -1 }

  constructor(options: FrozenOptions, callers = new CallerIndex()) {
    this.#options = options
    this.#index = callers
  }

  observe({ principal }: Transaction, now: EventTime): null {
    const { key, hash } = this.#index.of(principal)
    this.#voters[HOURS - 1]!.add(hash, this.#suspects.has(key, now))
    return null
  }

  tick(now: EventTime): void {
    const hour = Math.floor(now / HOUR_US)
    if (this.#hour === 0) this.#hour = hour
    // After a long silence the ring is empty, however long it was.
    const passed = Math.min(hour - this.#hour, HOURS)
    for (let i = 0; i < passed; i++) this.#turn()
    this.#hour = Math.max(hour, this.#hour)
  }

  accuse(caller: string, by: string, name: string, now: EventTime): void {
    if (!this.#suspects.has(caller, now)) this.#provocations.add(by, name)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#suspects.set(caller, open, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#since = frozen ? now : null
  }

  sense({ now }: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    this.#say('still', this.#still(now), now, signals)
    this.#say('share', this.#share(), now, signals)
    this.#say('provoked', this.#provoked(), now, signals)
    return signals
  }

  sizes() {
    return { suspects: this.#suspects.occupancy }
  }

  maturity(): number {
    return this.#provocations.maturity
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield [
      this.#since,
      this.#hour,
      this.#voters.map((voters) => voters.toState()),
      KINDS.map((kind) => this.#told[kind]),
      this.#suspects.toState(),
      this.#provocations.toState(),
    ]
  }

  restore(line: unknown): void {
    const [since, hour, voters, told, suspects, provocations] = Kept.parse(line)
    this.#since = since
    this.#hour = hour
    this.#voters = voters.map((state) => Voters.fromState(state))
    for (const [i, kind] of KINDS.entries()) this.#told[kind] = told[i]!
    this.#suspects.restore(suspects)
    this.#provocations.restore(provocations)
  }

  #turn(): void {
    this.#voters.shift()
    this.#voters.push(new Voters())
    this.#provocations.turn(this.#told.provoked >= 0)
  }

  #still(now: EventTime): Said | null {
    if (this.#since === null || now - this.#since < this.#options.frozenHours * HOUR_US) return null
    const span = spanText(now - this.#since)
    return {
      log10P: CERTAIN_LOG10_P,
      severity: 'medium',
      why: `Nothing was learnt for ${span}: a source is blind or silent. What is usual is what it was then, and after a day learning goes on with what is seen`,
      expected: 0,
      observed: span,
      evidence: { hours: Number(((now - this.#since) / HOUR_US).toFixed(1)) },
    }
  }

  /** Each caller counts once an hour: one who asks for much takes no lessons from the others. */
  #share(): Said | null {
    let callers = 0
    let withheld = 0
    for (const voters of this.#voters) {
      callers += voters.all
      withheld += voters.withheld
    }
    const share = withheld / Math.max(1, callers)
    if (callers < LEAST_CALLERS || withheld < LEAST_SUSPECTS || share < this.#options.share) return null
    return {
      log10P: CERTAIN_LOG10_P,
      severity: 'medium',
      why: `${percentText(share)} of the callers of ${HOURS} h, hour by hour, are under suspicion and teach nothing: what is usual is learnt from the rest alone`,
      expected: percentText(this.#options.share),
      observed: percentText(share),
      evidence: { callers: Math.round(callers), withheld: Math.round(withheld) },
    }
  }

  #provoked(): Said | null {
    const worst = this.#provocations.worst(this.#options.suspects)
    if (worst === null) return null
    const { detector, suspects, log10P, names } = worst
    const usual = Number(worst.usual.toPrecision(2))
    return {
      log10P,
      severity: 'low',
      why: `${countText(suspects, 'new caller')} came under suspicion within ${HOURS} h, again and again, by ${detector} alone, where ${usual} are usual: somebody may set off cheap alarms so that nothing is learnt. Only those callers teach nothing; what is dropped of others is nothing`,
      expected: usual,
      observed: suspects,
      evidence: { by: detector, suspects, usual, seen_from: names },
    }
  }

  /** Told when it begins and each hour while it lasts, and when it is over. */
  #say(kind: Kind, said: Said | null, now: EventTime, signals: Signal[]): void {
    if (said === null) {
      if (this.#told[kind] < 0 || (kind !== 'still' && this.#hour - this.#told[kind] <= CALM_HOURS)) return
      this.#told[kind] = -1
      signals.push(frozenSignal(kind, OVER, now))
    } else if (this.#told[kind] !== this.#hour) {
      this.#told[kind] = this.#hour
      signals.push(frozenSignal(kind, said, now))
    }
  }
}

type Said = Pick<TickFinding, 'log10P' | 'severity' | 'why' | 'expected' | 'observed' | 'evidence' | 'over'>

const OVER: Said = {
  log10P: 0,
  severity: 'info',
  why: 'Learning goes on as usual.',
  expected: null,
  observed: null,
  evidence: {},
  over: true,
}

/** About nobody's traffic: the value names what stands still. */
function frozenSignal(kind: Kind, said: Said, now: EventTime): Signal {
  const subject = { kind: 'service', value: `learning (${kind})` }
  return tickSignal('baseline.frozen', { ...said, subject, about: 'learning', service: null, maturity: 1 }, now)
}

export const baselineFrozen = defineDetector({
  id: 'baseline.frozen',
  title: 'Learning stands still, or is made to',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'What is usual is not learnt any more: since a source is blind or silent for hours, since many of the callers are under suspicion, or since somebody sets off cheap alarms again and again. An incident stops the lessons of its own subject and nobody else, so the last does little harm by itself; whoever does it is up to something.',
    statistic:
      'Three figures. Hours that learning stood still for everybody (frozenHours). Share of the callers of six hours who are under suspicion (share; at least 200 callers, three of them suspects; each counts once an hour, since each has one voice in what is usual, however much it asks for). New suspects of one detector in six hours: at least `suspects` of them, some in five of the hours, and improbable (p <= 1e-7) under a gamma-Poisson count of what the same detector brought in the days before, which fade with a half-life of a week. They are named in the incident.',
    memory:
      '4,096 suspects; of six hours the callers (a distinct count, 1 KiB) and at most 16 names for each detector.',
    warmUp: 'None for the first two; a day for the number of suspects.',
    traps:
      'A single wave of attackers is told as that and is silent here, and so are many attackers of different kinds who come together. A sensor that loses packets for a day is told by capture.blind at once and by this after hours. Missed: alarms that are set off more rarely than ten times in six hours, by one caller, or at many detectors in turn; suspects of an incident that has closed count for a day.',
    tuning: 'share and suspects, where many scanners come every day and the first days were quiet.',
  },
  options: Options,
  create: (options, _, callers) => new BaselineFrozen(options, callers),
})
