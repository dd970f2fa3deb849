import type { Logger } from 'pino'
import { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import { openStore } from '../../sinks/store/local-store.ts'
import type { Store } from '../../sinks/store/store.ts'
import { dataFolder } from '../api/data-folder.ts'
import { lockFolder } from '../api/lock.ts'
import type { ValidatedConfig } from '../config/schema.ts'
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
    const store = await openStore({
      folder,
      inserter: new ClickHouseStore(clickHouseOptions(config, environment)),
      spoolMaxBytes: config.store.spool_mib * MIB,
      logger,
    })
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
