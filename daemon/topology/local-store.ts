import { statSync } from 'node:fs'
import type { Logger } from 'pino'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { openStore } from '../../sinks/store/local-store.ts'
import type { Store } from '../../sinks/store/store.ts'
import { dataFolder } from '../api/data-folder.ts'
import { lockFolder } from '../api/lock.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { takeOverStore } from './store-owner.ts'
import { type StoreProcessOptions, startStoreProcess } from './store-process.ts'
import { clickHouseOptions } from './store-settings.ts'

const MIB = 1024 * 1024

/**
 * The store of a configuration in this process, for commands that run without a daemon. Holds the data folder's lock, so it refuses while a
 * daemon runs on it (OFFPATH_E_RUNNING).
 */
export async function openLocalStore(
  config: ValidatedConfig,
  environment: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): Promise<Store> {
  const folder = await dataFolder(config.state.folder)
  const lock = await lockFolder(folder)
  try {
    const clickhouse = clickHouseOptions(config, environment)
    const spoolMaxBytes = config.store.spool_mib * MIB
    const store = await open({ folder, clickhouse, spoolMaxBytes, logger })
    return {
      seal: (batch) => store.seal(batch),
      query: (query) => store.query(query),
      status: () => store.status(),
      close: async (graceMs) => {
        await store.close(graceMs)
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Files of root in a folder of somebody else's would lock its owner out: a process that becomes the owner makes them. */
async function open(options: StoreProcessOptions): Promise<Store> {
  const { folder, clickhouse, spoolMaxBytes, logger } = options
  if (process.geteuid?.() === 0 && statSync(folder).uid !== 0) return await startStoreProcess(options)
  await takeOverStore(folder)
  return await openStore({ folder, inserter: new ClickHouseStore(clickhouse), spoolMaxBytes, logger })
}
