import { ApiClient } from './client.ts'
import { OfflineOperations, type OfflineOptions } from './offline.ts'
import type { Operations } from './operations.ts'
import { socketIn } from './socket-path.ts'

export interface ConnectOptions extends OfflineOptions {
  /** Default `allowed`: without a daemon the data folder is read. `refused`: then it is OFFPATH_E_UNREACHABLE. */
  readonly offline?: 'allowed' | 'refused'
}

export type Connection = Operations & {
  /** Whether the daemon answers, or the data folder is read. */
  readonly online: boolean
  close(): Promise<void>
}

/** The daemon that runs on a data folder, else the folder itself. */
export async function connectOperations(options: ConnectOptions): Promise<Connection> {
  const client = new ApiClient({ socketPath: socketIn(options.stateFolder) })
  if (options.offline === 'refused' || (await client.reachable())) {
    return Object.assign(client, { online: true, close: () => Promise.resolve() })
  }
  return Object.assign(new OfflineOperations(options), { online: false })
}
