import type { Action, ActionEnd, ActionState } from '../model/action.ts'

/**
 * The life of one action, as a pure function: what it is, what happened, and what it is then. Nothing here sends, stores or
 * asks the time. The order of states stands at ACTION_STATES.
 *
 * The lease begins with the first try, not with the first answer: an answer can be lost, and what may be in force must end.
 * For the same reason an action that is given up after a try without an answer is taken back before it counts as failed.
 */
export type ActionEvent =
  /** Nothing stands in the way: the first try begins now. */
  | { readonly kind: 'dispatch'; readonly why: string }
  | { readonly kind: 'stage'; readonly why: string; readonly untilMs: number }
  | { readonly kind: 'refuse'; readonly why: string }
  | { readonly kind: 'approve'; readonly why: string }
  | { readonly kind: 'deny'; readonly why: string }
  /** A try begins: to apply when dispatched, to take back when reverting. */
  | { readonly kind: 'try' }
  | { readonly kind: 'applied'; readonly receipt: Readonly<Record<string, string>> }
  | {
      readonly kind: 'not_applied'
      readonly error: string
      readonly retry: boolean
      readonly uncertain: boolean
      readonly retryAfterMs: number
    }
  | { readonly kind: 'taken_back' }
  | { readonly kind: 'not_taken_back'; readonly error: string; readonly retryAfterMs: number }
  | { readonly kind: 'end'; readonly by: ActionEnd; readonly why: string }
  /** Time went by: leases and approvals end. */
  | { readonly kind: 'time' }
  /** The process began anew: no try is under way any more. */
  | { readonly kind: 'restart' }

/** The event does not apply in this state; the action stays as it was. */
export interface Rejection {
  readonly rejected: string
}

/** Waiting times after a try that failed, by number of tries so far. */
export const TRY_LADDER_MS = [0, 1_000, 3_000, 10_000, 30_000] as const
/** Taking back never gives up: after the ladder, this often. */
export const REVERT_EVERY_MS = 60_000

const FINAL: ReadonlySet<ActionState> = new Set(['reverted', 'refused', 'failed', 'expired'])
const IN_FORCE: ReadonlySet<ActionState> = new Set(['dispatched', 'applied', 'verified', 'ineffective', 'harmful'])

export function isFinal(state: ActionState): boolean {
  return FINAL.has(state)
}

/** Whether it acts, or may act, on its target: a try was made and it is not known to be taken back. */
export function isHolding(state: ActionState): boolean {
  return IN_FORCE.has(state) || state === 'reverting'
}

/** Whether the receiver confirmed it and nobody is taking it back. */
export function isInForce(state: ActionState): boolean {
  return IN_FORCE.has(state) && state !== 'dispatched'
}

export function isRejection(outcome: Action | Rejection): outcome is Rejection {
  return 'rejected' in outcome
}

export function next(action: Action, event: ActionEvent, nowMs: number): Action | Rejection {
  const { state } = action
  const rejected: Rejection = { rejected: `the action is ${state.replaceAll('_', ' ')}` }
  switch (event.kind) {
    case 'dispatch':
      return state === 'proposed' ? dispatched(action, event.why, nowMs) : rejected
    case 'stage':
      if (state !== 'proposed') return rejected
      return { ...enter(action, 'awaiting_approval', event.why, nowMs), approvalUntilMs: event.untilMs }
    case 'refuse':
    case 'deny':
      if (state !== 'awaiting_approval' && (state !== 'proposed' || event.kind === 'deny')) return rejected
      return { ...enter(action, 'refused', event.why, nowMs), ...(event.kind === 'deny' ? { endedBy: 'person' } : {}) }
    case 'approve':
      if (state !== 'awaiting_approval') return rejected
      if (nowMs >= (action.approvalUntilMs ?? 0)) return { rejected: 'the time to approve the action is over' }
      return dispatched(action, event.why, nowMs)
    case 'try':
      return begunTry(action, rejected)
    case 'applied':
      // While it is being taken back the answer only tells what to take back.
      if (state === 'reverting') return { ...action, receipt: event.receipt }
      if (state !== 'dispatched') return rejected
      return { ...without(enter(action, 'applied', 'confirmed', nowMs)), receipt: event.receipt, error: null }
    case 'not_applied':
      return notApplied(action, event, rejected, nowMs)
    case 'taken_back':
      if (state !== 'reverting') return rejected
      if (action.endedBy === 'failure') return without(enter(action, 'failed', action.error ?? 'failed', nowMs))
      return { ...without(enter(action, 'reverted', 'taken back', nowMs)), error: null }
    case 'not_taken_back': {
      if (state !== 'reverting') return rejected
      const wait = TRY_LADDER_MS[action.revertAttempts ?? 0] ?? REVERT_EVERY_MS
      return { ...action, error: event.error, nextTryMs: nowMs + Math.max(wait, boundedWait(event.retryAfterMs)) }
    }
    case 'end':
      return ended(action, event, rejected, nowMs)
    case 'time':
      return timePassed(action, rejected, nowMs)
    case 'restart':
      return restarted(action, rejected, nowMs)
  }
}

function dispatched(action: Action, why: string, nowMs: number): Action {
  return { ...enter(action, 'dispatched', why, nowMs), leaseUntilMs: nowMs + action.ttlMs, nextTryMs: nowMs }
}

function begunTry(action: Action, rejected: Rejection): Action | Rejection {
  if (action.state === 'dispatched') return { ...action, attempts: action.attempts + 1, nextTryMs: null }
  if (action.state !== 'reverting') return rejected
  return { ...action, revertAttempts: (action.revertAttempts ?? 0) + 1, nextTryMs: null }
}

function notApplied(
  action: Action,
  event: Extract<ActionEvent, { kind: 'not_applied' }>,
  rejected: Rejection,
  nowMs: number,
): Action | Rejection {
  const uncertain = action.uncertain === true || event.uncertain
  const told = { ...action, error: event.error, uncertain }
  if (action.state === 'reverting') return told
  if (action.state !== 'dispatched') return rejected
  const wait = TRY_LADDER_MS[action.attempts]
  if (event.retry && wait !== undefined) {
    return { ...told, nextTryMs: nowMs + Math.max(wait, boundedWait(event.retryAfterMs)) }
  }
  const why = `${event.error}; given up after ${action.attempts} ${action.attempts === 1 ? 'try' : 'tries'}`
  if (uncertain && action.revertible !== false) {
    return takingBack(told, 'failure', `${why}; it may be in force, so it is taken back`, nowMs)
  }
  return without(enter(told, 'failed', why, nowMs))
}

function ended(
  action: Action,
  event: Extract<ActionEvent, { kind: 'end' }>,
  rejected: Rejection,
  nowMs: number,
): Action | Rejection {
  if (action.state === 'awaiting_approval') {
    return { ...enter(action, 'refused', event.why, nowMs), endedBy: event.by }
  }
  if (!IN_FORCE.has(action.state)) return rejected
  if (action.revertible === false) return { rejected: 'the action cannot be taken back' }
  return takingBack(action, event.by, event.why, nowMs)
}

function timePassed(action: Action, rejected: Rejection, nowMs: number): Action | Rejection {
  if (action.state === 'awaiting_approval') {
    if (nowMs < (action.approvalUntilMs ?? 0)) return rejected
    return enter(action, 'expired', 'nobody decided in time', nowMs)
  }
  if (!IN_FORCE.has(action.state) || action.leaseUntilMs === null) return rejected
  if (nowMs >= action.leaseUntilMs) {
    if (action.revertible !== false) return takingBack(action, 'lease', 'the lease is over', nowMs)
    if (action.state === 'dispatched') return without(enter(action, 'failed', 'not confirmed within its lease', nowMs))
    return without(enter(action, 'expired', 'the lease is over; it cannot be taken back', nowMs))
  }
  // The host's clock went back: no lease lasts longer than it was given for.
  if (action.leaseUntilMs - nowMs > action.ttlMs) return { ...action, leaseUntilMs: nowMs + action.ttlMs }
  return rejected
}

function restarted(action: Action, rejected: Rejection, nowMs: number): Action | Rejection {
  if (action.state === 'proposed') return enter(action, 'expired', 'not begun before the restart', nowMs)
  if (action.state !== 'dispatched' && action.state !== 'reverting') return rejected
  // A try that was under way: its answer is lost, what it did is not.
  const lost = action.state === 'dispatched' && action.nextTryMs === null
  const again = { ...action, nextTryMs: nowMs, ...(lost ? { uncertain: true } : {}) }
  return action.state === 'reverting' ? { ...again, revertAttempts: 0 } : again
}

function takingBack(action: Action, by: ActionEnd, why: string, nowMs: number): Action {
  return { ...enter(action, 'reverting', why, nowMs), endedBy: by, nextTryMs: nowMs, revertAttempts: 0 }
}

function enter(action: Action, state: ActionState, why: string, nowMs: number): Action {
  return { ...action, state, history: [...action.history, { state, atMs: nowMs, why }] }
}

/** Without a next try. */
function without(action: Action): Action {
  const { nextTryMs: _, ...rest } = action
  return rest
}

/** What a receiver asks for, within what a lease can bear. */
function boundedWait(retryAfterMs: number): number {
  return Math.min(Math.max(0, retryAfterMs), REVERT_EVERY_MS)
}
