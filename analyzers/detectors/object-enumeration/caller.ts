import { z } from 'zod'
import { withOneMore } from '../../../daemon/model/small-list.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Principal, Transaction } from '../../../daemon/model/transaction.ts'
import type { CallerRow } from '../../baselines/caller-index.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import type { Place, Places } from '../../baselines/places.ts'
import { PrincipalState, principalFrom, principalKey, principalState, voteKey } from '../../baselines/principal-key.ts'
import { SequentialTest, WalkState } from '../../baselines/sequential-test.ts'
import { amount, flag, text, time } from '../../baselines/state.ts'
import { WindowHistory, WindowHistoryState } from '../../baselines/window-history.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import { mayBeNumber, NeighbourIds, NeighbourState } from './neighbour-ids.ts'
import { SeenIds, SeenState } from './seen-ids.ts'

const MAX_REACHES_PER_CALLER = 24
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

/** Trials, refused, neighbours, foreign, foreign and answered, known. */
const MarksState = z.tuple([amount, amount, amount, amount, amount, amount])
/** Service, template; walks (refused, neighbours, foreign); neighbour ids; times; counts; own past; what was seen. */
const ReachState = z.tuple([
  text,
  text,
  z.tuple([WalkState, WalkState, WalkState]),
  NeighbourState,
  z.tuple([time, time]),
  z.tuple([amount, amount, amount, amount, amount, amount, amount, amount]),
  z.tuple([WindowHistoryState, WindowHistoryState, MarksState]),
  z.tuple([flag, TrailState]),
  SeenState,
  z.tuple([amount, MarksState, flag]),
])
/** Principal, cohort, whether it is distinctive, reaches. */
export const CallerState = z.tuple([
  PrincipalState.nullable(),
  text,
  flag,
  z.array(ReachState).max(MAX_REACHES_PER_CALLER),
])
export type CallerState = z.infer<typeof CallerState>

const NOTHING = { trials: 0, refused: 0, neighbours: 0, foreign: 0, foreignAnswered: 0, known: 0 }

/** What one caller reached at one endpoint. There are tens of thousands, so what few of them need is made when it is needed. */
export class Reach {
  readonly place: Place
  /** Null: nothing speaks against the caller. */
  refusedWalk: SequentialTest | null = null
  neighbourWalk: SequentialTest | null = null
  foreignWalk: SequentialTest | null = null
  #neighbourIds: NeighbourIds | null = null
  since: EventTime = 0
  lastAt: EventTime = 0
  /** Distinct ids of the long window, by outcome, and how many of them were somebody else's or next to another. */
  answered = 0
  denied = 0
  missing = 0
  foreign = 0
  foreignAnswered = 0
  neighbours = 0
  known = 0
  /** Past windows of this caller that were admitted. */
  ownShort: WindowHistory | null = null
  ownLong: WindowHistory | null = null
  own: Readonly<typeof NOTHING> = NOTHING
  signalled = false
  #trail: EvidenceTrail | null = null
  #seen = new SeenIds()
  /** Short windows of the present long one in which something was answered. */
  #activeWindows = 0
  /** The counts when the present short window began. */
  #marks: Readonly<typeof NOTHING> = NOTHING
  /** Whether no short window of the present long one had a signal. */
  #longClean = true

  constructor(place: Place) {
    this.place = place
  }

  /** Of the endpoint. */
  get key(): string {
    return this.place.key
  }

  get total(): number {
    return this.answered + this.denied + this.missing
  }

  /** Somebody else's objects that were answered in the short window. */
  get shortForeign(): number {
    return this.foreignAnswered - this.#marks.foreignAnswered
  }

  /** Whether the counts are exact, or an estimate. */
  get exact(): boolean {
    return this.#seen.exact
  }

  /** Distinct answered ids of the short window. */
  get shortAnswered(): number {
    return this.#seen.shortAnswered
  }

  get trail(): EvidenceTrail {
    this.#trail ??= new EvidenceTrail()
    return this.#trail
  }

  /** How much the number of distinct ids grew. */
  see(id: number, answered: boolean): number {
    return this.#seen.see(id, answered)
  }

  /** Whether the ids of a new request are next to others: see NeighbourIds. */
  isNeighbour(ids: readonly string[]): boolean | null {
    if (this.#neighbourIds === null) {
      if (!mayBeNumber(ids)) return null
      this.#neighbourIds = new NeighbourIds()
    }
    return this.#neighbourIds.add(ids)
  }

  /**
   * The most that this caller's own past makes ordinary, or null without enough of it. While too few long windows have
   * closed, a long window may hold as many times the short limit as it has had active short windows.
   */
  ownUpper(scale: Scale): number | null {
    const short = this.ownShort?.upper(OWN_WINDOWS) ?? null
    if (scale === 'short') return short
    return this.ownLong?.upper(OWN_WINDOWS) ?? (short === null ? null : short * (this.#activeWindows + 1))
  }

  /** Whether nothing happened since the short window began, so that closing it changes nothing. */
  get idle(): boolean {
    return this.shortAnswered === 0 && this.total === this.#marks.trials && !this.signalled
  }

  /** Closes the short window; what it teaches, or null. `suspect`: the caller is under suspicion and teaches nothing. */
  closeShort(cohort: string, suspect: boolean): WindowSummary | null {
    // A window with a signal in it does not teach; the next one may, unless an incident came of it.
    const clean = !this.signalled && !suspect
    this.#longClean &&= clean
    if (!suspect) this.signalled = false
    const marks = this.#marks
    const now = {
      trials: this.total,
      refused: this.denied + this.missing,
      neighbours: this.neighbours,
      foreign: this.foreign,
      foreignAnswered: this.foreignAnswered,
      known: this.known,
    }
    const answered = this.shortAnswered
    this.#marks = now
    if (answered > 0) {
      this.#activeWindows++
      this.#seen.beginShort()
    }
    if (!clean || (answered === 0 && now.trials <= marks.trials)) return null
    return {
      scale: 'short',
      endpoint: this.key,
      cohort,
      answered,
      trials: now.trials - marks.trials,
      refused: now.refused - marks.refused,
      neighbours: now.neighbours - marks.neighbours,
      foreign: now.foreign - marks.foreign,
      foreignAnswered: now.foreignAnswered - marks.foreignAnswered,
      known: now.known - marks.known,
    }
  }

  /** Closes the long window, after the short one; ids count anew from here. */
  closeLong(cohort: string): WindowSummary | null {
    if (this.total === 0) return null
    const { key: endpoint, answered } = this
    const clean = this.#longClean
    this.#seen.beginLong()
    this.#activeWindows = 0
    this.#longClean = true
    this.#marks = NOTHING
    this.answered = 0
    this.denied = 0
    this.missing = 0
    this.foreign = 0
    this.foreignAnswered = 0
    this.neighbours = 0
    this.known = 0
    return clean ? { scale: 'long', endpoint, cohort, answered, ...NOTHING } : null
  }

  /** A window of this caller's own was admitted. */
  learnOwn(summary: WindowSummary, now: EventTime): void {
    if (summary.scale === 'long') {
      this.ownLong ??= new WindowHistory()
      this.ownLong.learnOne(summary.answered, now)
      return
    }
    this.ownShort ??= new WindowHistory()
    this.ownShort.learnOne(summary.answered, now)
    if (this.ownShort.count === OWN_WINDOWS && !this.signalled) {
      // From here on the habit is judged by itself; what it gathered while it was nobody's habit yet is void, once.
      this.refusedWalk = null
      this.neighbourWalk = null
      this.foreignWalk = null
    }
    const { trials, refused, neighbours, foreign, foreignAnswered, known } = this.own
    this.own = {
      trials: trials + summary.trials,
      refused: refused + summary.refused,
      neighbours: neighbours + summary.neighbours,
      foreign: foreign + summary.foreign,
      foreignAnswered,
      known: known + summary.known,
    }
  }

  toState(): z.infer<typeof ReachState> {
    return [
      this.place.service,
      this.place.template,
      [walkState(this.refusedWalk), walkState(this.neighbourWalk), walkState(this.foreignWalk)],
      (this.#neighbourIds ?? NO_NEIGHBOURS).toState(),
      [this.since, this.lastAt],
      [
        this.answered,
        this.denied,
        this.missing,
        this.foreign,
        this.foreignAnswered,
        this.neighbours,
        this.shortAnswered,
        this.known,
      ],
      [(this.ownShort ?? NO_HISTORY).toState(), (this.ownLong ?? NO_HISTORY).toState(), marksState(this.own)],
      [this.signalled, this.#trail?.toState() ?? []],
      this.#seen.toState(),
      [this.#activeWindows, marksState(this.#marks), this.#longClean],
    ]
  }

  static fromState(state: z.infer<typeof ReachState>, places: Places): Reach {
    const [service, template, walks, neighbours, times, counts, own, [signalled, trail], seen, windows] = state
    const reach = new Reach(places.of(service, template))
    reach.refusedWalk = walkFrom(walks[0])
    reach.neighbourWalk = walkFrom(walks[1])
    reach.foreignWalk = walkFrom(walks[2])
    if (neighbours[0].length > 0 || neighbours[2].length > 0) reach.#neighbourIds = NeighbourIds.fromState(neighbours)
    ;[reach.since, reach.lastAt] = times
    ;[reach.answered, reach.denied, reach.missing, reach.foreign] = counts
    ;[, , , , reach.foreignAnswered, reach.neighbours, , reach.known] = counts
    reach.ownShort = historyFrom(own[0])
    reach.ownLong = historyFrom(own[1])
    reach.own = marksFrom(own[2])
    reach.signalled = signalled
    if (trail.length > 0) reach.#trail = EvidenceTrail.fromState(trail)
    reach.#seen = SeenIds.fromState(seen, counts[6])
    reach.#activeWindows = windows[0]
    reach.#marks = marksFrom(windows[1])
    reach.#longClean = windows[2]
    return reach
  }
}

const NO_WALK = new SequentialTest()
const NO_HISTORY = new WindowHistory()
const NO_NEIGHBOURS = new NeighbourIds()

/** One that stands at 0 is as good as none. */
function walkState(walk: SequentialTest | null): WalkState {
  return (walk === null || walk.evidence === 0 ? NO_WALK : walk).toState()
}

function walkFrom(state: WalkState): SequentialTest | null {
  const walk = SequentialTest.fromState(state)
  return walk.evidence === 0 ? null : walk
}

function historyFrom(state: WindowHistoryState): WindowHistory | null {
  return state[0].length === 0 ? null : WindowHistory.fromState(state)
}

function marksState(marks: Readonly<typeof NOTHING>): z.infer<typeof MarksState> {
  return [marks.trials, marks.refused, marks.neighbours, marks.foreign, marks.foreignAnswered, marks.known]
}

function marksFrom([trials, refused, neighbours, foreign, foreignAnswered, known]: z.infer<
  typeof MarksState
>): typeof NOTHING {
  return { trials, refused, neighbours, foreign, foreignAnswered, known }
}

/** One caller, with what was reached at up to 24 endpoints. */
export class Caller {
  principal: Principal | null = null
  /** principalKey and voteKey. */
  key = ''
  voter = ''
  /** Role, or kind of caller. */
  cohort = ''
  /** Whether the cohort says what a caller is for, so that others are no measure for it. */
  distinctive = false
  hash = 0
  reaches: Reach[] = []

  /** Who it is at present: the newest token decides, since a role can be granted. */
  identify(tx: Transaction, row: CallerRow): void {
    const { principal } = tx
    if (this.principal === principal) return
    this.principal = principal
    this.key = row.key
    this.voter = row.voter
    this.hash = row.hash
    const role = tx.claims?.role[0]
    this.cohort = role ?? principal.kind
    this.distinctive = role !== undefined || principal.kind === 'api_key' || principal.kind === 'consumer'
  }

  reachOf(place: Place): Reach {
    const { reaches } = this
    for (let i = 0; i < reaches.length; i++) {
      const reach = reaches[i]!
      if (reach.place === place || reach.place.key === place.key) return reach
    }
    if (reaches.length >= MAX_REACHES_PER_CALLER) {
      let oldest = 0
      for (let i = 1; i < reaches.length; i++) if (reaches[i]!.lastAt < reaches[oldest]!.lastAt) oldest = i
      reaches.splice(oldest, 1)
    }
    const reach = new Reach(place)
    this.reaches = withOneMore(reaches, reach)
    return reach
  }

  toState(): CallerState {
    const { principal, cohort, distinctive, reaches } = this
    return [
      principal === null ? null : principalState(principal),
      cohort,
      distinctive,
      reaches.map((reach) => reach.toState()),
    ]
  }

  static fromState([principal, cohort, distinctive, reaches]: CallerState, places: Places): Caller {
    const caller = new Caller()
    if (principal !== null) {
      caller.principal = principalFrom(principal)
      caller.key = principalKey(caller.principal)
      caller.voter = voteKey(caller.principal)
      caller.hash = hashText(caller.key)
    }
    caller.cohort = cohort
    caller.distinctive = distinctive
    caller.reaches = reaches.map((reach) => Reach.fromState(reach, places))
    return caller
  }
}
