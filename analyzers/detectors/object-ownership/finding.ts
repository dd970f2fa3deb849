import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { countText, signalOf } from '../../finding.ts'
import type { Caller } from './caller.ts'
import type { Field, Relation } from './endpoint-fields.ts'
import { IN_FORCE, type Invariant } from './invariant.ts'

/** Answers that held, from which a break of them is no longer low, and from which it is high. */
const MEDIUM_FROM = 600
const HIGH_FROM = 3000
/** Different objects of others that make it one grade worse. */
const SEVERAL = 3
const GRADES: readonly Severity[] = ['low', 'medium', 'high']

/** The invariant that was broken, and how unlikely that is of an honest caller. */
export interface Breach {
  readonly field: Field
  readonly relation: Relation
  readonly invariant: Invariant
  readonly log10P: number
}

/** `objects`: different ones of others that the caller was given of late. `before`: a second value, of which it shows now that it was another's. */
export function breachSignal(
  tx: Transaction,
  breach: Breach,
  objects: number,
  before: boolean,
  caller: Caller,
  now: EventTime,
): Signal {
  const { field, relation, invariant, log10P } = breach
  const held = Math.round(invariant.observations)
  const callers = Math.round(invariant.callers)
  const rule = ruleOf(field, relation)
  const others = objects === 1 ? 'an object of somebody else' : `${objects} objects of others`
  const given = before ? `${others} given before one of the caller's own` : `${others} given`
  return signalOf('object.ownership', tx, now, {
    log10P,
    maturity: Math.min(1, held / IN_FORCE),
    severity: severityOf(held, objects),
    why: `${tx.endpoint}: ${given}; ${rule}, in all of ${countText(held, 'answer')} to ${countText(callers, 'caller')}${exceptions(invariant)}`,
    expected: rule,
    observed: objects,
    evidence: {
      field: `${field.place}:${field.name}`,
      relation,
      held,
      callers,
      broken_by: Math.round(invariant.broken),
      objects_of_others: objects,
    },
    subject: { kind: tx.principal.kind, value: tx.principal.id },
    outcome: { answered: objects, refused: 0, objectsExposed: objects, accounts: [], pSuccess: 0.9 },
    evidenceBefore: caller.trail.take(),
  })
}

/** As a clause: `customer_id in the answer goes with one caller only`. */
export function ruleOf(field: Field, relation: Relation): string {
  return RULES[relation](field.label)
}

const RULES: Readonly<Record<Relation, (label: string) => string>> = {
  subject: (label) => `${label} is the subject of the caller's token`,
  tenant: (label) => `${label} is the tenant of the caller's token`,
  caller: (label) => `${label} is always the same for one caller`,
  value: (label) => `${label} goes with one caller only`,
  link: (label) => `${label} is the caller's own, as elsewhere in this service`,
  person: (label) => `${label} is the caller's own, as under other names and at other services`,
}

function exceptions({ broken }: Invariant): string {
  const callers = Math.round(broken)
  return callers === 0 ? '' : ` but ${callers}`
}

function severityOf(held: number, objects: number): Severity {
  const grade = held >= HIGH_FROM ? 2 : held >= MEDIUM_FROM ? 1 : 0
  return GRADES[Math.min(2, grade + (objects >= SEVERAL ? 1 : 0))]!
}
