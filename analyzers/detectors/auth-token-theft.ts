import { z } from 'zod'
import type { Signal } from '../../daemon/model/signal.ts'
import { DAY_US, type EventTime, HOUR_US } from '../../daemon/model/time.ts'
import { asnText, type Principal, type Transaction } from '../../daemon/model/transaction.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { DistinctCounter, DistinctState } from '../baselines/distinct-counter.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { isAuthenticated, networkOf } from '../baselines/principal-key.ts'
import { amount, text, time } from '../baselines/state.ts'
import { type Detector, defineDetector } from '../detector.ts'
import { countText, shownAs, signalOf, spanText } from '../finding.ts'
import { sourceAddress } from './access/answer.ts'
import { type Actor, Holder, HolderState } from './auth-token-theft/holder.ts'
import { shownBy } from './auth-token-theft/program.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-2).describe('p-value from which a second user of a credential is a signal'),
  relayCallers: z
    .int()
    .min(2)
    .default(5)
    .describe('callers whose credentials one program may pass on before it is a relay'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxPrograms: z.int().min(16).default(8192).describe('programs at networks with state'),
})
type TheftOptions = z.infer<typeof Options>

/** A relay was one for a while before a credential is explained by it. */
const RELAY_AGE_US = HOUR_US
/** How much rarer it is that both use it within a minute, and that not. */
const AT_ONCE = 0.05
const ONE_AFTER_THE_OTHER = 0.3
/** Requests after the first that are told. */
const MAX_TOLD = 32
/** Of a key: hours in which it was used by one, from which it counts as one that has one user. */
const STEADY_FROM = 3
/** Hours of one key that count among those of its kind, two days of them: many keys say it, not the one that is used most. */
const STEADY_UNTIL = STEADY_FROM + 48

const RelayState = z.tuple([DistinctState, time])
const Kept = z.union([
  z.tuple([z.literal('counts'), text, amount, amount, amount, amount]),
  z.tuple([z.literal('holder'), KeyedEntry]),
  z.tuple([z.literal('relay'), KeyedEntry]),
])
type Kept = z.infer<typeof Kept>

class Relay {
  callers = new DistinctCounter()
  firstAt: EventTime = 0
}

/** Of callers of one kind. */
interface Population {
  holders: number
  /** Those who share a credential between programs in two networks. */
  shared: number
  /** Hours in which keys were used that had one user, and how often such a key got a second one. */
  steadyHours: number
  secondUsers: number
}

class AuthTokenTheft implements Detector {
  readonly stateVersion = 3
  readonly #options: TheftOptions
  readonly #index: CallerIndex
  readonly #holders: KeyedTable<Holder>
  readonly #relays: KeyedTable<Relay>
  readonly #populations = new Map<string, Population>()
  #frozen = false

  constructor(options: TheftOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#options = options
    this.#holders = new KeyedTable(options.maxCallers, () => new Holder(), callers)
    this.#relays = new KeyedTable(options.maxPrograms, () => new Relay())
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { principal, status } = tx
    // A credential that is refused is no use to anybody.
    if (status === null || status >= 400 || !isAuthenticated(principal) || principal.via === 'basic') return null
    // Somebody acts in the holder’s name, and the token says so.
    if (tx.claims?.actor != null) return null
    const address = sourceAddress(tx)
    const row = this.#index.of(principal)
    const holder = this.#holders.useOf(row)
    if (holder.goesOn(address, now)) return null
    const { hours: hoursBefore } = holder
    const wasSteady = isKey(principal) && isSteady(holder)
    const operator = tx.asn == null ? '' : asnText(tx.asn)
    const actor = holder.note(shownBy(tx), { network: networkOf(address), address, operator }, now)
    const population = this.#populationOf(principal.kind)
    if (hoursBefore === 0) population.holders++
    if (wasSteady && actor.firstAt === now) actor.onTrial = true
    if (holder.hours > hoursBefore && isSteady(holder) && holder.hours <= STEADY_UNTIL) population.steadyHours++
    if (actor.onTrial) holder.strangers.add(tx)
    if (actor.suspect) return actor.uses <= MAX_TOLD ? this.#signal(tx, holder, actor, population, now) : null
    const relay = this.#relayOf(actor, row.hash, now)
    if (isKey(principal)) {
      const answered = this.#answered(tx, holder, actor, population, now)
      if (answered !== null) return answered
    }
    const owner = holder.before(actor, isKey(principal))
    // Whoever has used it for a day is one of those who use it.
    if (now - actor.firstAt > DAY_US) {
      if (actor.onTrial && owner !== null && !this.#frozen) share(population, holder, actor)
      actor.onTrial = false
      return null
    }
    if (isKey(principal) && holder.crowded) return null
    if (owner !== null && !isKey(principal) && holder.usedBefore(actor, owner) && !holder.usedBefore(owner, actor)) {
      this.#suspectFirst(tx, holder, actor, owner, population, now)
      return null
    }
    if (owner === null || this.#isRelay(relay, now) || hasMoved(tx.principal, holder, actor, owner, now)) return null
    return this.#judge(tx, holder, actor, owner, population, now)
  }

  tick(): void {}

  freeze(frozen: boolean): void {
    this.#frozen = frozen
  }

  *snapshot(): IterableIterator<Kept> {
    for (const [kind, { holders, shared, steadyHours, secondUsers }] of this.#populations)
      yield ['counts', kind, holders, shared, steadyHours, secondUsers]
    for (const entry of this.#holders.entries((holder) => holder.toState())) yield ['holder', entry]
    const toState = ({ callers, firstAt }: Relay): z.infer<typeof RelayState> => [callers.toState(), firstAt]
    for (const entry of this.#relays.entries(toState)) yield ['relay', entry]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    if (kept[0] === 'counts') {
      const [, kind, holders, shared, steadyHours, secondUsers] = kept
      this.#populations.set(kind, { holders, shared, steadyHours, secondUsers })
    } else if (kept[0] === 'holder') {
      this.#holders.restore(kept[1], Holder.fromState(HolderState.parse(kept[1][4])))
    } else {
      const [callers, firstAt] = RelayState.parse(kept[1][4])
      this.#relays.restore(
        kept[1],
        Object.assign(new Relay(), { callers: DistinctCounter.fromState(callers), firstAt }),
      )
    }
  }

  sizes() {
    return { callers: this.#holders.occupancy, programs: this.#relays.occupancy }
  }

  maturity(): number {
    let holders = 0
    for (const population of this.#populations.values()) holders += population.holders
    return Math.min(1, holders / 200)
  }

  #judge(
    tx: Transaction,
    holder: Holder,
    actor: Actor,
    owner: Actor,
    population: Population,
    now: EventTime,
  ): Signal | null {
    const pValue = pValueOf(population, tx.principal, holder, goOnBoth(tx.principal, holder, owner, now))
    if (pValue > this.#options.report) {
      if (!actor.sharer && !actor.onTrial && !this.#frozen) share(population, holder, actor)
      return null
    }
    if (actor.sharer) unshare(population, holder, actor)
    actor.suspect = true
    return this.#signal(tx, holder, actor, population, now)
  }

  /**
   * Who is seen with a token first need not be its holder: that is the one whose program the caller had before. The other one is told
   * with its next request.
   */
  #suspectFirst(
    tx: Transaction,
    holder: Holder,
    actor: Actor,
    first: Actor,
    population: Population,
    now: EventTime,
  ): void {
    const relay = this.#relays.peek(relayKey(first))
    if (first.suspect || (relay !== undefined && this.#isRelay(relay, now))) return
    if (hasMoved(tx.principal, holder, actor, first, now)) return
    first.suspect = pValueOf(population, tx.principal, holder, holder.atOnce(first, now)) <= this.#options.report
  }

  /** Of a key: who had it before goes on after a stranger, who may be gone by now. One such stranger is told of several. */
  #answered(tx: Transaction, holder: Holder, owner: Actor, population: Population, now: EventTime): Signal | null {
    let found: Actor | null = null
    for (const actor of holder.unanswered) {
      if (holder.before(actor, true) !== owner) continue
      actor.answered = true
      found = actor
    }
    if (found === null || pValueOf(population, tx.principal, holder, true) > this.#options.report) return null
    found.suspect = true
    const signal = this.#signal(tx, holder, found, population, now)
    return signal === null ? null : { ...signal, evidenceBefore: holder.strangers.take() }
  }

  #signal(tx: Transaction, holder: Holder, actor: Actor, population: Population, now: EventTime): Signal | null {
    const owner = holder.before(actor, true)
    if (owner === null) return null
    const atOnce = goOnBoth(tx.principal, holder, owner, now)
    return theftSignal(
      tx,
      { holder, actor, owner, atOnce, log10P: Math.log10(pValueOf(population, tx.principal, holder, atOnce)) },
      now,
    )
  }

  #populationOf(kind: string): Population {
    let population = this.#populations.get(kind)
    if (population === undefined) {
      population = { holders: 0, shared: 0, steadyHours: 0, secondUsers: 0 }
      this.#populations.set(kind, population)
    }
    return population
  }

  #relayOf(actor: Actor, caller: number, now: EventTime): Relay {
    const relay = this.#relays.use(relayKey(actor))
    if (relay.firstAt === 0) relay.firstAt = now
    if (!this.#frozen) relay.callers.learnOne(caller)
    return relay
  }

  /** A backend that passes credentials of many on, a gateway, an office with one browser: for a while, and for several callers. */
  #isRelay({ callers, firstAt }: Relay, now: EventTime): boolean {
    return callers.count > this.#options.relayCallers && now - firstAt >= RELAY_AGE_US
  }
}

function relayKey({ program, network }: Actor): string {
  return `${program} ${network}`
}

/** A person’s token is used by one program at a time; a key’s owner may have moved, and then does not come back. */
function goOnBoth(principal: Principal, holder: Holder, owner: Actor, now: EventTime): boolean {
  return holder.atOnce(owner, now) || holder.turns > 0 || (isKey(principal) && holder.switches > 1)
}

/**
 * People change networks of one operator all day, and open the other program they have; who is at two of them at once has not moved.
 * Keys are used where servers are hired, and their thieves are there too.
 */
function hasMoved(principal: Principal, holder: Holder, actor: Actor, owner: Actor, now: EventTime): boolean {
  return actor.operator !== '' && actor.operator === owner.operator && !isKey(principal) && !holder.atOnce(owner, now)
}

function isKey({ kind }: Principal): boolean {
  return kind === 'api_key' || kind === 'consumer'
}

/** A key that one program used, or one network, for a while. */
function isSteady({ hours, sharers }: Holder): boolean {
  return hours >= STEADY_FROM && sharers === 0
}

function share(population: Population, holder: Holder, actor: Actor): void {
  actor.sharer = true
  if (actor.onTrial) population.secondUsers++
  if (holder.sharers++ === 0) population.shared++
}

/** It is told after all. */
function unshare(population: Population, holder: Holder, actor: Actor): void {
  actor.sharer = false
  if (--holder.sharers === 0) population.shared--
}

/**
 * How often a credential gets a second user, in an hour of its own use or among callers of its kind (of keys: in an hour of the use of any
 * that had one user so far), whichever is rarer; and how often that comes while the first goes on.
 */
function pValueOf(
  { holders, shared, steadyHours, secondUsers }: Population,
  principal: Principal,
  holder: Holder,
  atOnce: boolean,
): number {
  const own = (holder.sharers + 1) / (holder.hours + 2)
  // Keys that an app has in all its copies say nothing of those that one partner has.
  const others = isKey(principal)
    ? isSteady(holder)
      ? (secondUsers + 1) / (steadyHours + 2)
      : 1
    : (shared + 1) / (holders + 2)
  return Math.min(own, others) * (atOnce ? AT_ONCE : ONE_AFTER_THE_OTHER)
}

interface Theft {
  readonly holder: Holder
  readonly actor: Actor
  readonly owner: Actor
  readonly atOnce: boolean
  readonly log10P: number
}

function theftSignal(tx: Transaction, { holder, actor, owner, atOnce, log10P }: Theft, now: EventTime): Signal {
  const { principal } = tx
  const what = isKey(principal) ? 'key' : 'token'
  const how = atOnce
    ? holder.turns > 1
      ? `, in turn with its holder (${countText(holder.turns, 'time')} within a minute)`
      : isKey(principal) && holder.turns === 0
        ? ', and its holder goes on using it'
        : ', within a minute of its holder'
    : `, ${spanText(now - owner.lastAt)} after its holder`
  return signalOf('auth.token_theft', tx, now, {
    log10P,
    maturity: 1,
    severity: atOnce ? 'high' : 'medium',
    why: `the ${what} of ${shownAs(principal)} is used by another program (${named(actor)}) in another network, ${placed(actor)}${how}; it was used by ${named(owner)} at ${placed(owner)} for ${countText(holder.hours, 'hour')} before`,
    expected: named(owner),
    observed: named(actor),
    evidence: {
      source: actor.address,
      source_kind: 'ip',
      program: actor.agent,
      holders_program: owner.agent,
      holders_address: owner.address,
      ...(owner.operator === '' ? {} : { holders_network_of: owner.operator }),
      requests: actor.uses,
      turns: holder.turns,
      at_once: atOnce,
    },
    subject: { kind: principal.kind, value: shownAs(principal) },
    outcome: { answered: actor.uses, refused: 0, objectsExposed: 0, accounts: [], pSuccess: 0.8 },
    evidenceBefore: [],
  })
}

function named({ agent }: Actor): string {
  return agent === '' ? 'no user agent' : agent.length > 60 ? `${agent.slice(0, 57)}...` : agent
}

function placed({ address, operator }: Actor): string {
  return operator === '' ? address : `${address} (${operator})`
}

export const authTokenTheft = defineDetector({
  id: 'auth.token_theft',
  title: 'A credential in other hands',
  owasp: ['API2:2023'],
  attack: ['T1528', 'T1539', 'T1550.001'],
  describes: {
    detects:
      'A bearer token, a session cookie or an API key that is used by another program in another network than its holder’s: a stolen session, a key that leaked into a repository.',
    statistic:
      'Per caller, the programs (user agent without versions) at networks (/24, /48) that each credential was used by. A second one that differs in both is judged: how often credentials of this kind are shared between two such, (shared + 1) / (callers + 2), or how long this one was not, (sharers + 1) / (hours in use + 2), whichever is rarer; of keys, instead of the first, how often those that had one user for 3 hours of use get a second one, (second users + 1) / (hours in use of such keys + 2, at most 48 of each); times 0.05 if both use it within a minute (a key: if its holder comes back after the second, which is told then even if the second is gone), 0.3 if not. The first one counts as the holder, unless the second has the program that the caller used with earlier tokens and the first has not: then the first is told, with its next request. What is not told is learnt as sharing, once per program at a network; of a key that had one user, only after the second has used it for a day.',
    memory:
      'maxCallers callers with 6 programs, at most 2 KiB each, of a key 32 requests of strangers besides, 3 KiB; strangers push out strangers first; maxPrograms programs at networks, 0.4 KiB to 1.3 KiB. Evictions are counted.',
    warmUp:
      'By its own counts: with a hundred callers only what happens at once is told, with a thousand also what comes later.',
    traps:
      'A phone that changes networks or a traveller (the same program), an app beside a browser (each has a credential of its own), two windows in one network, an update, a token that says who acts (act), two networks of one operator one after the other (people, with identity.asn_database), a backend that passes credentials on (a relay: credentials of more than relayCallers callers for an hour), a key of an app, which is in all its copies (more than six programs at networks). Missed: a thief who sends the holder’s user agent, or sits in its network, or later in one of the same operator where identity.asn_database tells; what is stolen before it is used, where the holder never comes or is not known by an earlier token; Basic credentials, which are a password.',
    tuning: 'report; relayCallers where few callers come through a backend.',
  },
  options: Options,
  create: (options, _, callers) => new AuthTokenTheft(options, callers),
})
