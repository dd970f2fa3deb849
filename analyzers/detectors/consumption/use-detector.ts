import { z } from 'zod'
import type { SharedLearning } from '../../../daemon/model/learning.ts'
import type { Signal } from '../../../daemon/model/signal.ts'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { type BaselineDrift, NotedDrifts, NotedDriftsState } from '../../baseline-drift.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../../baselines/admission.ts'
import { CallerIndex } from '../../baselines/caller-index.ts'
import { KeyedEntry, KeyedTable } from '../../baselines/keyed-table.ts'
import { Others } from '../../baselines/others.ts'
import { NO_ROW } from '../../baselines/place-rows.ts'
import type { Places } from '../../baselines/places.ts'
import { isAuthenticated } from '../../baselines/principal-key.ts'
import { amount, flag, text } from '../../baselines/state.ts'
import type { Detector } from '../../detector.ts'
import { spanText } from '../../finding.ts'
import { useSignal } from './finding.ts'
import type { Heavy } from './heavy.ts'
import type { Measure, UseOptions } from './measure.ts'
import { PopulationState, UseElsewhere, UsePopulation } from './population.ts'
import { type ByScale, HOUR, MINUTE, SCALES_US, TEN } from './scales.ts'
import { Usage } from './usage.ts'
import { Caller, CallerState, Uses } from './uses.ts'

/** From this share of the floor on a use is watched more closely. */
const NEAR = 0.25
/** One in 10^4 lies so far beyond the 90th percentile, where the tail is as long as it is taken to be (exponent 2.5). */
const TAIL_TIMES = 16
/** A minute is short: it must hold so many times its floor, or the ten minutes about it decide. */
const MINUTE_TIMES = 4
/** p-value from which a use is far beyond all others. */
const FAR_P = 1e-6
/** Who asks this place for less than so much of all, and for so many in all, does not mean it; nor do those who share an address. */
const SPREAD_SHARE = 0.4
const CROWD_TIMES = 5
/** Beyond their own past by so much, those are told whom no population is known of. */
const UNKNOWN_TIMES = 3
/** Told again from so many times what was told. */
const AGAIN_TIMES = 2
/** Summaries that wait at once; of more uses in an hour, every second (third ...) teaches. */
const MAX_HELD = 16_384
/** How long who was there before the population is excused by nothing but that. */
const EARLY_SLACK = 1.5
const GRACE_US = 24 * HOUR_US

/** Place, cohort, whether others learn from it, whether it was heavy, and the busiest minute, the busiest ten, the hour. */
const SummaryState = z.tuple([text, text, flag, flag, z.tuple([amount, amount, amount])])
type SummaryState = z.infer<typeof SummaryState>
interface Summary {
  readonly place: string
  readonly cohort: string
  readonly isDrawn: boolean
  readonly wasHeavy: boolean
  readonly values: ByScale<number>
}

const Kept = z.union([
  z.tuple([z.literal('hour'), amount]),
  z.tuple([z.literal('caller'), KeyedEntry]),
  z.tuple([z.literal('place'), KeyedEntry]),
  z.tuple([z.literal('admission'), AdmissionState]),
  z.tuple([z.literal('drifts'), amount, NotedDriftsState]),
])

/**
 * What callers use of an API, by one measure: per place the busiest minute, the busiest ten and the hour of each caller make a
 * population; a caller far out in its tail, beyond a floor and beyond its own past, is told.
 */
export class UseDetector implements Detector {
  readonly stateVersion = 2
  readonly #measure: Measure
  readonly #matureVotes: number
  readonly #report: number
  readonly #near: number
  readonly #index: CallerIndex
  readonly #callers: KeyedTable<Caller>
  readonly #populations: KeyedTable<UsePopulation>
  readonly #others: Others<UseElsewhere>
  readonly shared: SharedLearning = {
    version: 1,
    tell: () => this.#populations.states((population) => population.told()),
    hear: (lines) => {
      this.#others.hear(lines)
      this.#populations.forEach((population, place) => {
        population.hear(this.#others.get(place))
      })
    },
  }
  readonly #admission: Admission<Summary, SummaryState>
  readonly #places: Places
  readonly #uses = new Uses()
  readonly #usage = new Usage(this.#uses)
  readonly #drifts: NotedDrifts
  /** When populations were last asked whether they drift. */
  #driftHour = 0
  #hour = 0

  constructor(measure: Measure, options: UseOptions, callers = new CallerIndex()) {
    this.#measure = measure
    this.#drifts = new NotedDrifts(measure.id)
    this.#index = callers
    this.#matureVotes = options.matureVotes
    this.#report = options.report
    this.#near = Math.min(...measure.floors) * NEAR
    this.#callers = new KeyedTable(options.maxCallers, () => new Caller(), callers, this.#uses)
    this.#others = new Others(options.maxEndpoints, () => new UseElsewhere())
    const newPopulation = (place: string) => {
      const population = new UsePopulation(options.matureVotes)
      population.hear(this.#others.get(place))
      return population
    }
    this.#populations = new KeyedTable(options.maxEndpoints, newPopulation, callers.places)
    this.#places = callers.places
    this.#admission = new Admission(
      { ...ADMISSION_DEFAULTS, maxHeld: MAX_HELD },
      (summary, weight, now, caller) => this.#learn(summary, weight, now, caller),
      {
        schema: SummaryState,
        toState: ({ place, cohort, isDrawn, wasHeavy, values }) => [place, cohort, isDrawn, wasHeavy, [...values]],
        fromState: ([place, cohort, isDrawn, wasHeavy, values]) => ({ place, cohort, isDrawn, wasHeavy, values }),
      },
    )
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const measure = this.#measure
    const used = measure.usedBy(tx)
    if (!(used > 0) || tx.service === null) return null
    const row = this.#index.of(tx.principal)
    const caller = this.#callers.useOf(row)
    if (caller.key === '') {
      caller.key = row.key
      caller.voter = row.voter
    }
    const minute = Math.floor(now / MINUTE_US)
    const place = this.#places.of(tx.service, measure.per === 'endpoint' ? (tx.endpoint ?? '') : '')
    const usage = this.#usage.at(this.#uses.rowOf(caller, place))
    // Once an hour is enough: claims are read only when they are asked for.
    if (usage.idle) caller.cohort = cohortOf(tx)
    const ten = Math.floor(minute / 10)
    caller.call(ten)
    if (measure.leastShare > 0) this.#populations.useOf(place).use(used, ten)
    const value = measure.valued === undefined ? used : measure.valued(used, tx, this.#populations.useOf(place), now)
    if (!(value > 0)) return null
    usage.add(value, measure.largest, minute, now)
    if (!measure.largest || used >= measure.floors[HOUR]) usage.call()
    if (usage.inHour < this.#near) return null
    return this.#watch(tx, caller, usage, usage.watch(minute, now), now)
  }

  tick(now: EventTime): void {
    this.#admission.release(now)
    const hour = Math.floor(now / HOUR_US)
    if (hour === this.#hour) return
    this.#hour = hour
    this.#closeHour(now)
  }

  suspect(caller: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(caller, open, now)
    const known = this.#callers.peek(caller)
    if (known !== undefined) known.tainted = true
  }

  pardon(caller: string, now: EventTime): void {
    this.#admission.pardon(caller, now)
  }

  takeDrifts(now: EventTime): readonly BaselineDrift[] {
    const hour = Math.floor(now / HOUR_US)
    if (hour !== this.#driftHour) {
      this.#driftHour = hour
      this.#populations.forEach((population, place) => {
        for (let scale = MINUTE; scale <= HOUR; scale++) {
          const tail = population.everyone(scale)
          // Below that even the end of the tail is no matter: a slow hour moves such a limit, and nothing comes of it.
          if (tail === null || TAIL_TIMES * tail.drift.to < this.#measure.floors[scale]!) continue
          this.#drifts.noteAll(place, this.#whatOf(scale), tail, now)
        }
      })
    }
    return this.#drifts.take()
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      callers: this.#callers.occupancy,
      places: this.#populations.occupancy,
      others: this.#others.occupancy,
      quarantine: this.#admission.occupancy,
    }
  }

  maturity(): number {
    return this.#populations.mean((population) => population.maturity)
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield ['hour', this.#hour]
    for (const entry of this.#callers.entries((caller) => this.#uses.toState(caller))) yield ['caller', entry]
    for (const entry of this.#populations.entries((population) => population.toState())) yield ['place', entry]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
    yield ['drifts', this.#driftHour, this.#drifts.toState()]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    switch (kept[0]) {
      case 'hour':
        this.#hour = kept[1]
        return
      case 'caller':
        this.#callers.restore(kept[1], this.#uses.fromState(CallerState.parse(kept[1][4]), this.#places))
        return
      case 'place': {
        const population = UsePopulation.fromState(PopulationState.parse(kept[1][4]), this.#matureVotes)
        population.hear(this.#others.get(kept[1][1]))
        this.#populations.restore(kept[1], population)
        return
      }
      case 'admission':
        this.#admission.restore(kept[1])
        return
      case 'drifts':
        this.#driftHour = kept[1]
        this.#drifts.restore(kept[2])
        return
    }
  }

  /** A use that comes near to much: its requests are remembered, and weighed. */
  #watch(tx: Transaction, caller: Caller, usage: Usage, heavy: Heavy, now: EventTime): Signal | null {
    heavy.active = true
    heavy.trail.add(tx)
    const { floors, leastCalls, certain, leastShare } = this.#measure
    const population = this.#populations.useOf(usage.place)
    const minute = Math.floor(now / MINUTE_US)
    if (heavy.ten.sum < leastShare * population.usedUntil(minute)) return null
    const crowdFactor = this.#crowdFactor(tx, heavy.ten.sum, caller.callsUntil(minute))
    // A crawler is far beyond all visitors, and so is who asks for everything: they mean no harm.
    const farTimes = crowdFactor === 1 && isAuthenticated(tx.principal) ? this.#measure.farTimes : 1
    const factor = (this.#measure.factorAt?.(population) ?? 1) * crowdFactor
    for (let scale = MINUTE; scale <= HOUR; scale++) {
      const value = scale === MINUTE ? usage.inMinute : scale === TEN ? heavy.ten.sum : usage.inHour
      const times = value / (floors[scale]! * factor)
      const least = scale === MINUTE ? MINUTE_TIMES : 1
      if (times < least / farTimes) continue
      if (usage.calls < leastCalls && times < certain) continue
      if (times < heavy.told * AGAIN_TIMES) continue
      const others = this.#othersAt(usage.place.key, population, caller.cohort, scale)
      const tail = others.tail(caller.cohort, scale)
      if (tail === null) {
        if (times > heavy.early) heavy.early = times
        continue
      }
      const own = heavy.own[scale] ?? null
      if (own !== null) this.#drifts.noteOwn(tx, this.#whatOf(scale), own, tail)
      if (this.#isExcused(tx, caller.cohort, heavy, others, scale, value, times, now)) continue
      const pValue = tail.scoreOne(value)
      if (pValue === null || pValue > (times < least ? FAR_P : this.#report)) continue
      heavy.told = times
      caller.tainted = true
      return useSignal(
        tx,
        this.#measure,
        { usage, heavy, population, scale, value, times, pValue, usual: { ...tail.usual, votes: tail.voters } },
        now,
      )
    }
    return null
  }

  /** Whom to compare with: callers of this place, or of the whole service where too few of them are known. */
  #othersAt(place: string, population: UsePopulation, cohort: string, scale: number): UsePopulation {
    if (!this.#measure.fallsBack || population.tail(cohort, scale) !== null) return population
    const service = this.#populations.peek(serviceOf(place))
    return service?.knows(cohort, scale) === true ? service : population
  }

  /** Whether the caller always did this, or may have. */
  #isExcused(
    tx: Transaction,
    cohort: string,
    heavy: Heavy,
    others: UsePopulation,
    scale: number,
    value: number,
    times: number,
    now: EventTime,
  ): boolean {
    const own = heavy.explains(scale)
    if (own !== null && value <= own) return true
    // It was like this before there was anything to compare it with: its own past is waited for.
    if (own === null && times <= heavy.early * EARLY_SLACK && now - heavy.since < GRACE_US) return true
    // What machines and staff are for, others do not tell.
    const isUnknown = isOfItsOwn(tx) && !others.knows(cohort, scale)
    return isUnknown && (own === null || value < UNKNOWN_TIMES * own)
  }

  #crowdFactor(tx: Transaction, used: number, calls: number): number {
    if (tx.principal.kind === 'ip' && tx.sharedAddress === true) return CROWD_TIMES
    return this.#measure.spreads && used < SPREAD_SHARE * calls ? CROWD_TIMES : 1
  }

  #whatOf(scale: number): string {
    return `${this.#measure.unit} in ${spanText(SCALES_US[scale]!)}`
  }

  #closeHour(now: EventTime): void {
    let active = 0
    const usage = this.#usage
    const uses = this.#uses
    this.#callers.forEach(({ first }) => {
      for (let row = first; row !== NO_ROW; row = uses.next(row)) if (!usage.at(row).idle) active++
    })
    const every = Math.ceil((2 * active) / MAX_HELD)
    let turn = 0
    this.#callers.forEach((caller) => {
      const teaches = !caller.tainted && !this.#admission.isSuspect(caller.key, now)
      for (let row = caller.first; row !== NO_ROW; row = uses.next(row)) {
        if (usage.at(row).idle) continue
        const wasHeavy = usage.heavy?.active === true
        const values = usage.close()
        const isDrawn = turn++ % every === 0
        if (!teaches || !(isDrawn || wasHeavy)) continue
        const mature = (this.#populations.peek(usage.place.key)?.maturity ?? 0) >= 1
        const summary = { place: usage.place.key, cohort: caller.cohort, isDrawn, wasHeavy, values }
        this.#admission.offer(caller.key, caller.voter, summary, mature, now)
      }
      caller.tainted = false
    })
  }

  #learn({ place, cohort, isDrawn, wasHeavy, values }: Summary, weight: number, now: EventTime, caller: string): void {
    if (isDrawn) {
      this.#populations.use(place).learnOne(values, cohort, weight, now)
      if (this.#measure.fallsBack) this.#populations.use(serviceOf(place)).learnOne(values, cohort, weight, now)
    }
    if (!wasHeavy) return
    const known = this.#callers.peek(caller)
    if (known === undefined) return
    const row = this.#uses.find(known, place)
    if (row !== NO_ROW) this.#uses.heavy[row]?.learnOwn(values, now)
  }
}

/** With whom a caller is compared: by what it does, once that is known, else by what its token says, else by the kind of caller. */
function cohortOf({ caller, claims, principal }: Transaction): string {
  return caller?.cohort ?? claims?.role[0] ?? principal.kind
}

/** Whether the cohort says what a caller is for, so that others are no measure for it. */
function isOfItsOwn({ caller, claims, principal: { kind } }: Transaction): boolean {
  const cohort = caller?.cohort ?? null
  if (cohort !== null) return cohort !== 'customer'
  return (claims !== null && claims.role.length > 0) || kind === 'api_key' || kind === 'consumer'
}

/** The key of a service as a whole, by that of one of its endpoints. */
function serviceOf(place: string): string {
  return place.slice(0, place.indexOf(' ') + 1)
}
