import type { Connector, Selector } from '../model/action.ts'
import type { Incident } from '../model/incident.ts'
import type { Policy, ResponseStep } from '../policies/policy.ts'
import { NeverList, neverFault } from './never-list.ts'

/** What the guards look at before an action is dispatched, for real or as a rehearsal. */
export interface Proposal {
  readonly policy: Policy
  readonly step: ResponseStep
  readonly target: Selector
  readonly connector: Connector | undefined
  /** The configuration's. */
  readonly never: NeverList
  /** Actions that hold now, of the step and in all, and the most of the latter. */
  readonly holding: { readonly step: number; readonly all: number; readonly most: number }
}

/** Distinct callers besides the target that it would have hit in the last 24 h; null: could not be told. */
export type Blast = { readonly principals: number } | null

export type Decision =
  | { readonly kind: 'refuse'; readonly why: string }
  | { readonly kind: 'stage'; readonly why: string }
  | { readonly kind: 'dispatch'; readonly why: string }

/** Why the target may not be acted on whatever the evidence, or null. Asked again when a person approves. */
export function standingGuards({ policy, step, target, connector, never, holding }: Proposal): string | null {
  if (connector === undefined) return `guard connector: there is no connector ${step.action}`
  if (!connector.accepts.includes(target.kind)) {
    return `guard connector: ${step.action} takes ${connector.accepts.join(', ')}, not ${target.kind}`
  }
  const listed = never.match(target)
  if (listed !== null) return `guard never: ${listed} is on the never list of the configuration`
  const own = policyMatch(step.guard.never, target)
  if (own !== null) return `guard never: ${own} (policy ${policy.id}, step ${step.id})`
  if (holding.step >= step.guard.maxActive) {
    return `guard maxActive: ${holding.step} of ${step.guard.maxActive} actions of step ${step.id} are live`
  }
  if (holding.all >= holding.most) return `guard max_active: ${holding.all} of ${holding.most} actions are live`
  return null
}

/** Decides on a proposal. `blast` is undefined while it was not asked for. */
export function decide(proposal: Proposal, incident: Incident, blast: Blast | undefined): Decision {
  const { policy, step } = proposal
  const refusal = standingGuards(proposal)
  if (refusal !== null) return { kind: 'refuse', why: refusal }
  const most = step.guard.maxCollateralPrincipals
  if (most !== null && blast !== undefined && blast !== null && blast.principals > most) {
    return { kind: 'refuse', why: `guard maxCollateralPrincipals: ${blast.principals} other callers, at most ${most}` }
  }
  // A blind sensor sees what it sees. Were it to hold every action back, blinding it would be the way around them.
  const serious = incident.doubts.filter((doubt) => doubt !== 'blind' && doubt !== 'shared_address')
  const doubts = `on evidence in doubt (${serious.join(', ')})`
  const blind = incident.doubts.includes('blind') ? 'the sensor missed part of the traffic' : null
  // Refused altogether, whoever has four accounts of their own would be out of reach.
  const crowd =
    proposal.target.kind === 'ip' && incident.doubts.includes('shared_address')
      ? 'several people are behind the address'
      : null
  const approval = approvalReason(policy, step, most !== null && blast === null) ?? crowd ?? blind
  if (policy.mode === 'simulate') {
    const notes: string[] = []
    if (serious.length > 0) notes.push(`would be refused: ${doubts}`)
    if (approval !== null) notes.push(`would wait for approval: ${approval}`)
    return { kind: 'dispatch', why: ['rehearsal, nothing is sent', ...notes].join('; ') }
  }
  if (serious.length > 0) return { kind: 'refuse', why: `guard doubts: nothing is enforced ${doubts}` }
  if (approval !== null) return { kind: 'stage', why: approval }
  return { kind: 'dispatch', why: `mode ${policy.mode}` }
}

/** Why a person must agree, or null. */
function approvalReason(policy: Policy, step: ResponseStep, blastUnknown: boolean): string | null {
  if (policy.mode === 'stage') return 'mode stage'
  if (step.risk === 'high') return 'risk high'
  if (!step.revertible) return 'it cannot be taken back'
  return blastUnknown ? 'how many other callers it would hit is not known' : null
}

/** The entry of a policy's never list that holds the target back. A list that cannot be read holds everything back. */
function policyMatch(entries: readonly string[], target: Selector): string | null {
  const broken = entries.find((entry) => neverFault(entry) !== null)
  if (broken !== undefined) return `${broken} is no entry of a never list: ${neverFault(broken)}`
  return entries.length === 0 ? null : new NeverList(entries).match(target)
}
