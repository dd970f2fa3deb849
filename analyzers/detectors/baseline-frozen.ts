import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import type { SensorReading } from '../../daemon/telemetry/sensor-windows.ts'
import { principalKey } from '../baselines/principal-key.ts'
import { amount, time } from '../baselines/state.ts'
import { Suspects, SuspectsState } from '../baselines/suspects.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, percentText, spanText } from '../finding.ts'
import { type TickFinding, tickSignal } from '../tick-signal.ts'
import { logTailOfCount } from './baseline-frozen/count-tail.ts'

const Options = z.strictObject({
  frozenHours: z.number().min(0.1).max(24).default(6).describe('hours that learning may stand still for everybody'),
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.3)
    .describe('share of the requests of six hours whose callers teach nothing'),
  suspects: z.int().min(3).default(12).describe('new suspects in six hours before they are too many'),
})
type FrozenOptions = z.infer<typeof Options>

const HOURS = 6
/** Requests of six hours before their share says something, and suspects behind them: one large caller is no freeze. */
const LEAST_REQUESTS = 1000
const LEAST_SUSPECTS = 3
/** Again and again: so many of the six hours brought so many new suspects. A single wave is an attack, and told as one. */
const BUSY_HOURS = 4
const BUSY = 2
/** It is over when it was not so for more hours: a new hour begins with nothing in it. */
const CALM_HOURS = 2
/** Hours watched before it is known how many suspects are usual. */
const KNOWN_HOURS = 24
const PAST_HALF_LIFE_HOURS = 7 * 24
const CERTAIN_LOG10_P = -12

const KINDS = ['still', 'share', 'provoked'] as const
type Kind = (typeof KINDS)[number]

interface Hour {
  requests: number
  withheld: number
  suspects: number
}

const HourState = z.tuple([amount, amount, amount])
/** Frozen since, hour, hours of the ring, past (suspects, hours), told hours of each kind (-1: not), suspects. */
const Kept = z.tuple([
  time.nullable(),
  amount,
  z.array(HourState).length(HOURS),
  z.tuple([amount, amount]),
  z.array(amount).length(KINDS.length),
  SuspectsState,
])

/** How much of what comes teaches nothing: since the sensor is blind, or since suspects do not teach. */
class BaselineFrozen implements Detector {
  readonly stateVersion = 1
  readonly #options: FrozenOptions
  readonly #suspects = new Suspects()
  #since: EventTime | null = null
  #hour = 0
  /** The newest last. */
  #ring: Hour[] = Array.from({ length: HOURS }, newHour)
  /** Suspects of hours that left the ring, and how many hours, both fading. */
  #past = { suspects: 0, hours: 0 }
  /** The hour in which it was told; -1: it is not so now. */
  readonly #told: Record<Kind, number> = { still: -1, share: -1, provoked: -1 }

  constructor(options: FrozenOptions) {
    this.#options = options
  }

  observe({ principal }: Transaction, now: EventTime): null {
    const hour = this.#ring[HOURS - 1]!
    hour.requests++
    if (!this.#suspects.isEmpty && this.#suspects.has(principalKey(principal), now)) hour.withheld++
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

  suspect(caller: string, open: boolean, now: EventTime): void {
    if (open && !this.#suspects.has(caller, now)) this.#ring[HOURS - 1]!.suspects++
    this.#suspects.set(caller, open, now)
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#since = frozen ? now : null
  }

  sense({ now }: SensorReading): readonly Signal[] {
    const signals: Signal[] = []
    this.#say('still', this.#still(now), now, signals)
    const all = this.#summed()
    this.#say('share', this.#share(all), now, signals)
    this.#say('provoked', this.#provoked(all), now, signals)
    return signals
  }

  sizes() {
    return { suspects: this.#suspects.occupancy }
  }

  maturity(): number {
    return Math.min(1, (this.#past.hours + HOURS) / KNOWN_HOURS)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    const { suspects, hours } = this.#past
    const ring = this.#ring.map((hour): z.infer<typeof HourState> => [hour.requests, hour.withheld, hour.suspects])
    yield [
      this.#since,
      this.#hour,
      ring,
      [suspects, hours],
      KINDS.map((kind) => this.#told[kind]),
      this.#suspects.toState(),
    ]
  }

  restore(line: unknown): void {
    const [since, hour, ring, [suspects, hours], told, kept] = Kept.parse(line)
    this.#since = since
    this.#hour = hour
    this.#ring = ring.map(([requests, withheld, of]) => ({ requests, withheld, suspects: of }))
    this.#past = { suspects, hours }
    for (const [i, kind] of KINDS.entries()) this.#told[kind] = told[i]!
    this.#suspects.restore(kept)
  }

  #turn(): void {
    const fade = 2 ** (-1 / PAST_HALF_LIFE_HOURS)
    const left = this.#ring.shift()!
    // What was just told teaches little, or it would excuse itself.
    const most = this.#told.provoked < 0 ? Number.POSITIVE_INFINITY : (2 * this.#past.suspects) / this.#past.hours
    const suspects = Math.min(left.suspects, most)
    this.#past = { suspects: this.#past.suspects * fade + suspects, hours: this.#past.hours * fade + 1 }
    this.#ring.push(newHour())
  }

  #summed(): Hour {
    const sum = newHour()
    for (const { requests, withheld, suspects } of this.#ring) {
      sum.requests += requests
      sum.withheld += withheld
      sum.suspects += suspects
    }
    return sum
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

  #share({ requests, withheld }: Hour): Said | null {
    const share = withheld / Math.max(1, requests)
    if (requests < LEAST_REQUESTS || this.#suspects.occupancy.entries < LEAST_SUSPECTS) return null
    if (share < this.#options.share) return null
    return {
      log10P: CERTAIN_LOG10_P,
      severity: 'medium',
      why: `${percentText(share)} of the requests of ${HOURS} h came from callers under suspicion, and taught nothing: what is usual is learnt from the rest alone`,
      expected: percentText(this.#options.share),
      observed: percentText(share),
      evidence: { requests, withheld, suspects: this.#suspects.occupancy.entries },
    }
  }

  #provoked({ suspects }: Hour): Said | null {
    if (suspects < this.#options.suspects || this.#past.hours + HOURS < KNOWN_HOURS) return null
    if (this.#ring.filter((hour) => hour.suspects >= BUSY).length < BUSY_HOURS) return null
    const log10P = logTailOfCount(suspects, this.#past.suspects, this.#past.hours / HOURS)
    if (log10P > -5) return null
    const usual = (this.#past.suspects / Math.max(1, this.#past.hours)) * HOURS
    return {
      log10P,
      severity: 'low',
      why: `${countText(suspects, 'new caller')} came under suspicion within ${HOURS} h, again and again, where ${Number(usual.toPrecision(2))} are usual: somebody may set off cheap alarms so that nothing is learnt. Only those callers teach nothing; what is dropped of others is nothing`,
      expected: Number(usual.toPrecision(2)),
      observed: suspects,
      evidence: { suspects, usual: Number(usual.toPrecision(2)) },
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

function newHour(): Hour {
  return { requests: 0, withheld: 0, suspects: 0 }
}

export const baselineFrozen = defineDetector({
  id: 'baseline.frozen',
  title: 'Learning stands still, or is made to',
  owasp: [],
  attack: [],
  describes: {
    detects:
      'What is usual is not learnt any more: since a source is blind or silent for hours, since much of the traffic comes from callers under suspicion, or since somebody sets off cheap alarms again and again. An incident stops the lessons of its own subject and nobody else, so the last does little harm by itself; whoever does it is up to something.',
    statistic:
      'Three figures. Hours that learning stood still for everybody (frozenHours). Share of the requests of six hours that came from suspects (share; at least 1,000 requests and three suspects). New suspects in six hours: at least `suspects` of them, two or more in four of the hours, and improbable (p <= 1e-5) under a gamma-Poisson count of the days before, which fade with a half-life of a week.',
    memory: '4,096 suspects, six hours, two sums.',
    warmUp: 'None for the first two; a day for the number of suspects.',
    traps:
      'A single wave of attackers is told as that and is silent here. A sensor that loses packets for a day is told by capture.blind at once and by this after hours. Missed: alarms that are set off more rarely than twice an hour, or by one caller; suspects of an incident that has closed count for a day.',
    tuning: 'share and suspects, where many scanners come every day and the first days were quiet.',
  },
  options: Options,
  create: (options) => new BaselineFrozen(options),
})
