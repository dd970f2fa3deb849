import type { EvidenceRef } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import type { Place } from '../../baselines/places.ts'
import { SequentialTest } from '../../baselines/sequential-test.ts'
import { WindowHistory } from '../../baselines/window-history.ts'
import { NeighbourIds } from './neighbour-ids.ts'
import {
  ACTIVE_WINDOWS,
  ANSWERED,
  DENIED,
  FOREIGN,
  FOREIGN_ANSWERED,
  KNOWN,
  LAST_AT,
  MARKS,
  MISSING,
  NEIGHBOURS,
  NOTHING,
  type ReachColumns,
  type ReachDetails,
  SHORT_ANSWERED,
  SIGNALLED,
  SINCE,
  UNCLEAN,
} from './reach-columns.ts'
import {
  historyFrom,
  type MarksState,
  marksFrom,
  marksState,
  NO_HISTORY,
  type ReachState,
  walkFrom,
  walkState,
} from './reach-state.ts'
import { ReachTrails } from './reach-trails.ts'
import { SeenIds } from './seen-ids.ts'

/** Windows of one's own past before it can excuse anything. */
const OWN_WINDOWS = 3

export type Scale = 'short' | 'long'

/** What one closed window of one caller at one endpoint has to teach. */
export interface WindowSummary {
  readonly scale: Scale
  readonly endpoint: string
  readonly cohort: string
  readonly answered: number
  readonly trials: number
  readonly refused: number
  readonly neighbours: number
  readonly foreign: number
  /** Of the answered, somebody else's. */
  readonly foreignAnswered: number
  /** Ids that somebody, this caller or another, had been seen with before. */
  readonly known: number
}

/** The counts in the order of the state. */
const STATE_COUNTS = [ANSWERED, DENIED, MISSING, FOREIGN, FOREIGN_ANSWERED, NEIGHBOURS, SHORT_ANSWERED, KNOWN] as const
/** The marks in the order of the state. */
const TRIALS_MARK = MARKS
const REFUSED_MARK = MARKS + 1
const NEIGHBOURS_MARK = MARKS + 2
const FOREIGN_MARK = MARKS + 3
const FOREIGN_ANSWERED_MARK = MARKS + 4
const KNOWN_MARK = MARKS + 5

/** What one caller reached at one endpoint: a view of a row. *Borrowed*: the next `at` moves it. */
export class Reach {
  #row = 0
  readonly #columns: ReachColumns
  readonly #seen: SeenIds
  readonly #neighbourIds: NeighbourIds
  readonly #trails: ReachTrails

  constructor(columns: ReachColumns) {
    this.#columns = columns
    this.#seen = new SeenIds(columns)
    this.#neighbourIds = new NeighbourIds(columns)
    this.#trails = new ReachTrails(columns)
  }

  at(row: number): this {
    this.#row = row
    return this
  }

  get place(): Place {
    return this.#columns.places[this.#row]!
  }

  /** Of the endpoint. */
  get key(): string {
    return this.place.key
  }

  /** Null: nothing speaks against the caller. */
  get refusedWalk(): SequentialTest | null {
    return this.#details?.refusedWalk ?? null
  }

  get neighbourWalk(): SequentialTest | null {
    return this.#details?.neighbourWalk ?? null
  }

  get foreignWalk(): SequentialTest | null {
    return this.#details?.foreignWalk ?? null
  }

  /** Good conduct is no step of a walk that has not begun. */
  beginWalks(refused: boolean, neighbour: boolean, foreign: boolean): void {
    if (!refused && !neighbour && !foreign) return
    const details = this.#columns.detailsOf(this.#row)
    if (refused) details.refusedWalk ??= new SequentialTest()
    if (neighbour) details.neighbourWalk ??= new SequentialTest()
    if (foreign) details.foreignWalk ??= new SequentialTest()
  }

  /** When the first of the present ids was reached. */
  get since(): EventTime {
    return this.#columns.time(this.#row, SINCE)
  }

  /** Distinct ids of the long window, by outcome, and how many of them were somebody else's or next to another. */
  get answered(): number {
    return this.#count(ANSWERED)
  }

  get denied(): number {
    return this.#count(DENIED)
  }

  get missing(): number {
    return this.#count(MISSING)
  }

  get foreign(): number {
    return this.#count(FOREIGN)
  }

  get foreignAnswered(): number {
    return this.#count(FOREIGN_ANSWERED)
  }

  get neighbours(): number {
    return this.#count(NEIGHBOURS)
  }

  get total(): number {
    return this.#count(ANSWERED) + this.#count(DENIED) + this.#count(MISSING)
  }

  /** Somebody else's objects that were answered in the short window. */
  get shortForeign(): number {
    return this.#count(FOREIGN_ANSWERED) - this.#count(FOREIGN_ANSWERED_MARK)
  }

  /** Distinct answered ids of the short window. */
  get shortAnswered(): number {
    return this.#count(SHORT_ANSWERED)
  }

  /** Whether the counts are exact, or an estimate. */
  get exact(): boolean {
    return this.#columns.estimates(this.#row) === null
  }

  /** Adds to one of the counts. */
  raise(count: number, by: number): void {
    this.#set(count, this.#count(count) + by)
  }

  /** Of the past windows of this caller that were admitted. */
  get own(): Readonly<typeof NOTHING> {
    return this.#details?.own ?? NOTHING
  }

  get ownShort(): WindowHistory | null {
    return this.#details?.ownShort ?? null
  }

  get signalled(): boolean {
    return this.#columns.has(this.#row, SIGNALLED)
  }

  set signalled(signalled: boolean) {
    this.#columns.flag(this.#row, SIGNALLED, signalled)
  }

  /** A transaction that counts as evidence and has no signal of its own. */
  addEvidence(tx: Transaction): void {
    this.#trails.add(this.#row, tx)
  }

  /** What led up to a signal. */
  takeEvidence(): readonly EvidenceRef[] {
    return this.#trails.take(this.#row)
  }

  /** How much the number of distinct ids grew. */
  see(id: number, answered: boolean): number {
    return this.#seen.see(this.#row, id, answered)
  }

  /** An id was reached that counts. */
  touch(now: EventTime): void {
    if (this.total === 0) this.#columns.setTime(this.#row, SINCE, now)
    this.#columns.setTime(this.#row, LAST_AT, now)
  }

  /** Whether the ids of a new request are next to others: see NeighbourIds. */
  isNeighbour(ids: readonly string[]): boolean | null {
    return this.#neighbourIds.add(this.#row, ids)
  }

  /**
   * The most that this caller's own past makes ordinary, or null without enough of it. While too few long windows have
   * closed, a long window may hold as many times the short limit as it has had active short windows.
   */
  ownUpper(scale: Scale): number | null {
    const details = this.#details
    if (details === null) return null
    const short = details.ownShort?.upper(OWN_WINDOWS) ?? null
    if (scale === 'short') return short
    const windows = this.#columns.word(this.#row, ACTIVE_WINDOWS)
    return details.ownLong?.upper(OWN_WINDOWS) ?? (short === null ? null : short * (windows + 1))
  }

  /** Whether nothing happened since the short window began, so that closing it changes nothing. */
  get idle(): boolean {
    return this.shortAnswered === 0 && this.total === this.#count(TRIALS_MARK) && !this.signalled
  }

  /** Closes the short window; what it teaches, or null. `suspect`: the caller is under suspicion and teaches nothing. */
  closeShort(cohort: string, suspect: boolean): WindowSummary | null {
    const columns = this.#columns
    const row = this.#row
    // A window with a signal in it does not teach; the next one may, unless an incident came of it.
    const clean = !this.signalled && !suspect
    if (!clean) columns.flag(row, UNCLEAN, true)
    if (!suspect) this.signalled = false
    const answered = this.shortAnswered
    const trials = this.#mark(TRIALS_MARK, this.total)
    const refused = this.#mark(REFUSED_MARK, this.denied + this.missing)
    const neighbours = this.#mark(NEIGHBOURS_MARK, this.neighbours)
    const foreign = this.#mark(FOREIGN_MARK, this.foreign)
    const foreignAnswered = this.#mark(FOREIGN_ANSWERED_MARK, this.foreignAnswered)
    const known = this.#mark(KNOWN_MARK, this.#count(KNOWN))
    if (answered > 0) {
      columns.setWord(row, ACTIVE_WINDOWS, columns.word(row, ACTIVE_WINDOWS) + 1)
      this.#seen.beginShort(row)
    }
    if (!clean || (answered === 0 && trials <= 0)) return null
    const endpoint = this.key
    return {
      scale: 'short',
      endpoint,
      cohort,
      answered,
      trials,
      refused,
      neighbours,
      foreign,
      foreignAnswered,
      known,
    }
  }

  /** Closes the long window, after the short one; ids count anew from here. */
  closeLong(cohort: string): WindowSummary | null {
    if (this.total === 0) return null
    const { key: endpoint, answered } = this
    const clean = !this.#columns.has(this.#row, UNCLEAN)
    this.#seen.beginLong(this.#row)
    this.#columns.setWord(this.#row, ACTIVE_WINDOWS, 0)
    this.#columns.flag(this.#row, UNCLEAN, false)
    return clean ? { scale: 'long', endpoint, cohort, answered, ...NOTHING } : null
  }

  /** A window of this caller's own was admitted. */
  learnOwn(summary: WindowSummary, now: EventTime): void {
    const details = this.#columns.detailsOf(this.#row)
    if (summary.scale === 'long') {
      details.ownLong ??= new WindowHistory()
      details.ownLong.learnOne(summary.answered, now)
      return
    }
    details.ownShort ??= new WindowHistory()
    details.ownShort.learnOne(summary.answered, now)
    if (details.ownShort.count === OWN_WINDOWS && !this.signalled) {
      // From here on the habit is judged by itself; what it gathered while it was nobody's habit yet is void, once.
      details.refusedWalk = null
      details.neighbourWalk = null
      details.foreignWalk = null
    }
    const { trials, refused, neighbours, foreign, foreignAnswered, known } = details.own
    details.own = {
      trials: trials + summary.trials,
      refused: refused + summary.refused,
      neighbours: neighbours + summary.neighbours,
      foreign: foreign + summary.foreign,
      foreignAnswered,
      known: known + summary.known,
    }
  }

  toState(): ReachState {
    const { service, template } = this.place
    const columns = this.#columns
    const row = this.#row
    const details = this.#details
    return [
      service,
      template,
      [walkState(this.refusedWalk), walkState(this.neighbourWalk), walkState(this.foreignWalk)],
      this.#neighbourIds.toState(row),
      [this.since, columns.time(row, LAST_AT)],
      STATE_COUNTS.map((which) => this.#count(which)) as ReachState[5],
      [(details?.ownShort ?? NO_HISTORY).toState(), (details?.ownLong ?? NO_HISTORY).toState(), marksState(this.own)],
      [this.signalled, this.#trails.toState(row)],
      this.#seen.toState(row),
      [
        columns.word(row, ACTIVE_WINDOWS),
        MARK_COLUMNS.map((which) => this.#count(which)) as MarksState,
        !columns.has(row, UNCLEAN),
      ],
    ]
  }

  /** Puts back what was kept; of a row of which nothing is known. */
  restore(state: ReachState): void {
    const [, , walks, neighbours, times, counts, own, [signalled, trail], seen, windows] = state
    const columns = this.#columns
    const row = this.#row
    this.#seen.restore(row, seen)
    this.#neighbourIds.restore(row, neighbours)
    columns.setTime(row, SINCE, times[0])
    columns.setTime(row, LAST_AT, times[1])
    for (const [i, which] of STATE_COUNTS.entries()) this.#set(which, counts[i]!)
    for (const [i, which] of MARK_COLUMNS.entries()) this.#set(which, windows[1][i]!)
    columns.setWord(row, ACTIVE_WINDOWS, windows[0])
    columns.flag(row, SIGNALLED, signalled)
    columns.flag(row, UNCLEAN, !windows[2])
    this.#trails.restore(row, trail)
    this.#restoreDetails(walks, own)
  }

  #restoreDetails(walks: ReachState[2], [short, long, own]: ReachState[6]): void {
    const [refused, neighbour, foreign] = walks.map(walkFrom) as [
      SequentialTest | null,
      SequentialTest | null,
      SequentialTest | null,
    ]
    const ownShort = historyFrom(short)
    const ownLong = historyFrom(long)
    if ((refused ?? neighbour ?? foreign ?? ownShort ?? ownLong) === null) return
    const details = this.#columns.detailsOf(this.#row)
    details.refusedWalk = refused
    details.neighbourWalk = neighbour
    details.foreignWalk = foreign
    details.ownShort = ownShort
    details.ownLong = ownLong
    details.own = marksFrom(own)
  }

  /** Sets a mark; how far it was moved. */
  #mark(which: number, to: number): number {
    const from = this.#count(which)
    this.#set(which, to)
    return to - from
  }

  get #details(): ReachDetails | null {
    return this.#columns.details[this.#row]!
  }

  #count(which: number): number {
    return this.#columns.count(this.#row, which)
  }

  #set(which: number, count: number): void {
    this.#columns.setCount(this.#row, which, count)
  }
}

const MARK_COLUMNS = [
  TRIALS_MARK,
  REFUSED_MARK,
  NEIGHBOURS_MARK,
  FOREIGN_MARK,
  FOREIGN_ANSWERED_MARK,
  KNOWN_MARK,
] as const
