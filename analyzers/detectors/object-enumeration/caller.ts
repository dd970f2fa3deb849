import { z } from 'zod'
import type { Principal, Transaction } from '../../../daemon/model/transaction.ts'
import type { CallerRow } from '../../baselines/caller-index.ts'
import { hashText } from '../../baselines/lookup-hash.ts'
import { NO_ROW, type RowOwner } from '../../baselines/place-rows.ts'
import type { Places } from '../../baselines/places.ts'
import { PrincipalState, principalFrom, principalKey, principalState, voteKey } from '../../baselines/principal-key.ts'
import { flag, text } from '../../baselines/state.ts'
import { Reach } from './reach.ts'
import { MAX_REACHES_PER_CALLER, type ReachColumns } from './reach-columns.ts'
import { ReachState } from './reach-state.ts'

/** Principal, cohort, whether it is distinctive, reaches. */
export const CallerState = z.tuple([
  PrincipalState.nullable(),
  text,
  flag,
  z.array(ReachState).max(MAX_REACHES_PER_CALLER),
])
export type CallerState = z.infer<typeof CallerState>

/** One caller; what it reached at up to 24 endpoints is kept in rows of ReachColumns. */
export class Caller implements RowOwner {
  principal: Principal | null = null
  /** principalKey and voteKey. */
  key = ''
  voter = ''
  /** Role, or kind of caller. */
  cohort = ''
  /** Whether the cohort says what a caller is for, so that others are no measure for it. */
  distinctive = false
  hash = 0
  first = NO_ROW

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

  toState(columns: ReachColumns): CallerState {
    const { principal, cohort, distinctive, first } = this
    const reach = new Reach(columns)
    const reaches: ReachState[] = []
    for (let row = first; row !== NO_ROW; row = columns.next(row)) reaches.push(reach.at(row).toState())
    return [principal === null ? null : principalState(principal), cohort, distinctive, reaches]
  }

  static fromState(
    [principal, cohort, distinctive, reaches]: CallerState,
    places: Places,
    columns: ReachColumns,
  ): Caller {
    const caller = new Caller()
    if (principal !== null) {
      caller.principal = principalFrom(principal)
      caller.key = principalKey(caller.principal)
      caller.voter = voteKey(caller.principal)
      caller.hash = hashText(caller.key)
    }
    caller.cohort = cohort
    caller.distinctive = distinctive
    const reach = new Reach(columns)
    for (const state of reaches) reach.at(columns.add(caller, places.of(state[0], state[1]))).restore(state)
    return caller
  }
}
