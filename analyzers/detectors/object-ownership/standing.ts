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
  /** It goes with this caller. */
  readonly isSettled: boolean
  readonly turn: Turn | null
}

export const NO_TURN: Standing = { had: false, isOwn: false, isForeign: false, isSettled: false, turn: null }

/** How the value stands to the caller's own in a domain, and to others'. Only with `teaches` is it taken note of. */
export function standingOf(
  { tx, caller, learns, now }: Look,
  owners: ValueOwners,
  domain: number,
  value: number,
  teaches: boolean,
): Standing {
  // A session ends; the next one of the same person is no stranger.
  const settles = tx.principal.kind !== 'session'
  const own = caller.ownIn(domain)
  const claims = learns && teaches && (own === 0 || own === value)
  const isForeign = settles && owners.learnOne(domain ^ caller.via, value, caller.hash, claims) === 'foreign'
  const isOwn = own !== 0 && own === value
  // What is known to be another's is not the first of one's own.
  const turn = !teaches || (own === 0 && isForeign) ? null : caller.see(domain, value, now)
  return { had: own !== 0, isOwn, isForeign, isSettled: isOwn && caller.countIn(domain) >= SETTLED, turn }
}

export function isAnother({ turn }: Standing): boolean {
  return turn === 'other' || turn === 'quick' || turn === 'third'
}

/**
 * A second value alone may be a new name of the first one: then the first does not come again, nor a third, nor does it come between two
 * requests. `isExcused`: others got a second one so quickly, too, or see others' objects as well.
 */
export function isProof({ had, isOwn, isForeign, turn }: Standing, isExcused: boolean): boolean {
  return had && ((isForeign && !isOwn) || turn === 'third' || turn === 'returned' || (turn === 'quick' && !isExcused))
}
