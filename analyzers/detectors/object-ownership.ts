import { z } from 'zod'
import type { SharedLearning } from '../../daemon/model/learning.ts'
import type { Signal } from '../../daemon/model/signal.ts'
import type { EventTime } from '../../daemon/model/time.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { ADMISSION_DEFAULTS, Admission, AdmissionState } from '../baselines/admission.ts'
import { CallerIndex } from '../baselines/caller-index.ts'
import { KeyedEntry, KeyedTable } from '../baselines/keyed-table.ts'
import { hashText } from '../baselines/lookup-hash.ts'
import { Others } from '../baselines/others.ts'
import type { Place } from '../baselines/places.ts'
import { isAuthenticated } from '../baselines/principal-key.ts'
import { hash32 } from '../baselines/state.ts'
import { ValueOwners, ValueOwnersState } from '../baselines/value-owners.ts'
import { type Detector, defineDetector } from '../detector.ts'
import type { ModelChange } from '../model-change.ts'
import { Breaks, BreaksState } from './object-ownership/breaks.ts'
import { Caller, CallerState, type FieldRecord, OFTEN, ONCE } from './object-ownership/caller.ts'
import {
  collectionOf,
  EndpointFields,
  type Field,
  FieldsElsewhere,
  FieldsState,
  RELATIONS,
} from './object-ownership/endpoint-fields.ts'
import { ABSENT, MIXED, valueHash } from './object-ownership/field-values.ts'
import { type Breach, breachSignal } from './object-ownership/finding.ts'
import { GivenUp, GivenUpState } from './object-ownership/given-up.ts'
import type { Invariant } from './object-ownership/invariant.ts'
import { KnownPairs, PairsState } from './object-ownership/known-pairs.ts'
import { Renaming, RenamingState } from './object-ownership/renaming.ts'
import { ServiceRules, ServiceRulesState } from './object-ownership/service-rules.ts'
import {
  isAnother,
  isProof,
  type Look,
  mayBeRenamed,
  NO_TURN,
  type Standing,
  standingOf,
} from './object-ownership/standing.ts'
import { type Told, toldByKind } from './object-ownership/told.ts'

const Options = z.strictObject({
  report: z.number().gt(0).lt(1).default(1e-5).describe('p-value from which a break is a signal'),
  maxCallers: z.int().min(16).default(50_000).describe('callers with state'),
  maxEndpoints: z.int().min(16).default(4096).describe('endpoints with state'),
  valuePlaces: z.int().min(64).default(262_144).describe('values whose caller is remembered'),
  objectPlaces: z.int().min(64).default(65_536).describe('objects known to be their callers’ own'),
})
type OwnershipOptions = z.infer<typeof Options>

/** As in RELATIONS. */
const SUBJECT = 0
const TENANT = 1
const CALLER = 2
const VALUE = 3
const LINK = 4
const PERSON = 5
const Kept = z.union([
  z.tuple([z.literal('scopes'), hash32]),
  z.tuple([z.literal('caller'), KeyedEntry]),
  z.tuple([z.literal('endpoint'), KeyedEntry]),
  z.tuple([z.literal('values'), ValueOwnersState]),
  z.tuple([z.literal('objects'), PairsState]),
  z.tuple([z.literal('breaks'), BreaksState]),
  z.tuple([z.literal('rules'), ServiceRulesState]),
  z.tuple([z.literal('admission'), AdmissionState]),
  z.tuple([z.literal('given_up'), GivenUpState]),
  z.tuple([z.literal('renaming'), RenamingState]),
])

/** Further objects of others make it no less likely. */
const MOST_TIMES = 8
const MAX_KEYS = 8192

/** Of the relations: an answer with several values breaks `caller`, and says nothing of the others. */
const MIXED_ANSWER = [null, null, false, null, null, null]

/** The domain of what names a person, of all services. */
const PERSONS = hashText('*')

/** Relations that a caller with a new name breaks. */
const MAY_RENAME = [CALLER, LINK, PERSON]

type Invariants = readonly Invariant[]

interface Verdict {
  readonly isOwn: boolean
  readonly breach: Breach | null
  /** What shows it is that the own value came again. */
  readonly returned: boolean
}

const GIVEN: Verdict = { isOwn: false, breach: null, returned: false }

class ObjectOwnership implements Detector {
  readonly stateVersion = 3
  readonly shared: SharedLearning = { version: 1, tell: () => this.#told(), hear: (lines) => this.#hear(lines) }
  readonly #others: Others<FieldsElsewhere>
  readonly #report: number
  readonly #index: CallerIndex
  readonly #callers: KeyedTable<Caller>
  readonly #endpoints: KeyedTable<EndpointFields>
  readonly #owners: ValueOwners
  readonly #known: KnownPairs
  readonly #breaks = new Breaks()
  readonly #rules = new ServiceRules()
  readonly #renaming = new Renaming()
  /** Only for who is under suspicion: what holds is no secret that a thief could spoil by being honest. */
  readonly #admission = new Admission<never>(ADMISSION_DEFAULTS, () => {})
  #scopes = 0
  readonly #givenUp = new GivenUp()
  /** Of templates. */
  readonly #keys = new Map<string, string>()
  /** The endpoint that the table is asked for: a service and a collection. */
  #wanted: Place | null = null

  constructor(options: OwnershipOptions, callers = new CallerIndex()) {
    this.#index = callers
    this.#report = Math.log10(options.report)
    this.#callers = new KeyedTable(options.maxCallers, () => new Caller(), callers)
    this.#others = new Others(options.maxEndpoints, () => new FieldsElsewhere())
    const newEndpoint = (key: string) => {
      const { service, template } = this.#wanted!
      const endpoint = new EndpointFields(++this.#scopes, service, template)
      endpoint.hear(this.#others.get(key))
      return endpoint
    }
    this.#endpoints = new KeyedTable(options.maxEndpoints, newEndpoint, callers.places)
    this.#owners = new ValueOwners(options.valuePlaces)
    this.#known = new KnownPairs(options.objectPlaces)
  }

  observe(tx: Transaction, now: EventTime): Signal | null {
    const { status, endpoint: template, principal } = tx
    if (template === null || status === null || status < 200 || status >= 300) return null
    // Whoever is known by address only may be several people, and a doubtful pair is no proof.
    if (!isAuthenticated(principal) || tx.pairing !== 'exact') return null
    const endpoint = this.#endpointOf(tx.service ?? '', template)
    if (!endpoint.noteAnswer(tx)) return null
    const row = this.#index.of(principal)
    const { key } = row
    const caller = this.#callers.useOf(row)
    caller.identify(principal)
    const object = tx.objectIds.length === 0 ? 0 : valueHash(tx.objectIds.join('/'))
    if (object !== 0 && this.#known.has(endpoint.scope, object, caller.hash)) return null
    if (!endpoint.worthReading(caller, now)) return null
    const cohort = tx.claims?.role[0] ?? principal.kind
    const learns = !this.#admission.isSuspect(key, now)
    return this.#look({ tx, key, caller, cohort, endpoint, object, learns, now })
  }

  tick(now: EventTime): void {
    this.#breaks.tick(now)
    this.#renaming.tick(now)
  }

  suspect(key: string, open: boolean, now: EventTime): void {
    this.#admission.suspect(key, open, now)
    const caller = this.#callers.peek(key)
    if (!open) {
      caller?.clear()
      caller?.forgetDoubtful()
      return
    }
    for (const [, place, at, cohort, relation] of this.#breaks.take(key)) {
      const endpoint = this.#endpoints.peek(place)
      const invariant = endpoint?.fields[at]?.invariantsOf(cohort)?.[relation]
      if (endpoint === undefined || invariant === undefined) continue
      if (invariant.holds) this.#rules.takeBack(endpoint.service, cohort, relation)
      invariant.moveBreak(caller?.recordOf(endpoint.numberOf(at)).sort ?? ONCE, null)
    }
  }

  takeChanges(): readonly ModelChange[] {
    return this.#givenUp.take()
  }

  pardon(key: string, now: EventTime): void {
    this.#admission.pardon(key, now)
    this.#callers.peek(key)?.clear()
  }

  freeze(frozen: boolean, now: EventTime): void {
    this.#admission.freeze(frozen, now)
  }

  sizes() {
    return {
      callers: this.#callers.occupancy,
      endpoints: this.#endpoints.occupancy,
      values: this.#owners.occupancy,
      rules_given_up: this.#givenUp.occupancy,
    }
  }

  maturity(): number {
    return this.#endpoints.mean((endpoint) => (endpoint.holds ? 1 : 0))
  }

  *snapshot(): IterableIterator<z.infer<typeof Kept>> {
    yield ['scopes', this.#scopes]
    for (const entry of this.#callers.entries((caller) => caller.toState())) yield ['caller', entry]
    for (const entry of this.#endpoints.entries((endpoint) => endpoint.toState())) yield ['endpoint', entry]
    for (const part of this.#owners.parts()) yield ['values', part]
    for (const part of this.#known.parts()) yield ['objects', part]
    yield ['breaks', this.#breaks.toState()]
    yield ['rules', this.#rules.toState()]
    for (const state of this.#admission.snapshot()) yield ['admission', state]
    yield ['given_up', [...this.#givenUp.toState()]]
    yield ['renaming', this.#renaming.toState()]
  }

  restore(line: unknown): void {
    const kept = Kept.parse(line)
    switch (kept[0]) {
      case 'scopes':
        this.#scopes = kept[1]
        return
      case 'caller':
        this.#callers.restore(kept[1], Caller.fromState(CallerState.parse(kept[1][4])))
        return
      case 'endpoint': {
        const endpoint = EndpointFields.fromState(FieldsState.parse(kept[1][4]))
        this.#scopes = Math.max(this.#scopes, endpoint.scope)
        endpoint.hear(this.#others.get(kept[1][1]))
        this.#endpoints.restore(kept[1], endpoint)
        return
      }
      case 'values':
        this.#owners.restore(kept[1])
        return
      case 'objects':
        this.#known.restore(kept[1])
        return
      case 'breaks':
        this.#breaks.restore(kept[1])
        return
      case 'rules':
        this.#rules.restore(kept[1])
        return
      case 'admission':
        this.#admission.restore(kept[1])
        return
      case 'given_up':
        this.#givenUp.restore(kept[1])
        return
      case 'renaming':
        this.#renaming.restore(kept[1])
        return
    }
  }

  *#told(): IterableIterator<Told> {
    for (const [key, fields] of this.#endpoints.states((endpoint) => endpoint.told())) yield ['endpoint', key, fields]
    for (const [key, relations] of this.#rules.toState()) yield ['rules', key, relations]
    for (const pairs of this.#owners.told()) yield ['values', pairs]
  }

  #hear(lines: Iterable<unknown>): void {
    const { endpoints, rules, values } = toldByKind(lines)
    this.#others.hear(endpoints)
    this.#rules.hear(rules)
    this.#owners.hear(values)
    this.#endpoints.forEach((endpoint, key) => {
      endpoint.hear(this.#others.get(key))
    })
  }

  #endpointOf(service: string, template: string): EndpointFields {
    let key = this.#keys.get(template)
    if (key === undefined) {
      key = collectionOf(template)
      if (this.#keys.size >= MAX_KEYS) this.#keys.clear()
      this.#keys.set(template, key)
    }
    const place = this.#index.places.of(service, key)
    this.#wanted = place
    return this.#endpoints.useOf(place)
  }

  #look(look: Look): Signal | null {
    const { tx, caller, endpoint, object, now } = look
    let worst: Breach | null = null
    let isOwn = true
    let returned = false
    for (let i = 0; i < endpoint.fields.length; i++) {
      const field = endpoint.fields[i]!
      const value = field.valueOf(tx)
      if (value === ABSENT) continue
      const invariants = field.invariantsOf(look.cohort)
      if (invariants === null) continue
      if (value === MIXED) {
        for (const each of field.valuesIn(tx)) caller.noteShown(field.sharedDomain, each)
        const record = caller.recordOf(endpoint.numberOf(i))
        if (look.learns) this.#learn(look, i, record, invariants, MIXED_ANSWER, false, MIXED)
        isOwn = false
        continue
      }
      const verdict = this.#judge(look, i, field, invariants, value)
      isOwn &&= verdict.isOwn
      returned ||= verdict.returned
      const { breach } = verdict
      if (breach !== null && (worst === null || breach.log10P < worst.log10P)) worst = breach
    }
    if (worst === null || worst.log10P > this.#report) {
      // What was read teaches nothing a second time.
      if (isOwn && object !== 0) this.#known.add(endpoint.scope, object, caller.hash)
      return null
    }
    if (caller.takeNews()) return breachSignal(tx, worst, caller.exposed, returned, caller, now)
    caller.trail.add(tx)
    return null
  }

  /** One value of one field: scored by what held before, then learnt. */
  #judge(look: Look, at: number, field: Field, invariants: Invariants, value: number): Verdict {
    const { tx, caller } = look
    if (caller.wasShown(field.sharedDomain, value)) return GIVEN
    const sub = tx.claims?.sub ?? null
    const tenant = tx.claims?.tenant ?? null
    const isSubject = sub === null ? null : value === valueHash(sub)
    const isTenant = tenant === null ? null : value === valueHash(tenant)
    const here = field.named ? standingOf(look, this.#owners, field.domain, value, true) : NO_TURN
    const isRule = invariants[CALLER]!.holds || invariants[VALUE]!.holds
    // What many share is not another's because one of them was seen with it first.
    const owners = field.isPerson || invariants[VALUE]!.holds ? this.#owners : null
    const there = field.named ? standingOf(look, owners, field.sharedDomain, value, isRule) : NO_TURN

    const isPersons = isRule || invariants[PERSON]!.holds
    const anywhere = field.isPerson ? standingOf(look, this.#owners, PERSONS, value, isPersons) : NO_TURN
    const standings = [here, there, anywhere]
    const { service } = look.endpoint
    const isChanged = standings.some(mayBeRenamed) && MAY_RENAME.some((each) => invariants[each]!.holds)
    if (isChanged) this.#renaming.note(service, caller.hash, look.now)
    const isRenaming = isChanged && this.#renaming.isAtWork(service, look.now)
    const isTold = caller.trail.isEmpty
    const excuses = (relation: number) => isRenaming || !invariants[relation]!.isStrict
    const broken: number[] = []
    // What the token says is the caller's own is nobody else's, whoever was seen with it before.
    const isCertain = isSubject === true && invariants[SUBJECT]!.holds
    if (isSubject === false && invariants[SUBJECT]!.holds) broken.push(SUBJECT)
    if (isTenant === false && invariants[TENANT]!.holds) broken.push(TENANT)
    if (here.isForeign && !here.isOwn && invariants[VALUE]!.holds) broken.push(VALUE)
    if (isProof(here, excuses(CALLER), isTold) && invariants[CALLER]!.holds) broken.push(CALLER)
    if (((there.isForeign && !there.isOwn) || isProof(there, excuses(LINK), isTold)) && invariants[LINK]!.holds)
      broken.push(LINK)
    if (
      ((anywhere.isForeign && !anywhere.isOwn) || isProof(anywhere, excuses(PERSON), isTold)) &&
      invariants[PERSON]!.holds
    )
      broken.push(PERSON)
    const returned = standings.some(({ turn }) => turn === 'returned')
    const record = caller.recordOf(look.endpoint.numberOf(at))
    const breach = record.isExempt || isCertain ? null : this.#worst(look, field, invariants, record, broken, returned)
    if (breach === null || breach.log10P > this.#report) this.#noteDoubt(look, invariants, standings)

    const held: (boolean | null)[] = [
      isSubject,
      isTenant,
      here.had ? here.isOwn : null,
      here.isForeign || here.isSole ? here.isSole : null,
      there.had || there.isForeign ? there.isOwn && !there.isForeign : null,
      anywhere.had || anywhere.isForeign ? anywhere.isOwn && !anywhere.isForeign : null,
    ]
    if (look.learns) this.#learn(look, at, record, invariants, held, here.turn === 'third', value)
    // Where callers see each other's as a matter of course, what they see was given to them.
    if (here.had && !here.isOwn && !isRule && !invariants[LINK]!.holds) caller.noteShown(field.sharedDomain, value)
    const isOwn =
      breach === null && (field.named ? here.isOwn || here.turn === 'first' : isSubject === true || isTenant === true)
    return { isOwn, breach, returned }
  }

  /** Another value may be a new name of the first one, or come before anything holds: what it was is kept until the caller's own is plain. */
  #noteDoubt({ tx, caller, object, now }: Look, invariants: Invariants, standings: readonly Standing[]): void {
    if (standings.some(isAnother) && MAY_RENAME.some((relation) => invariants[relation]!.mayHold)) {
      caller.expose(object, now)
      caller.trail.add(tx)
    } else if (standings[1]!.isSettled || standings[2]!.isSettled) caller.trail.clear()
  }

  /** The break that is the least likely to be honest; null of none. `returned`: it was before, and this object is the caller's own. */
  #worst(
    { caller, cohort, endpoint, object, learns, now }: Look,
    field: Field,
    invariants: Invariants,
    record: FieldRecord,
    broken: readonly number[],
    returned: boolean,
  ): Breach | null {
    if (broken.length === 0) return null
    const objects = returned ? caller.exposed : caller.expose(object, now)
    let worst: Breach | null = null
    for (const relation of broken) {
      const invariant = invariants[relation]!
      const elsewhere = this.#rules.shareOfBreakers(endpoint.service, cohort, relation)
      const log10P = invariant.scoreOne(Math.min(objects, MOST_TIMES), elsewhere, learns && record.hasBroken(relation))
      if (log10P === null || (worst !== null && worst.log10P <= log10P)) continue
      worst = { field, relation: RELATIONS[relation]!, invariant, log10P }
    }
    return worst
  }

  /** What held and what did not, by relation; null where nothing can be said. `isThird`: the caller was seen with two other values. */
  #learn(
    look: Look,
    at: number,
    record: FieldRecord,
    invariants: Invariants,
    held: readonly (boolean | null)[],
    isThird: boolean,
    value: number,
  ): void {
    const { cohort, endpoint, now } = look
    for (let relation = 0; relation < held.length; relation++) {
      if (held[relation] !== true) continue
      const vote = record.vote(relation)
      if (vote === 'enough') continue
      const invariant = invariants[relation]!
      if (invariant.holds) this.#rules.learnOne(endpoint.service, cohort, relation, now)
      invariant.learnOne(vote === 'first', now)
    }
    // That a value is no claim says nothing about whose it is.
    if (held[CALLER] === false || held[VALUE] === false) this.#sortBreaker(record, invariants, value, isThird, now)
    for (let relation = 0; relation < held.length; relation++) {
      if (held[relation] === false) this.#break(look, at, record, relation, invariants[relation]!)
    }
    if (held.includes(false)) this.#givenUp.note(look.endpoint, look.endpoint.fields[at]!, invariants)
  }

  /** Who breaks things again, or often, is taken for another sort of caller from then on. */
  #sortBreaker(record: FieldRecord, invariants: Invariants, value: number, isThird: boolean, now: EventTime): void {
    const from = record.sort
    const to = record.noteBreak(value, isThird, now)
    if (from === to) return
    for (let relation = 0; relation < invariants.length; relation++) {
      if (record.hasBroken(relation)) invariants[relation]!.moveBreak(from, to)
    }
    if (to === OFTEN) record.isExempt = !invariants.some(({ holds }) => holds)
  }

  #break(
    { key, cohort, endpoint, now }: Look,
    at: number,
    record: FieldRecord,
    relation: number,
    invariant: Invariant,
  ): void {
    if (record.hasBroken(relation)) return
    record.addBroken(relation)
    if (invariant.holds) this.#rules.learnBreak(endpoint.service, cohort, relation, now)
    invariant.learnBreak(record.sort, now)
    this.#breaks.add(key, `${endpoint.service} ${endpoint.collection}`, at, cohort, relation, now)
  }
}

export const objectOwnership = defineDetector({
  id: 'object.ownership',
  title: 'An object of somebody else',
  owasp: ['API1:2023'],
  attack: ['T1213'],
  describes: {
    detects:
      "A single answer with somebody else's object: an invoice, a message, a file of another customer, read or changed by a caller who is signed in.",
    statistic:
      "Fields that say whose an object is (owner_id, customerId, tenant; in the path, the query, the body or the answer, or any field that was equal to the token's subject or tenant) are found per endpoint, and what holds of them is counted per role: the value is the token's subject; it is its tenant; one caller sees one value; one value goes with one caller; both as at the service's other endpoints; and as at any service, whatever its name for a person (customer_id here, owner_id there; names of accounts, tenants and companies are left out). Five observations a caller count, and who breaks it counts once. It is judged by from 50 observations of 25 callers on while nobody else broke it; otherwise once a sequential test has shown, 100 to 1, that 1 % of the callers break it rather than 7 % (after 74 callers of whom none did, and 31 more for each who did), until 7 % broke it, or 2 % again and again (5 % unless on three days). p = ((k + 1) / (n + 2)) squared for the first object, with k callers who broke it among n observations, and less with each further one (not below a quarter of it, until that is shown here or at the service's other endpoints): a single break opens an incident from n = 316 on where nobody broke it. Where at least 316 observations of the role at the service's endpoints show that a share s of callers breaks it where it holds, the second factor is (k + 50 s) / (n + 50), if less: from 80 on where 500 are known, from 50 on where 1,000 are, and nobody broke it. Who broke it counts among the k of others, not among its own. A value that nobody was seen with may be a new name of the caller's own: it counts when the old one came twice, or two minutes before, and at most two callers of the service got another one within the hour, where one caller in fifty broke the rule or fewer; else when the old one comes again, or a third one. What was told is not told again when the old one comes. What names a group is another's only where one value was seen to go with one caller. Refused requests are no break.",
    memory:
      'maxCallers callers of 0.3 to 1.5 KiB, maxEndpoints endpoints of up to 5 KiB, 1,024 services and roles of 0.6 KiB, valuePlaces x 13 B, objectPlaces x 4 B. Evictions are counted.',
    warmUp:
      'Answers nothing about an endpoint before 50 answers to 25 callers held, and about one object before some 316, or 50 to 80 where the service is known.',
    traps:
      "Shared folders, staff, partners (where a role's callers see each other's, nothing holds for that role), lists with others' objects (what they lead to was given), tokens made for somebody's support (their subject is the customer), a migration that renames everybody (the first two callers within the hour are told, nobody after them), a tenant that many come with in turn (its first member does not have it alone), one person with an account by cookie and one by token (values of one way in are compared with each other only). Missed: answers that do not say whose the object is, or no JSON; endpoints where several of a hundred callers look at others' objects from the start (families, numbers copied wrongly), and for some hundred callers more those where a thief came before anything held; a role of fewer than 25 callers; a caller's first object, or the second where the own one came once, when nobody was seen with its owner's value before; objects that a list of the same service names the owner of. Told although harmless: an account that is given a second customer's objects, when it goes back and forth between the two; staff without a role in their token, at an endpoint where most are customers.",
    tuning:
      'report; turn it off for an endpoint whose objects are shared by links that are not requests of the same service.',
  },
  options: Options,
  create: (options, _, callers) => new ObjectOwnership(options, callers),
})
