import { z } from 'zod'
import type { Severity, Signal } from '../../../daemon/model/signal.ts'
import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { DistinctCounter, DistinctState } from '../../baselines/distinct-counter.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { amount, text, time } from '../../baselines/state.ts'
import { countText, signalOf, spanText } from '../../finding.ts'

export const FORGERIES = ['bad_signature', 'unsigned', 'own_key', 'odd_key_id', 'remote_key', 'long_expired'] as const
export type Forgery = (typeof FORGERIES)[number]

const IN_WORDS: Readonly<Record<Forgery, string>> = {
  bad_signature: 'that none of the supplied keys signed',
  unsigned: 'without a signature',
  own_key: 'with their own key inside',
  odd_key_id: 'with a key id that reaches past the keys',
  remote_key: 'with a key from somewhere else',
  long_expired: 'long past their end',
}

/** What few do by mistake is certain, what a broken client might is not. */
const LOG10_P: Readonly<Record<Forgery, number>> = {
  bad_signature: -9,
  unsigned: -9,
  own_key: -9,
  odd_key_id: -9,
  remote_key: -5,
  long_expired: -5,
}
const MAX_USERS = 100

/** Kinds, objects, users; granted, refused, since. */
export const ForgerState = z.tuple([
  z.array(z.enum(FORGERIES)).max(FORGERIES.length),
  DistinctState,
  z.array(text).max(MAX_USERS),
  z.tuple([amount, amount, time]),
])
export type ForgerState = z.infer<typeof ForgerState>

/** Where odd tokens come from. */
export class Forger {
  kinds = new Set<Forgery>()
  objects = new DistinctCounter()
  /** Users that granted tokens named. */
  users: string[] = []
  granted = 0
  refused = 0
  since: EventTime = 0

  add(tx: Transaction, forgery: Forgery, granted: boolean, now: EventTime): void {
    if (this.granted + this.refused === 0) this.since = now
    this.kinds.add(forgery)
    if (!granted) {
      this.refused++
      return
    }
    this.granted++
    if (tx.objectIds.length > 0) this.objects.learnOne(hashText(tx.objectIds.join('/')))
    const { kind, id } = tx.principal
    if (kind === 'user' && this.users.length < MAX_USERS && !this.users.includes(id)) this.users.push(id)
  }

  toState(): ForgerState {
    const { kinds, objects, users, granted, refused, since } = this
    return [[...kinds], objects.toState(), [...users], [granted, refused, since]]
  }

  static fromState([kinds, objects, users, counts]: ForgerState): Forger {
    const forger = new Forger()
    forger.kinds = new Set(kinds)
    forger.objects = DistinctCounter.fromState(objects)
    forger.users = users
    ;[forger.granted, forger.refused, forger.since] = counts
    return forger
  }
}

/** `guarded`: the endpoint has refused others. */
export function forgedSignal(
  tx: Transaction,
  forgery: Forgery,
  source: Forger,
  address: string,
  guarded: boolean,
  now: EventTime,
): Signal {
  const { granted, refused, kinds, users } = source
  const severity: Severity = granted === 0 ? 'low' : guarded ? 'critical' : 'high'
  const kindsText = [...kinds].map((kind) => IN_WORDS[kind]).join(', or ')
  const grantedText = granted === 0 ? 'none granted' : `${granted} of them granted`
  const guardedText = granted > 0 && guarded ? '; the endpoint has refused others' : ''
  const usersText = users.length === 0 ? '' : `, in the name of ${countText(users.length, 'user')}`
  return signalOf('auth.token_forged', tx, now, {
    log10P: LOG10_P[forgery],
    maturity: 1,
    severity,
    why: `${countText(granted + refused, 'request')} from ${address} in ${spanText(now - source.since)} with tokens ${kindsText}${usersText}: ${grantedText}${guardedText}`,
    expected: 'tokens that their issuer signed and that are still valid',
    observed: `tokens ${kindsText}`,
    evidence: {
      kinds: [...kinds],
      source: address,
      source_kind: 'ip',
      granted,
      refused,
      endpoint_refuses_others: guarded,
      users: users.slice(0, 10),
      algorithm: tx.claims?.alg ?? null,
      key_id: tx.claims?.kid ?? null,
    },
    subject: { kind: 'ip', value: address },
    outcome: {
      answered: granted,
      refused,
      objectsExposed: Math.round(source.objects.count),
      accounts: [...users],
      pSuccess: granted === 0 ? 0.02 : guarded ? 0.95 : 0.7,
    },
    evidenceBefore: [],
  })
}
