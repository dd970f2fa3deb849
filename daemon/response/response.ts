import type { Action, Connector, Selector } from '../model/action.ts'
import type { Incident, IncidentChange } from '../model/incident.ts'
import { SEVERITIES } from '../model/signal.ts'
import type { Policy, ResponseStep } from '../policies/policy.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { ActionBook, type ActionMap, type Place, placeText } from './action-book.ts'
import type { Blast } from './guards.ts'
import { type ActionEvent, isFinal, isInForce, isRejection, next } from './machine.ts'
import { NeverList } from './never-list.ts'
import { Proposer } from './proposer.ts'
import { selectorsOf, selectorText } from './selectors.ts'
import { Tries, type TryAnswer } from './tries.ts'

export interface ResponseOptions {
  /** Owned by the caller, who closes it after `close()`. */
  readonly actions: ActionMap
  readonly connectors: ReadonlyMap<string, Connector>
  /** Those in force now. */
  readonly policies: () => readonly Policy[]
  /** The configuration's guards; `never` with the trusted hops, which must never be a target. */
  readonly guards: { readonly never: readonly string[]; readonly maxActive: number }
  /** Distinct callers besides the target that a selector would have hit in the last 24 h; null when that cannot be told. */
  readonly blast?: (selector: Selector) => Promise<Blast>
  /** Each change of state, once it is on disk. The incident is null when it is not known any more. */
  readonly onChange: (action: Action, incident: Incident | null) => void
  readonly nowMs: () => number
  /** 0 to 1, for jitter. */
  readonly random: () => number
  readonly logger: Logger
}

/** Who decides, for the record. */
export interface Decider {
  readonly who: string
  readonly reason: string
}

/** What is done about an incident: for its `actions`, `simulated` and `status`. */
export interface Standing {
  /** Newest last, at most MAX_ACTIONS_SHOWN. */
  readonly actions: readonly string[]
  /** There are actions, and each was a rehearsal. */
  readonly simulated: boolean
  /** Every target of one step is held by a confirmed action that is no rehearsal. */
  readonly contained: boolean
}

const MAX_ACTIONS_SHOWN = 100
/** All questions about collateral for one change of an incident, together: what takes longer is not known. */
const BLAST_BUDGET_MS = 10_000
/** A connector that does not end when it is told to is not waited for longer. */
const CLOSE_LIMIT_MS = 3_000
/** Tries to take back that failed, after which an operator is needed; and again each so many. */
const ALARM_AFTER = 5
const ALARM_EVERY = 10

/**
 * From incidents to actions with a lease, and back: proposes by policy, asks the guards, dispatches through connectors, and
 * takes everything back in the end. Each step is on disk before it is done, so that a restart goes on from there.
 *
 * Lives in the control process. `tick` is to be called about each second; nothing else keeps time here.
 */
export class Response {
  readonly #options: ResponseOptions
  readonly #book: ActionBook
  readonly #tries: Tries
  readonly #proposer: Proposer
  /** Newest state of the incidents that have live actions. */
  readonly #incidents = new Map<string, Incident>()
  /** Places on which a proposal is being looked at. */
  readonly #considered = new Set<string>()
  #closed = false

  constructor(options: ResponseOptions) {
    this.#options = options
    this.#book = new ActionBook(options.actions)
    this.#proposer = new Proposer(options, this.#book)
    this.#tries = new Tries((answer) => this.#answered(answer))
  }

  /** Goes on with what was live when the process ended. Call once, before the first change and tick. */
  async start(): Promise<void> {
    const live = this.#book.live()
    await Promise.all(live.map((action) => this.#change(action.id, { kind: 'restart' })))
    if (live.length > 0) this.#options.logger.info({ actions: live.length }, 'live actions of the last run go on')
    await this.tick(this.#options.nowMs())
  }

  /** Proposes what the incident's policy says. An incident that is updated acts only on targets that are new. */
  async consider(change: IncidentChange): Promise<void> {
    const { incident } = change
    if (this.#closed) return
    if (this.#incidents.has(incident.id)) this.#incidents.set(incident.id, incident)
    if (incident.status === 'benign' || incident.status === 'false') {
      const why = `the incident was closed as ${incident.status}`
      await this.#endAll(this.#book.ofIncident(incident.id), () => ({ kind: 'end', by: 'verdict', why }))
      return
    }
    const policy = this.#options.policies().find(({ id }) => id === incident.policy)
    if (change.kind === 'closed' || policy === undefined || policy.mode === 'observe') return
    const simulated = policy.mode === 'simulate'
    let blastLeftMs = BLAST_BUDGET_MS
    for (const step of policy.respond) {
      if (SEVERITIES.indexOf(incident.severity) < SEVERITIES.indexOf(step.guard.minSeverity)) continue
      const targets = selectorsOf(step.target, incident)
      for (const target of targets) {
        const place: Place = { policy: policy.id, step: step.id, target }
        const text = placeText(place)
        if (this.#considered.has(text) || !this.#proposer.mayAct(place, change, simulated, targets.length)) continue
        this.#considered.add(text)
        try {
          const begun = this.#options.nowMs()
          await this.#proposer.propose(policy, step, target, incident, blastLeftMs, (action) =>
            this.#add(action, incident),
          )
          blastLeftMs -= Math.max(0, this.#options.nowMs() - begun)
        } finally {
          this.#considered.delete(text)
        }
      }
    }
  }

  /** Ends leases and approvals, begins the tries that are due. Resolves when what changed is on disk; tries go on beside. */
  async tick(nowMs: number): Promise<void> {
    await this.#tries.expire(nowMs)
    const over = this.#book.live().filter((action) => !isRejection(next(action, { kind: 'time' }, nowMs)))
    await Promise.all(over.map((action) => this.#change(action.id, { kind: 'time' }, nowMs)))
    await this.#book.expire(nowMs).catch((error: unknown) => this.#unsaved(error))
    this.#begin(nowMs)
  }

  /** A person agrees. The guards are asked again: the world may have changed since. */
  async approve(id: string, by: Decider): Promise<Action> {
    const action = this.#known(id)
    const policy = this.#options.policies().find((other) => other.id === action.policy)
    const step = policy?.respond.find((other) => other.id === action.step)
    if (action.state === 'awaiting_approval') {
      const refusal =
        policy === undefined || step === undefined
          ? 'the policy does not have the step any more'
          : this.#proposer.refusal(policy, step, action.target, action.simulated)
      if (refusal !== null) {
        await this.#change(id, { kind: 'refuse', why: refusal })
        throw new OffpathError('OFFPATH_E_STATE', `action ${id} is refused: ${refusal}`)
      }
    }
    await this.#decided(id, { kind: 'approve', why: `approved by ${decider(by)}` })
    this.#begin(this.#options.nowMs())
    return this.#known(id)
  }

  /** A person disagrees with what waits for approval. */
  async deny(id: string, by: Decider): Promise<Action> {
    await this.#decided(id, { kind: 'deny', why: `denied by ${decider(by)}` })
    return this.#known(id)
  }

  /** A person ends an action before its lease does. Resolves when that is on disk; the receiver is told beside. */
  async revert(id: string, by: Decider): Promise<Action> {
    await this.#decided(id, { kind: 'end', by: 'person', why: `ended by ${decider(by)}` })
    this.#begin(this.#options.nowMs())
    return this.#known(id)
  }

  /** The configuration's never list from now on. Live actions on what it holds, or what their policies hold now, end at once. */
  async protect(never: readonly string[]): Promise<readonly Action[]> {
    const list = new NeverList(never)
    this.#proposer.never = list
    const steps = new Map(
      this.#options.policies().flatMap((policy) => policy.respond.map((step) => [`${policy.id}\0${step.id}`, step])),
    )
    return this.#release((action) => {
      const own = steps.get(`${action.policy}\0${action.step}`)?.guard.never ?? []
      return list.match(action.target) ?? matchOf(own, action.target)
    })
  }

  /** Ends live actions on a target, or on what an entry of a never list holds. Their number is the answer's length. */
  async release(what: Selector | string): Promise<readonly Action[]> {
    const list = new NeverList([typeof what === 'string' ? what : selectorText(what)])
    return this.#release((action) => list.match(action.target))
  }

  get(id: string): Action | undefined {
    return this.#book.get(id)
  }

  /** Newest first, 50 unless told. */
  list(
    filter: { readonly incident?: string; readonly live?: boolean; readonly limit?: number } = {},
  ): readonly Action[] {
    return this.#book.list(filter)
  }

  /** What is done about an incident now. */
  standing(incident: Incident): Standing {
    const actions = this.#book.ofIncident(incident.id)
    const policy = this.#options.policies().find(({ id }) => id === incident.policy)
    return {
      actions: actions.slice(-MAX_ACTIONS_SHOWN).map(({ id }) => id),
      simulated: actions.length > 0 && actions.every(({ simulated }) => simulated),
      contained: policy?.respond.some((step) => this.#covers(policy, step, incident)) ?? false,
    }
  }

  /** For status and metrics. */
  counts(): { live: number; awaitingApproval: number; simulated: number; dropped: number } {
    const simulated = this.#book.holding(true)
    const awaitingApproval = this.#book.awaitingCount
    const live = this.#book.holding(false)
    return { live, awaitingApproval, simulated, dropped: this.#book.dropped }
  }

  /** Resolves when no try is under way. */
  idle(): Promise<void> {
    return this.#tries.idle()
  }

  /** Begins nothing more and ends the tries under way; the next start goes on from there. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#tries.abort()
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_LIMIT_MS)
    })
    await Promise.race([this.#tries.idle(), limit])
    clearTimeout(timer)
  }

  async #add(action: Action, incident: Incident): Promise<void> {
    if (this.#closed) return
    if (!isFinal(action.state)) this.#incidents.set(incident.id, incident)
    await this.#save(action, incident)
    this.#begin(this.#options.nowMs())
  }

  /** Begins the tries that are due, as many as may be under way. */
  #begin(nowMs: number): void {
    if (this.#closed) return
    for (const action of this.#book.trying()) {
      if (this.#tries.isFull(action.connector) || this.#tries.has(action.id)) continue
      if (!isDue(action.nextTryMs ?? 0, nowMs)) continue
      const trying = next(action, { kind: 'try' }, nowMs)
      if (isRejection(trying)) continue
      const saved = this.#book.put(trying).then(
        () => null,
        (error: unknown) => {
          this.#unsaved(error)
          // What is not on disk is not begun. Taking back is: a full disk must not keep anything in force.
          return trying.state === 'reverting' ? null : `the action could not be saved: ${String(error)}`
        },
      )
      const incident = this.#incidents.get(action.incidentId) ?? null
      // It may be ended while that is written.
      const wanted = () => this.#book.get(action.id)?.state === trying.state
      this.#tries.begin(trying, incident, this.#options.connectors.get(action.connector), { saved, wanted }, nowMs)
    }
  }

  async #answered({ id, phase, result, late, clean }: TryAnswer): Promise<void> {
    const action = this.#book.get(id)
    // What was cut off by the end of the process is for the next start to find out.
    if (action === undefined || (this.#closed && !result.ok)) return
    if (late && !result.ok) return
    // What came to the receiver before an open try to apply did not take that one back.
    const event: ActionEvent =
      phase === 'revert' && result.ok && !clean
        ? { kind: 'not_taken_back', error: 'an earlier try was still open', retryAfterMs: 0 }
        : answerEvent(phase, result)
    await this.#change(id, event)
    this.#alarm(this.#book.get(id), phase, result.ok)
    this.#begin(this.#options.nowMs())
  }

  #alarm(action: Action | undefined, phase: 'apply' | 'revert', ok: boolean): void {
    if (action === undefined || ok) return
    const { logger } = this.#options
    const { id, connector, error } = action
    const place = { action: id, connector, step: action.step, target: action.target.kind, error }
    const tries = action.revertAttempts ?? 0
    if (phase === 'revert' && tries >= ALARM_AFTER && (tries - ALARM_AFTER) % ALARM_EVERY === 0) {
      logger.error({ ...place, tries }, 'an action cannot be taken back; it is tried on')
    } else if (phase === 'apply' && (action.state === 'failed' || action.endedBy === 'failure')) {
      logger.error(place, 'an action failed; the target is not held')
    } else logger.warn(place, 'a try of an action failed')
  }

  #release(match: (action: Action) => string | null): Promise<readonly Action[]> {
    return this.#endAll(this.#book.live(), (action) => {
      const entry = match(action)
      return entry === null ? null : { kind: 'end', by: 'never', why: `${entry} came onto a never list` }
    })
  }

  async #endAll(actions: readonly Action[], event: (action: Action) => ActionEvent | null): Promise<readonly Action[]> {
    const ended: Action[] = []
    for (const action of actions) {
      const end = event(action)
      if (end !== null && (await this.#change(action.id, end)) === null) ended.push(this.#known(action.id))
    }
    this.#begin(this.#options.nowMs())
    return ended
  }

  #covers(policy: Policy, step: ResponseStep, incident: Incident): boolean {
    const targets = selectorsOf(step.target, incident)
    return (
      targets.length > 0 &&
      targets.every((target) =>
        this.#book
          .ofPlace({ policy: policy.id, step: step.id, target })
          .some((action) => !action.simulated && isInForce(action.state)),
      )
    )
  }

  /** One event on one action, saved and told. Null, or why it does not apply. */
  async #change(id: string, event: ActionEvent, nowMs = this.#options.nowMs()): Promise<string | null> {
    const before = this.#book.get(id)
    if (before === undefined) return 'there is no such action'
    const after = next(before, event, nowMs)
    if (isRejection(after)) return after.rejected
    await this.#save(after, this.#incidents.get(after.incidentId) ?? null, before.state)
    return null
  }

  async #save(action: Action, incident: Incident | null, stateBefore?: Action['state']): Promise<void> {
    await this.#book.put(action).catch((error: unknown) => this.#unsaved(error))
    if (action.state === stateBefore) return
    const { logger, onChange } = this.#options
    const { id, policy, step, state, simulated } = action
    logger.info({ action: id, incident: action.incidentId, policy, step, state, simulated }, 'action changed')
    try {
      onChange(action, incident)
    } catch (error) {
      // Whoever is told must not stop leases from ending.
      logger.error({ action: id, error: String(error) }, 'a change of an action could not be told')
    }
    if (isFinal(state) && this.#book.ofIncident(action.incidentId).every((other) => isFinal(other.state))) {
      this.#incidents.delete(action.incidentId)
    }
  }

  async #decided(id: string, event: ActionEvent): Promise<void> {
    this.#known(id)
    const rejected = await this.#change(id, event)
    if (rejected !== null) throw new OffpathError('OFFPATH_E_STATE', `action ${id}: ${rejected}`)
  }

  #known(id: string): Action {
    const action = this.#book.get(id)
    if (action === undefined) throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no action ${id}`)
    return action
  }

  #unsaved(error: unknown): void {
    this.#options.logger.error({ error: String(error) }, 'actions could not be saved')
  }
}

function answerEvent(phase: 'apply' | 'revert', result: TryAnswer['result']): ActionEvent {
  if (phase === 'revert') {
    if (result.ok) return { kind: 'taken_back' }
    return { kind: 'not_taken_back', error: result.error, retryAfterMs: result.retryAfterMs ?? 0 }
  }
  if (result.ok) return { kind: 'applied', receipt: result.receipt }
  const { error, retry, uncertain = false, retryAfterMs = 0 } = result
  return { kind: 'not_applied', error, retry, uncertain, retryAfterMs }
}

/** Also when the host's clock went back: no wait is longer than this. */
function isDue(nextTryMs: number, nowMs: number): boolean {
  return nextTryMs <= nowMs || nextTryMs - nowMs > LONGEST_WAIT_MS
}
const LONGEST_WAIT_MS = 60_000

function matchOf(never: readonly string[], target: Selector): string | null {
  try {
    return never.length === 0 ? null : new NeverList(never).match(target)
  } catch {
    // The guards refuse everything new under a list that cannot be read; what is live keeps its lease.
    return null
  }
}

function decider({ who, reason }: Decider): string {
  return reason === '' ? who : `${who}: ${reason}`
}
