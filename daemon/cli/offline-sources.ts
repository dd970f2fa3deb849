import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClickHouseOptions } from '../../sinks/clickhouse/clickhouse.ts'
import { StoreDown } from '../../sinks/store/inserter.ts'
import type { Store } from '../../sinks/store/store.ts'
import { readDeliveries } from '../../sinks/webhook/outbox-records.ts'
import type { OfflineOptions } from '../api/offline.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { loadPolicies } from '../policies/load.ts'
import { policyJson } from '../policies/policy-json.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { clickHouseOptions } from '../topology/store-settings.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What a command reads while no daemon runs: the policies of the configuration, the outbox, and the store when a question needs it. */
export function offlineSources(config: ValidatedConfig, environment: Environment): OfflineOptions {
  const stateFolder = config.state.folder
  return {
    stateFolder,
    policies: async () => loadPolicies(config.policies).documents.map((each) => policyJson(each)),
    deliveries: (filter) => readDeliveries(join(stateFolder, 'state', 'deliveries'), filter),
    ...(hasStore(config) ? { openStore: () => openForReading(clickHouseOptions(config, environment)) } : {}),
  }
}

/** A folder that is not there is not made by asking. */
function hasStore({ store, sinks, state }: ValidatedConfig): boolean {
  return store.enabled && (sinks.clickhouse.url !== null || existsSync(join(state.folder, 'clickhouse')))
}

/** The database without its spool: asked, never written to. */
async function openForReading(options: ClickHouseOptions): Promise<Store> {
  if (options.kind === 'embedded') checkFolder(options.folder)
  const { ClickHouseStore } = await import('../../sinks/clickhouse/clickhouse.ts')
  const database = new ClickHouseStore(options)
  try {
    await database.open()
  } catch (error) {
    if (!(error instanceof StoreDown)) throw error
    throw new OffpathError('OFFPATH_E_STORE', `the store does not answer: ${error.message}`, {
      at: database.where,
      cause: error,
    })
  }
  const never = () => Promise.reject(new Error('opened for reading'))
  return { query: (query) => database.query(query), close: () => database.close(), seal: never, status: never }
}

/** One of another user gets no files of root. */
function checkFolder(folder: string): void {
  const { uid } = statSync(folder)
  if (process.getuid?.() !== uid) {
    throw new OffpathError('OFFPATH_E_DATA_FOLDER', 'the store belongs to another user', {
      at: folder,
      remedy: `run this as its owner: sudo -u '#${uid}' offpath …`,
    })
  }
}
