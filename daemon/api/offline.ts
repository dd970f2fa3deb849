import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store, StoreQuery, StoreResult } from '../../sinks/store/store.ts'
import { DurableMap } from '../durable/durable-map.ts'
import type { DescribedRoute } from '../inventory/descriptions.ts'
import type { InventoryState } from '../inventory/snapshot.ts'
import type { ClientJson } from '../inventory/views.ts'
import type { Action } from '../model/action.ts'
import type { DeployMark } from '../model/deploy.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { incidentDetail, type KnownIncident } from './incident-detail.ts'
import { readInventory, selectClients, selectRoutes } from './inventory-file.ts'
import { newestDeploys, selectActions, selectIncidents } from './json-forms.ts'
import type {
  ActionFilter,
  ActionJson,
  DeliveryFilter,
  DeliveryJson,
  DeployJson,
  IncidentDetailJson,
  IncidentFilter,
  IncidentJson,
  InventoryFilter,
  JudgedJson,
  Operations,
  PolicyJson,
  StatusJson,
} from './operations.ts'
import { mergedIncidents, storedIncidents } from './stored-incidents.ts'

export interface OfflineOptions {
  readonly stateFolder: string
  /** Opens the store for reading, when a question needs it. Absent: there is none. */
  readonly openStore?: () => Promise<Store>
  /** The outbox keeps its entries in a form of its own: who knows it reads them. */
  readonly deliveries?: (filter: DeliveryFilter) => Promise<readonly DeliveryJson[]>
  /** The policies of the configuration. */
  readonly policies?: () => Promise<readonly PolicyJson[]>
}

/** What a data folder says while no daemon runs on it. Only reads: whatever would change something needs the daemon. */
export class OfflineOperations implements Operations {
  readonly #options: OfflineOptions
  #store: Promise<Store> | null = null

  constructor(options: OfflineOptions) {
    this.#options = options
  }

  status(): Promise<StatusJson> {
    return Promise.reject(this.#needsDaemon('the status is the daemon’s'))
  }

  async incidents(filter: IncidentFilter): Promise<readonly IncidentJson[]> {
    const known = await this.#read<KnownIncident>('incidents')
    const listed = await selectIncidents(
      [...known.values()].map(({ incident }) => incident),
      filter,
    )
    if (this.#options.openStore === undefined) return listed
    try {
      const stored = await storedIncidents(filter, (query) => this.query(query))
      return mergedIncidents(listed, stored, new Set(known.keys()), filter.limit)
    } catch (error) {
      // The newest are in the ledger; without any it must be said that there may be others.
      if (error instanceof OffpathError && listed.length > 0) return listed
      throw error
    }
  }

  async incident(id: string): Promise<IncidentDetailJson> {
    const [known, actions, policies] = await Promise.all([
      this.#read<KnownIncident>('incidents'),
      this.#read<Action>('actions'),
      this.policies(),
    ])
    return incidentDetail({
      id,
      known: known.get(id) ?? null,
      actions: [...actions.values()],
      policies,
      query: this.#options.openStore === undefined ? null : (query) => this.query(query),
    })
  }

  judgeIncident(): Promise<JudgedJson> {
    return Promise.reject(this.#needsDaemon('a verdict is the daemon’s to carry out'))
  }

  async actions(filter: ActionFilter): Promise<readonly ActionJson[]> {
    return selectActions((await this.#read<Action>('actions')).values(), filter)
  }

  approveAction(): Promise<ActionJson> {
    return Promise.reject(this.#needsDaemon('only the daemon approves an action'))
  }

  denyAction(): Promise<ActionJson> {
    return Promise.reject(this.#needsDaemon('only the daemon denies an action'))
  }

  revertAction(): Promise<ActionJson> {
    return Promise.reject(this.#needsDaemon('only the daemon takes an action back'))
  }

  async policies(): Promise<readonly PolicyJson[]> {
    return (await this.#options.policies?.()) ?? []
  }

  reloadPolicies(): Promise<readonly PolicyJson[]> {
    return Promise.reject(this.#needsDaemon('only the daemon loads policies anew'))
  }

  reinstatePolicy(): Promise<PolicyJson> {
    return Promise.reject(this.#needsDaemon('only the daemon gives a policy its mode back'))
  }

  async deliveries(filter: DeliveryFilter): Promise<readonly DeliveryJson[]> {
    return (await this.#options.deliveries?.(filter)) ?? []
  }

  redeliver(): Promise<{ readonly queued: number }> {
    return Promise.reject(this.#needsDaemon('only the daemon delivers'))
  }

  async deploys(): Promise<readonly DeployJson[]> {
    return newestDeploys((await this.#read<DeployMark>('deploys')).values())
  }

  markDeploy(): Promise<DeployJson> {
    return Promise.reject(this.#needsDaemon('a release is compared while it happens'))
  }

  async query(query: StoreQuery): Promise<StoreResult> {
    const { openStore } = this.#options
    if (openStore === undefined) {
      throw new OffpathError('OFFPATH_E_STORE', 'nothing is stored here', {
        at: this.#options.stateFolder,
        remedy: 'offpath run and replay --store fill it; --config names another folder; store.enabled must be true',
      })
    }
    this.#store ??= openStore()
    return (await this.#store).query(query)
  }

  /** Reads no descriptions: whoever asks may have them. */
  async routes(filter: InventoryFilter): Promise<readonly DescribedRoute[]> {
    return selectRoutes(await this.#inventory(), filter)
  }

  async clients({ limit }: Pick<InventoryFilter, 'limit'>): Promise<readonly ClientJson[]> {
    return selectClients(await this.#inventory(), limit)
  }

  async close(): Promise<void> {
    // A store that could not be opened has said so to whoever asked.
    const store = await this.#store?.catch(() => null)
    await store?.close(0)
  }

  #inventory(): Promise<InventoryState | null> {
    return this.#reading((stateFolder) => readInventory(stateFolder))
  }

  #read<Value>(name: string): Promise<ReadonlyMap<string, Value>> {
    return this.#reading((stateFolder) => DurableMap.read<Value>(join(stateFolder, 'state', name)))
  }

  async #reading<Value>(read: (stateFolder: string) => Promise<Value>): Promise<Value> {
    const { stateFolder } = this.#options
    try {
      await stat(stateFolder)
      return await read(stateFolder)
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code
      if (code === 'ENOENT') throw this.#needsDaemon('there is no data folder either')
      throw new OffpathError('OFFPATH_E_DATA_FOLDER', `the data folder cannot be read: ${code ?? String(cause)}`, {
        at: stateFolder,
        remedy: 'use the user that the daemon runs as',
        cause,
      })
    }
  }

  #needsDaemon(why: string): OffpathError {
    return new OffpathError('OFFPATH_E_UNREACHABLE', `no daemon answers, and ${why}`, {
      at: this.#options.stateFolder,
      remedy: 'offpath run starts one; --config names the configuration it was started with',
    })
  }
}
