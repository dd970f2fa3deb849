import type { EventTime } from '../../../daemon/model/time.ts'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import type { ValueOwners } from '../../baselines/value-owners.ts'
import type { Caller, Turn } from './caller.ts'
import type { EndpointFields } from './endpoint-fields.ts'

/** Sightings after which a value has an owner. */
const SETTLED = 3

/** One answer, looked at. */
export interface Look {
  readonly tx: Transaction
  readonly key: string
  readonly caller: Caller
  readonly cohort: string
  readonly endpoint: EndpointFields
  readonly object: number
  readonly learns: boolean
  readonly now: EventTime
}

/** How a value stands to a caller: null `turn` where nothing was learnt of it. */
export interface Standing {
  /** The caller was seen with a value before. */
  readonly had: boolean
  readonly isOwn: boolean
  /** It goes with another caller. */
  readonly isForeign: boolean
  /** It goes with this caller; with this one alone, as values do not that many come with in turn. */
  readonly isSettled: boolean
  readonly isSole: boolean
  readonly turn: Turn | null
}

export const NO_TURN: Standing = {
  had: false,
  isOwn: false,
  isForeign: false,
  isSettled: false,
  isSole: false,
  turn: null,
}

/** How the value stands to the caller's own in a domain and, with `owners`, to others'. Only with `teaches` is it taken note of. */
export function standingOf(
  { tx, caller, learns, now }: Look,
  owners: ValueOwners | null,
  domain: number,
  value: number,
  teaches: boolean,
): Standing {
  // A session ends; the next one of the same person is no stranger.
  const settles = owners !== null && tx.principal.kind !== 'session'
  const own = caller.ownIn(domain)
  const claims = learns && teaches && (own === 0 || own === value)
  const owner = settles ? owners.learnOne(domain ^ caller.via, value, caller.hash, claims) : null
  const isForeign = owner === 'foreign'
  const isOwn = own !== 0 && own === value
  // What is known to be another's is not the first of one's own.
  const turn = !teaches || (own === 0 && isForeign) ? null : caller.see(domain, value, now)
  const isSettled = isOwn && caller.countIn(domain) >= SETTLED
  return { had: own !== 0, isOwn, isForeign, isSettled, isSole: isSettled && owner === 'own', turn }
}

export function isAnother({ turn }: Standing): boolean {
  return turn === 'other' || turn === 'changed' || turn === 'quick' || turn === 'third'
}

/** A second value of one whose own is known: taken, or a new name. */
export function mayBeRenamed({ turn }: Standing): boolean {
  return turn === 'changed' || turn === 'quick'
}

/**
 * A second value alone may be a new name of the first one: then others get new ones, too, and the first does not come again, nor a third.
 * `isExcused`: others did get new ones, or see others' objects as well. `isTold`: all that came before this has been told.
 */
export function isProof(standing: Standing, isExcused: boolean, isTold: boolean): boolean {
  const { had, isOwn, isForeign, turn } = standing
  if (!had) return false
  if ((isForeign && !isOwn) || turn === 'third') return true
  return turn === 'returned' ? !isTold : mayBeRenamed(standing) && !isExcused
}
