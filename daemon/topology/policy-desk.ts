import type { Logger } from 'pino'
import type { StatusJson } from '../api/operations.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { PolicyMode } from '../model/action.ts'
import { type EventTime, HOUR_US } from '../model/time.ts'
import type { Verdict } from '../model/verdict.ts'
import { AlarmBudget, type BudgetEntry } from '../policies/alarm-budget.ts'
import type { PolicySet } from '../policies/load.ts'
import type { Policy } from '../policies/policy.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { PolicyStore, reloadFailure } from '../policies/policy-store.ts'

/** Of an incident whose policy is gone. */
const AUTO_CLOSE_US = 2 * HOUR_US

export interface PolicyDeskOptions {
  readonly config: Pick<ValidatedConfig, 'policies' | 'response'>
  readonly budgets: DurableMap<BudgetEntry>
  readonly verdicts: () => Iterable<Verdict>
  readonly logger: Logger
  /** Others are in force from now on. */
  changed(policies: PolicySet): void
}

/** Control's end of policies: which are in force, what people's verdicts leave of them, and who hears when they are others. */
export class PolicyDesk {
  readonly #options: PolicyDeskOptions
  readonly store: PolicyStore
  readonly budget: AlarmBudget

  /** @throws OffpathError: a daemon does not start on policies that are wrong. */
  constructor(options: PolicyDeskOptions) {
    this.#options = options
    const { config, budgets, verdicts, logger } = options
    const { folder, environment, modes } = config.policies
    this.store = new PolicyStore({ folder, environment, modes }, Date.now())
    this.budget = new AlarmBudget({
      entries: budgets,
      verdicts,
      nowMs: Date.now,
      changed: (policy, why) => logger.warn({ policy }, why),
    })
  }

  /** Before anything asks for them. */
  async start(): Promise<void> {
    await this.budget.review(this.current.documents)
    this.#warnOfActions()
  }

  get current(): PolicySet {
    return this.store.current
  }

  /** As verdicts leave them. */
  applied(): readonly Policy[] {
    return this.budget.applied(this.current.policies)
  }

  /** Null of one that is gone. */
  modeOf(id: string): PolicyMode | null {
    return this.current.policies.find((each) => each.id === id)?.mode ?? null
  }

  autoCloseUs(id: string): EventTime {
    return this.current.rules.find(({ policy }) => policy === id)?.autoCloseUs ?? AUTO_CLOSE_US
  }

  /** @throws OffpathError when they are wrong; then the old ones stay. */
  reload(): void {
    const policies = this.store.reload(Date.now())
    this.#review(policies.documents)
    this.#warnOfActions()
    this.#options.changed(policies)
  }

  /** The same, told in the log. */
  reloadAndTell(): void {
    const { logger } = this.#options
    try {
      this.reload()
      logger.info({ policies: this.current.policies.length }, 'policies loaded anew')
    } catch (error) {
      logger.error(reloadFailure(error))
    }
  }

  /** Reloads when the operator's folder changes. */
  watch(): { close(): void } {
    return this.store.watch(
      () => this.reloadAndTell(),
      (message) => this.#options.logger.warn(message),
    )
  }

  json(): StatusJson['policies'] {
    const { loadedAtMs, lastError } = this.store
    return {
      count: this.current.policies.length,
      loaded_at: new Date(loadedAtMs).toISOString(),
      error: lastError,
      demoted: this.budget.demoted().map(({ policy, demotion }) => ({
        policy,
        at: new Date(demotion!.atMs).toISOString(),
        why: demotion!.why,
      })),
      verdicts: this.budget.counts(),
    }
  }

  #review(documents: readonly PolicyDocument[]): void {
    this.budget
      .review(documents)
      .catch((error: unknown) =>
        this.#options.logger.error({ error: String(error) }, 'what became of a policy could not be saved'),
      )
  }

  /** A step that nothing carries out is refused when its time comes; whoever wrote it should hear of it now. */
  #warnOfActions(): void {
    const { config, logger } = this.#options
    const known = ['webhook', ...Object.keys(config.response.connectors)]
    for (const { id, respond } of this.current.policies) {
      for (const { id: step, action } of respond) {
        if (known.includes(action)) continue
        logger.warn(`policy ${id}, step ${step}: there is no connector ${action}; there are ${known.join(', ')}`)
      }
    }
  }
}
