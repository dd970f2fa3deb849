import { incidentId } from '../incidents/incident-id.ts'
import type { Action, Connector, Selector } from '../model/action.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import type { Policy, ResponseStep } from '../policies/policy.ts'
import type { Logger } from '../telemetry/log.ts'
import { type ActionBook, endedAt, type Place } from './action-book.ts'
import { type Blast, decide, type Proposal, standingGuards } from './guards.ts'
import { leaseMs } from './lease.ts'
import { type ActionEvent, isFinal, next } from './machine.ts'
import { NeverList } from './never-list.ts'
import { selectorText } from './selectors.ts'

export interface ProposerOptions {
  readonly connectors: ReadonlyMap<string, Connector>
  readonly guards: { readonly never: readonly string[]; readonly maxActive: number }
  readonly blast?: (selector: Selector) => Promise<Blast>
  readonly nowMs: () => number
  readonly random: () => number
  readonly logger: Logger
}

/** Most actions that wait for a person; more are refused. */
const MAX_AWAITING = 1_000
/** Evidence this soon after a lease ended may have been under way before. */
const GRACE_MS = 5_000

/** Makes actions: whether one is due on a target, what the guards say to it, and how long it lasts. */
export class Proposer {
  readonly #options: ProposerOptions
  readonly #book: ActionBook
  /** The configuration's. */
  never: NeverList

  constructor(options: ProposerOptions, book: ActionBook) {
    this.#options = options
    this.#book = book
    this.never = new NeverList(options.guards.never)
  }

  /**
   * Whether the place is free for the incident: no live action on it, and none before that settled the matter. A rehearsal is in
   * nobody's way but another one's. `targets`: how many the step has in this incident.
   */
  mayAct(place: Place, { incident, kind }: IncidentChange, simulated: boolean, targets: number): boolean {
    const actions = this.#book.ofPlace(place).filter((action) => action.simulated === simulated)
    if (actions.some(({ state }) => !isFinal(state))) return false
    const before = actions.findLast(({ incidentId }) => incidentId === incident.id)
    if (before === undefined) return true
    if (before.endedBy === 'person' || before.endedBy === 'never' || before.endedBy === 'verdict') return false
    // Only what came after the end of the last one is reason for another.
    if (incident.updatedAt / 1000 <= endedAt(before) + GRACE_MS) return false
    if (kind === 'opened') return true
    // With several targets an update does not tell which of them goes on.
    return before.state === 'reverted' && targets === 1
  }

  /**
   * Makes an action in its first state: dispatched, awaiting approval, or refused. Asks for the collateral where the step wants it.
   * `accept` is called before anything else can happen: what the guards counted is still true then.
   */
  async propose(
    policy: Policy,
    step: ResponseStep,
    target: Selector,
    incident: Incident,
    blastLimitMs: number,
    accept: (action: Action) => Promise<void>,
  ): Promise<void> {
    const simulated = policy.mode === 'simulate'
    let decided = decide(this.#proposal(policy, step, target, simulated), incident, undefined)
    if (decided.kind !== 'refuse' && step.guard.maxCollateralPrincipals !== null) {
      const blast = await this.#blast(target, blastLimitMs)
      // Time went by: the guards are asked again, together with the answer.
      decided = decide(this.#proposal(policy, step, target, simulated), incident, blast)
    }
    if (decided.kind === 'stage' && this.#book.awaitingCount >= MAX_AWAITING) {
      decided = { kind: 'refuse', why: `guard approvals: ${MAX_AWAITING} actions wait for approval already` }
    }
    const nowMs = this.#options.nowMs()
    const event: ActionEvent =
      decided.kind === 'stage'
        ? { kind: 'stage', why: decided.why, untilMs: nowMs + step.approval.expiresUs / 1000 }
        : { kind: decided.kind, why: decided.why }
    await accept(next(this.#proposed(policy, step, target, incident, nowMs), event, nowMs) as Action)
  }

  /** Why the target may not be acted on now, whatever the evidence; or null. */
  refusal(policy: Policy, step: ResponseStep, target: Selector, simulated: boolean): string | null {
    return standingGuards(this.#proposal(policy, step, target, simulated))
  }

  #proposed(policy: Policy, step: ResponseStep, target: Selector, incident: Incident, nowMs: number): Action {
    const place: Place = { policy: policy.id, step: step.id, target }
    const simulated = policy.mode === 'simulate'
    const count = this.#book.ofPlace(place).length
    // Made like an incident's id: it sorts by time, and is the same for the same proposal.
    const id = incidentId(`${policy.id} ${step.id}`, `${incident.id} ${selectorText(target)}`, nowMs * 1000, `${count}`)
    return {
      id,
      incidentId: incident.id,
      ...place,
      connector: step.action,
      mode: policy.mode,
      simulated,
      state: 'proposed',
      reason: `${policy.title}: ${incident.why}`,
      idempotencyKey: id,
      proposedAtMs: nowMs,
      leaseUntilMs: null,
      ttlMs: leaseMs(step, this.#book.repeats(place, simulated, nowMs), this.#options.random()),
      attempts: 0,
      error: null,
      receipt: {},
      history: [{ state: 'proposed', atMs: nowMs, why: `policy ${policy.id}, step ${step.id}` }],
      ...(step.revertible ? {} : { revertible: false }),
    }
  }

  #proposal(policy: Policy, step: ResponseStep, target: Selector, simulated: boolean): Proposal {
    const holding = {
      step: this.#book.holding(simulated, policy.id, step.id),
      all: this.#book.holding(simulated),
      most: this.#options.guards.maxActive,
    }
    const connector = this.#options.connectors.get(step.action)
    return { policy, step, target, connector, never: this.never, holding }
  }

  async #blast(target: Selector, limitMs: number): Promise<Blast> {
    const { blast, logger } = this.#options
    if (blast === undefined || limitMs <= 0) return null
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), limitMs)
    })
    try {
      return await Promise.race([blast(target), late])
    } catch (error) {
      logger.warn({ error: String(error) }, 'the collateral of an action could not be told')
      return null
    } finally {
      clearTimeout(timer)
    }
  }
}
