import { z } from 'zod'
import { type EventTime, MINUTE_US } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, flag, hash32, text } from '../../baselines/state.ts'
import type { Caller } from './caller.ts'
import { ABSENT, namesInJson, namesInQuery, valueHash, valueIn, valueInQuery, valuesIn } from './field-values.ts'
import { Invariant, InvariantElsewhere, InvariantState } from './invariant.ts'
import { isPerson, ownerName, ownersNamed } from './owner-names.ts'

const MAX_FIELDS = 4
const MAX_COHORTS = 4
/** Answers in which fields are looked for; afterwards one in RARELY. */
const LOOKS = 40
const RARELY = 64
/** Callers after whom it shows whether anything holds; where nothing does one answer in SELDOM is read. */
const TRIED = 300
const SELDOM = 16
const ASKED = 16
/** Answers that are read in a minute while nothing holds: enough to learn within the hour, whatever the load. */
const READ_A_MINUTE = 32
const MAX_NAME = 64

/**
 * What may hold: the value is the token's subject, or its tenant; a caller is seen with one value only here; a value goes with one
 * caller only here; both are as at the service's other endpoints where they hold; so they are at any service, whatever its name for it.
 */
export const RELATIONS = ['subject', 'tenant', 'caller', 'value', 'link', 'person'] as const
export type Relation = (typeof RELATIONS)[number]
const MAX_RELATIONS = RELATIONS.length

const PLACES = ['path', 'query', 'body', 'response'] as const
type Place = (typeof PLACES)[number]

/** Name, invariants in the order of RELATIONS. */
const CohortState = z.tuple([text, z.array(InvariantState).length(MAX_RELATIONS)])
const FieldState = z.tuple([
  z.enum(PLACES),
  z.string().max(MAX_NAME),
  z.int().min(0).max(255),
  flag,
  z.array(CohortState).max(MAX_COHORTS),
])
/** Scope, service, collection, answers, whether it holds or is hopeless, the minute, read in it, fields. */
export const FieldsState = z.tuple([
  hash32,
  text,
  text,
  amount,
  flag,
  flag,
  amount,
  amount,
  z.array(FieldState).max(MAX_FIELDS),
])
type FieldsState = z.infer<typeof FieldsState>

/** What other analyzers learnt of the fields of one collection. */
export class FieldsElsewhere {
  readonly #fields = new Map<string, Map<string, readonly InvariantElsewhere[]>>()

  add(state: unknown): void {
    for (const [place, name, position, , cohorts] of z.array(FieldState).max(MAX_FIELDS).parse(state)) {
      const key = fieldKey(place, name, position)
      const known = this.#fields.get(key) ?? new Map<string, readonly InvariantElsewhere[]>()
      if (known.size === 0 && this.#fields.size < 2 * MAX_FIELDS) this.#fields.set(key, known)
      for (const [cohort, invariants] of cohorts) {
        const sums = known.get(cohort) ?? RELATIONS.map(() => new InvariantElsewhere())
        if (known.size < 2 * MAX_COHORTS) known.set(cohort, sums)
        for (const [relation, sum] of sums.entries()) sum.add(invariants[relation]!)
      }
    }
  }

  /** By cohort. */
  of(field: Field): ReadonlyMap<string, readonly InvariantElsewhere[]> | null {
    return this.#fields.get(fieldKey(field.place, field.name, field.position)) ?? null
  }
}

function fieldKey(place: Place, name: string, position: number): string {
  return `${place} ${position} ${name}`
}

/** A field of an endpoint's requests or answers that says whose its object is. */
export class Field {
  readonly place: Place
  /** As it stands there; of a path the segment before. */
  readonly name: string
  /** Which variable segment, of a path. */
  readonly position: number
  /** Its name says so; else it was equal to a claim once, and only claims are compared. */
  readonly named: boolean
  /** Tells its values from those of other fields, and those of a service under one name from other names'. */
  readonly domain: number
  readonly sharedDomain: number
  /** It is one person's: comparable with what any endpoint of any service calls a person. */
  readonly isPerson: boolean
  readonly #quoted: string
  readonly #cohorts = new Map<string, readonly Invariant[]>()
  #others: ReadonlyMap<string, readonly InvariantElsewhere[]> | null = null

  constructor(endpoint: EndpointFields, place: Place, name: string, position: number, named: boolean) {
    const { service, collection } = endpoint
    this.place = place
    this.name = name
    this.position = position
    this.named = named
    this.domain = hashText(`${service} ${collection} ${place} ${position} ${name}`)
    const owner = place === 'path' ? ownersNamed(name) : ownerName(name)
    this.sharedDomain = hashText(`${service} ${owner ?? name}`)
    this.isPerson = owner !== null && isPerson(owner)
    this.#quoted = `"${name}"`
  }

  /** `customer_id of the answer`. */
  get label(): string {
    if (this.place === 'path') return `the ${this.name} in the path`
    return `${this.name} in the ${this.place === 'response' ? 'answer' : this.place}`
  }

  valueOf(tx: Transaction): number {
    switch (this.place) {
      case 'path': {
        const id = tx.objectIds[this.position]
        return id === undefined || id === '' ? ABSENT : valueHash(id)
      }
      case 'query':
        return valueInQuery(tx.query, this.name)
      case 'body':
        return tx.requestBody === undefined ? ABSENT : valueIn(tx.requestBody, this.#quoted)
      case 'response':
        return tx.responseBody === undefined ? ABSENT : valueIn(tx.responseBody, this.#quoted)
    }
  }

  /** All values of the answer. */
  valuesIn(tx: Transaction): readonly number[] {
    return this.place === 'response' && tx.responseBody !== undefined ? valuesIn(tx.responseBody, this.#quoted) : []
  }

  /** Of those with this role; null where there are more roles than are told apart. */
  invariantsOf(cohort: string): readonly Invariant[] | null {
    const found = this.#cohorts.get(cohort)
    if (found !== undefined) return found
    if (this.#cohorts.size >= MAX_COHORTS) return null
    const made = RELATIONS.map(() => new Invariant())
    this.#cohorts.set(cohort, made)
    this.#hear(cohort, made)
    return made
  }

  /** What other analyzers learnt of it, by cohort. */
  hear(others: ReadonlyMap<string, readonly InvariantElsewhere[]> | null): void {
    if (others === null && this.#others === null) return
    this.#others = others
    for (const [cohort, invariants] of this.#cohorts) this.#hear(cohort, invariants)
  }

  #hear(cohort: string, invariants: readonly Invariant[]): void {
    const sums = this.#others?.get(cohort)
    for (const [relation, invariant] of invariants.entries()) invariant.hear(sums?.[relation] ?? null)
  }

  get holds(): boolean {
    for (const invariants of this.#cohorts.values()) if (invariants.some(({ holds }) => holds)) return true
    return false
  }

  get tried(): boolean {
    let callers = 0
    for (const invariants of this.#cohorts.values()) callers += Math.max(...invariants.map(({ known }) => known))
    return callers >= TRIED
  }

  toState(): z.infer<typeof FieldState> {
    const cohorts = [...this.#cohorts].map(
      ([name, invariants]): z.infer<typeof CohortState> => [name, invariants.map((each) => each.toState())],
    )
    return [this.place, this.name, this.position, this.named, cohorts]
  }

  static fromState(
    endpoint: EndpointFields,
    [place, name, position, named, cohorts]: z.infer<typeof FieldState>,
  ): Field {
    const field = new Field(endpoint, place, name, position, named)
    for (const [cohort, invariants] of cohorts) field.#cohorts.set(cohort, invariants.map(Invariant.fromState))
    return field
  }
}

/**
 * What endpoints share whose answers show the same things: the method, and the path without what varies. A list, an item of it and the
 * item as a PDF are one: `GET /v1/letters`.
 */
export function collectionOf(template: string): string {
  return template
    .split('/')
    .filter((segment, i) => i === 0 || !segment.startsWith('{'))
    .join('/')
}

/** The fields of one collection that may say whose an object is, and how far they do: at most 4 fields x 4 roles x 6 relations. */
export class EndpointFields {
  readonly scope: number
  readonly service: string
  readonly collection: string
  fields: Field[] = []
  #others: FieldsElsewhere | null = null
  #answers = 0
  /** As of the last time that it was asked. */
  #holds = false
  #hopeless = false
  #minute = 0
  #read = 0

  constructor(scope: number, service: string, collection: string) {
    this.scope = scope
    this.service = service
    this.collection = collection
  }

  /** Tells the fields of all endpoints apart. */
  numberOf(field: number): number {
    return this.scope * MAX_FIELDS + field
  }

  get holds(): boolean {
    return this.fields.some((field) => field.holds)
  }

  /** What other analyzers learnt of it, in the place of what they knew before. */
  hear(others: FieldsElsewhere | null): void {
    this.#others = others
    for (const field of this.fields) field.hear(others?.of(field) ?? null)
  }

  /** What was learnt here, for others. */
  told(): unknown {
    return this.fields.map((field) => field.toState())
  }

  /** Takes note of another answer; false where it cannot tell anything, whoever was given it. */
  noteAnswer(tx: Transaction): boolean {
    const answers = this.#answers++
    if (answers < LOOKS || answers % RARELY === 0) this.#discover(tx)
    if (this.fields.length === 0) return false
    if (answers % ASKED === 0) {
      this.#holds = this.holds
      this.#hopeless = !this.#holds && this.fields.every((field) => field.tried)
    }
    return !this.#hopeless || answers % SELDOM === 0
  }

  /**
   * Whether an answer is worth reading: bodies are decoded for it, so only where something holds, or the caller may still say whether
   * anything does.
   */
  worthReading(caller: Caller, now: EventTime): boolean {
    if (this.#holds) return true
    const minute = Math.floor(now / MINUTE_US)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#read = 0
    }
    if (this.#read >= READ_A_MINUTE || !this.fields.some((_, i) => caller.recordOf(this.numberOf(i)).isOpen))
      return false
    this.#read++
    return true
  }

  #discover(tx: Transaction): void {
    const { claims } = tx
    const values = claims === null ? [] : [claims.sub, claims.tenant]
    const segments = tx.endpoint!.slice(tx.endpoint!.indexOf(' ') + 1).split('/')
    let position = 0
    for (let i = 1; i < segments.length; i++) {
      if (!segments[i]!.startsWith('{')) continue
      const before = segments[i - 1]!
      const named = ownersNamed(before) !== null
      const id = tx.objectIds[position]
      if (named || (id !== undefined && id.length > 2 && values.includes(id))) {
        this.#add('path', before, position, named)
      }
      position++
    }
    if (tx.query !== '') for (const name of namesInQuery(tx.query, values)) this.#add('query', name, 0)
    if (tx.method !== 'GET' && tx.requestBodyBytes > 0) {
      for (const name of namesInJson(tx.requestBody, values)) this.#add('body', name, 0)
    }
    for (const name of namesInJson(tx.responseBody, values)) this.#add('response', name, 0)
  }

  #add(place: Place, name: string, position: number, named = ownerName(name) !== null): void {
    if (name === '' || name.length > MAX_NAME || name.includes('"') || name.includes('\\')) return
    const { fields } = this
    if (fields.some((each) => each.place === place && each.name === name && each.position === position)) return
    if (fields.length >= MAX_FIELDS) return
    const field = new Field(this, place, name, position, named)
    field.hear(this.#others?.of(field) ?? null)
    fields.push(field)
  }

  toState(): FieldsState {
    const { scope, service, collection, fields } = this
    const states = fields.map((field) => field.toState())
    return [scope, service, collection, this.#answers, this.#holds, this.#hopeless, this.#minute, this.#read, states]
  }

  static fromState([
    scope,
    service,
    collection,
    answers,
    holds,
    hopeless,
    minute,
    read,
    fields,
  ]: FieldsState): EndpointFields {
    const endpoint = new EndpointFields(scope, service, collection)
    endpoint.#answers = answers
    endpoint.#holds = holds
    endpoint.#hopeless = hopeless
    endpoint.#minute = minute
    endpoint.#read = read
    endpoint.fields = fields.map((field) => Field.fromState(endpoint, field))
    return endpoint
  }
}
