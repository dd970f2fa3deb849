import { z } from 'zod'
import { type EventTime, HOUR_US, MINUTE_US } from '../../../daemon/model/time.ts'
import { amount, flag, hash32, text, time } from '../../baselines/state.ts'
import { EvidenceTrail, TrailState } from '../../finding.ts'
import type { Shown } from './program.ts'

const MAX_ACTORS = 6
/** Two who use one credential within it use it at once. */
const AT_ONCE_US = MINUTE_US
/** The same program at the same address is not looked at more often. */
const LOOK_EVERY_US = 5 * MINUTE_US

/** From where a request came. */
export interface Where {
  /** /24, /48. */
  readonly network: string
  readonly address: string
  /** Whose network that is, as `AS64496 Example Broadband`; empty where nobody says. */
  operator: string
}

/** Who uses a credential: a program at a network. */
export interface Actor extends Where {
  readonly token: number
  readonly program: number
  readonly agent: string
  readonly firstAt: EventTime
  lastAt: EventTime
  uses: number
  /** It was told. */
  suspect: boolean
  /** The holder went on after it, and that was looked at. */
  answered: boolean
  /** It came when the key had had one user for long, and is not one of its users yet. */
  onTrial: boolean
  /** It was not told, and counts as one who shares the credential. */
  sharer: boolean
}

const ActorState = z.strictObject({
  token: hash32,
  program: hash32,
  network: text,
  agent: text,
  address: text,
  operator: text,
  firstAt: time,
  lastAt: time,
  uses: amount,
  suspect: flag,
  answered: flag,
  onTrial: flag,
  sharer: flag,
})
/** Actors, last address, when it was looked at, hours in use, the last of them, turns, switches, how many came to share it, whether there were too many, what strangers did. */
export const HolderState = z.tuple([
  z.array(ActorState).max(MAX_ACTORS),
  text,
  time,
  amount,
  amount,
  amount,
  amount,
  amount,
  flag,
  TrailState,
])
export type HolderState = z.infer<typeof HolderState>

/**
 * Who has used the credentials of one caller.
 *
 * Memory     6 actors of about 0.3 KiB; of a key, 32 requests of strangers
 */
export class Holder {
  #actors: Actor[] = []
  #last: Actor | null = null
  #lastAddress = ''
  #lookedAt: EventTime = 0
  #strangers: EvidenceTrail | null = null
  /** Hours in which it was used, of event time. */
  hours = 0
  #hour = -1
  /** How often two actors of one credential took turns within a minute. */
  turns = 0
  /** How often one program in one network came after another in another, at any distance. */
  switches = 0
  /** How often another program in another network came to share a credential of it, and was not told. */
  sharers = 0
  /** More programs and networks use it than are told apart. */
  crowded = false

  /** What strangers did with a key, for when its holder goes on. */
  get strangers(): EvidenceTrail {
    this.#strangers ??= new EvidenceTrail()
    return this.#strangers
  }

  /** True when the request needs no look: the same address as before, looked at lately. */
  goesOn(address: string, now: EventTime): boolean {
    if (address !== this.#lastAddress || now - this.#lookedAt >= LOOK_EVERY_US) return false
    const last = this.#last
    if (last === null) return false
    // One that was told is looked at each time, so that what follows is evidence.
    if (last.suspect) return false
    last.uses++
    last.lastAt = now
    return true
  }

  /** Notes who made a request. */
  note(shown: Shown, { network, address, operator }: Where, now: EventTime): Actor {
    const hour = Math.floor(now / HOUR_US)
    if (hour !== this.#hour) {
      this.#hour = hour
      this.hours++
    }
    const known = this.#actors.find(
      ({ token, program, network: at }) => token === shown.token && program === shown.program && at === network,
    )
    const last = this.#last
    const actor = known ?? this.#add(shown, { network, address, operator }, now)
    if (last !== null && last.program !== actor.program && last.network !== actor.network) this.switches++
    if (known !== undefined) {
      if (last !== null && last !== actor && last.token === actor.token && last.program !== actor.program) {
        if (now - last.lastAt <= AT_ONCE_US) this.turns++
      }
      actor.uses++
      actor.lastAt = now
      // There may have been no database before.
      if (operator !== '') actor.operator = operator
    }
    this.#last = actor
    this.#lastAddress = address
    this.#lookedAt = now
    return actor
  }

  /**
   * Who had the credential of `actor` before it, with another program in another network; null where nobody, or where it
   * only moved. `anyToken`: of keys, whoever uses them shows the same.
   */
  before(actor: Actor, anyToken: boolean): Actor | null {
    let owner: Actor | null = null
    for (const other of this.#actors) {
      if (other === actor || other.firstAt > actor.firstAt || isUnsure(other)) continue
      if (!anyToken && other.token !== actor.token) continue
      // The same program elsewhere has moved; another one at the same network is a second window.
      if (other.program === actor.program || other.network === actor.network) return null
      if (owner === null || other.lastAt > owner.lastAt) owner = other
    }
    return owner
  }

  /** Whether the program of `actor` came with other tokens before this one was used by anybody of `first` and `actor`. */
  usedBefore(actor: Actor, first: Actor): boolean {
    return this.#actors.some(
      ({ token, program, firstAt }) =>
        token !== actor.token && program === actor.program && firstAt < Math.min(actor.firstAt, first.firstAt),
    )
  }

  /** Strangers after whom nobody has gone on yet who had the credential before, the latest last. */
  get unanswered(): readonly Actor[] {
    return this.#actors.filter((actor) => isUnsure(actor) && !actor.answered)
  }

  /** Whether both used it within a minute of each other. */
  atOnce(owner: Actor, now: EventTime): boolean {
    return now - owner.lastAt <= AT_ONCE_US
  }

  toState(): HolderState {
    return [
      this.#actors.map((actor) => ({ ...actor })),
      this.#lastAddress,
      this.#lookedAt,
      this.hours,
      this.#hour + 1,
      this.turns,
      this.switches,
      this.sharers,
      this.crowded,
      this.#strangers?.toState() ?? [],
    ]
  }

  static fromState([
    actors,
    lastAddress,
    lookedAt,
    hours,
    hour,
    turns,
    switches,
    sharers,
    crowded,
    strangers,
  ]: HolderState): Holder {
    const holder = new Holder()
    holder.#actors = actors
    holder.#last = holder.#actors.reduce<Actor | null>(
      (last, actor) => (last === null || actor.lastAt >= last.lastAt ? actor : last),
      null,
    )
    holder.#lastAddress = lastAddress
    holder.#lookedAt = lookedAt
    holder.hours = hours
    holder.#hour = hour - 1
    holder.turns = turns
    holder.switches = switches
    holder.sharers = sharers
    holder.crowded = crowded
    if (strangers.length > 0) holder.#strangers = EvidenceTrail.fromState(strangers)
    return holder
  }

  #add({ token, program, agent }: Shown, { network, address, operator }: Where, now: EventTime): Actor {
    const actor: Actor = {
      token,
      program,
      network,
      agent,
      address,
      operator,
      firstAt: now,
      lastAt: now,
      uses: 1,
      suspect: false,
      answered: false,
      onTrial: false,
      sharer: false,
    }
    // The longest unused leaves; a caller who moves a lot has many. Strangers push out strangers, not the holder.
    if (this.#actors.length >= MAX_ACTORS) {
      const unsure = this.#actors.filter(isUnsure)
      if (unsure.length === 0) this.crowded = true
      const oldest = (unsure.length > 0 ? unsure : this.#actors).reduce((least, each) =>
        each.lastAt < least.lastAt ? each : least,
      )
      this.#actors = this.#actors.filter((each) => each !== oldest)
    }
    this.#actors = [...this.#actors, actor]
    return actor
  }
}

function isUnsure({ suspect, onTrial }: Actor): boolean {
  return suspect || onTrial
}
