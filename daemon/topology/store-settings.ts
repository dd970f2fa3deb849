import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ClickHouseOptions } from '../../sinks/clickhouse/clickhouse.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import { OffpathError } from '../telemetry/errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What `--store` says: `none`, `embedded`, or the URL of a server. */
export function withStore(config: ValidatedConfig, where: string | undefined): ValidatedConfig {
  if (where === undefined) return config
  const url = where === 'none' || where === 'embedded' ? null : where
  return {
    ...config,
    store: { ...config.store, enabled: where !== 'none' },
    sinks: { ...config.sinks, clickhouse: { ...config.sinks.clickhouse, url } },
  }
}

/** The database of a configuration whose store is enabled. Reads the password; opens nothing. */
export function clickHouseOptions(config: ValidatedConfig, environment: Environment): ClickHouseOptions {
  const { url, user, database, ca_file: caFile } = config.sinks.clickhouse
  const common = { database, keepDays: config.store.keep_days }
  if (url === null) return { kind: 'embedded', folder: join(config.state.folder, 'clickhouse'), ...common }
  return { kind: 'server', url, user, password: password(config, environment), caFile, ...common }
}

/** Whether the package of the embedded store is installed. */
export function hasChdb(): boolean {
  try {
    import.meta.resolve('chdb/connection')
    return true
  } catch {
    return false
  }
}

function password({ sinks: { clickhouse } }: ValidatedConfig, environment: Environment): string {
  const { password_file: file, password_env: variable } = clickhouse
  if (file === null) return environment[variable] ?? ''
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error('others than its owner can read it')
    return readFileSync(file, 'utf8').trimEnd()
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_CONFIG', `the password file cannot be used: ${(cause as Error).message}`, {
      at: `sinks.clickhouse.password_file ${file}`,
      remedy: `chmod 600 ${file}`,
      cause,
    })
  }
}
