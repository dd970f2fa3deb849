import type { Store, StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import type { Outbox } from '../../sinks/webhook/outbox.ts'
import { incidentDetail } from '../api/incident-detail.ts'
import { readInventory, selectClients, selectRoutes } from '../api/inventory-file.ts'
import { actionJson, DEFAULT_LIMIT, incidentJson, selectActions, selectIncidents } from '../api/json-forms.ts'
import type {
  ActionFilter,
  ActionJson,
  Decision,
  DeliveryFilter,
  DeliveryJson,
  DeployJson,
  DeployRequest,
  IncidentDetailJson,
  IncidentFilter,
  IncidentJson,
  InventoryFilter,
  JudgedJson,
  Operations,
  PolicyJson,
  StatusJson,
  VerdictRequest,
} from '../api/operations.ts'
import { mergedIncidents, storedIncidents } from '../api/stored-incidents.ts'
import type { DurableMap } from '../durable/durable-map.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import type { ClientJson } from '../inventory/views.ts'
import type { Action } from '../model/action.ts'
import type { AlarmBudget } from '../policies/alarm-budget.ts'
import { policyJson } from '../policies/policy-json.ts'
import type { PolicyStore } from '../policies/policy-store.ts'
import type { Response } from '../response/response.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { DeployLedger } from './deploy-ledger.ts'
import type { IncidentLedger } from './incident-ledger.ts'
import type { VerdictLedger } from './verdict-ledger.ts'

export interface OperationsParts {
  readonly ledger: IncidentLedger
  readonly deploys: DeployLedger
  readonly actions: DurableMap<Action>
  readonly response: Response
  readonly policies: PolicyStore
  readonly verdicts: VerdictLedger
  readonly budget: AlarmBudget
  readonly outbox: Outbox
  readonly store: Store | null
  /** The data folder, where the inventory is. */
  readonly folder: string
  /** What is written about the API, as the files were when they were last looked at. */
  described(): readonly DescribedApi[]
  status(): Promise<StatusJson>
  /** Loads the policies anew, and hands them to the engine. */
  reload(): void
}

/** The running daemon, as the API serves it. */
export class DaemonOperations implements Operations {
  readonly #parts: OperationsParts

  constructor(parts: OperationsParts) {
    this.#parts = parts
  }

  status(): Promise<StatusJson> {
    return this.#parts.status()
  }

  /** Those of the ledger, and from the store those that the ledger has let go of. */
  async incidents(filter: IncidentFilter): Promise<readonly IncidentJson[]> {
    const { ledger, store } = this.#parts
    const held = ledger.newest().map(({ incident }) => incident)
    const known = await selectIncidents(held, filter)
    if (store === null || known.length >= (filter.limit ?? DEFAULT_LIMIT)) return known
    // A store that is down must not hide what is known here.
    const stored = await storedIncidents(filter, (query) => store.query(query)).catch(() => [])
    return mergedIncidents(known, stored, new Set(held.map(({ id }) => id)), filter.limit)
  }

  async incident(id: string): Promise<IncidentDetailJson> {
    const { ledger, actions, store } = this.#parts
    return await incidentDetail({
      id,
      known: ledger.get(id) ?? null,
      actions: actions.values(),
      policies: await this.policies(),
      query: store === null ? null : (query) => store.query(query),
    })
  }

  async judgeIncident(id: string, { verdict: is, who, reason }: VerdictRequest): Promise<JudgedJson> {
    const { ledger, verdicts } = this.#parts
    const { policy } = await verdicts.say(id, { is, who, reason })
    const known = ledger.get(id)
    if (known === undefined) throw new Error(`incident ${id} was forgotten while it was judged`)
    return {
      incident: incidentJson(known.incident),
      policy: (await this.policies()).find((each) => each.id === policy) ?? null,
    }
  }

  async actions(filter: ActionFilter): Promise<readonly ActionJson[]> {
    return selectActions(this.#parts.actions.values(), filter)
  }

  async approveAction(id: string, by: Decision): Promise<ActionJson> {
    return actionJson(await this.#parts.response.approve(id, by))
  }

  async denyAction(id: string, by: Decision): Promise<ActionJson> {
    return actionJson(await this.#parts.response.deny(id, by))
  }

  async revertAction(id: string, by: Decision): Promise<ActionJson> {
    return actionJson(await this.#parts.response.revert(id, by))
  }

  async policies(): Promise<readonly PolicyJson[]> {
    const { policies, budget } = this.#parts
    const said = budget.counts()
    return policies.current.documents.map((each) => policyJson(each, budget.standing(each.file.metadata.id, said)))
  }

  async reloadPolicies(): Promise<readonly PolicyJson[]> {
    this.#parts.reload()
    return await this.policies()
  }

  async reinstatePolicy(id: string, by: Decision): Promise<PolicyJson> {
    const known = (await this.policies()).map((policy) => policy.id)
    if (!known.includes(id)) {
      throw new OffpathError('OFFPATH_E_NOT_FOUND', `there is no policy ${id.slice(0, 64)}`, {
        remedy: 'offpath policy list',
      })
    }
    await this.#parts.budget.reinstate(id, by)
    return (await this.policies()).find((policy) => policy.id === id)!
  }

  async deliveries(filter: DeliveryFilter): Promise<readonly DeliveryJson[]> {
    return this.#parts.outbox.deliveries(filter)
  }

  redeliver(which: { readonly event?: string; readonly endpoint?: string }): Promise<{ readonly queued: number }> {
    return this.#parts.outbox.redeliver(which)
  }

  async deploys(): Promise<readonly DeployJson[]> {
    return this.#parts.deploys.list()
  }

  markDeploy(deploy: DeployRequest): Promise<DeployJson> {
    return this.#parts.deploys.mark(deploy)
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    const { store } = this.#parts
    if (store === null) {
      throw new OffpathError('OFFPATH_E_STORE', 'this daemon runs without a store', {
        remedy: 'Start it with store.enabled: true, and without --store none.',
      })
    }
    return await store.query(query)
  }

  async routes(filter: InventoryFilter): Promise<readonly DescribedRoute[]> {
    return selectRoutes(await readInventory(this.#parts.folder), filter, this.#parts.described())
  }

  async clients({ limit }: Pick<InventoryFilter, 'limit'>): Promise<readonly ClientJson[]> {
    return selectClients(await readInventory(this.#parts.folder), limit)
  }
}
