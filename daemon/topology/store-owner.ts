import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { identityOf, isAlive, type ProcessIdentity } from '../api/process-identity.ts'
import { OffpathError } from '../telemetry/errors.ts'

/**
 * Takes the store of a data folder over from the process that had it. A store process outlives a killed control by the
 * moments it needs to finish what it was writing; two at once on one spool would not lose what is sealed, but each would
 * take the other's half-written tail for damage. The lock on the data folder keeps two daemons apart; this keeps a new one
 * apart from the orphan of the last.
 */
export async function takeOverStore(folder: string, waitMs: number = WAIT_MS): Promise<void> {
  const path = join(folder, 'store.pid')
  for (let waited = 0; ; waited += POLL_MS) {
    const owner = await readOwner(path)
    if (owner === null || owner.pid === process.pid || !isAlive(owner)) break
    if (waited >= waitMs) {
      throw new OffpathError('OFFPATH_E_RUNNING', `the store is in use by process ${owner.pid}`, {
        at: folder,
        remedy: 'Stop it, or ask the running daemon.',
      })
    }
    await delay(POLL_MS)
  }
  await writeFile(`${path}.new`, JSON.stringify(identityOf(process.pid)), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

async function readOwner(path: string): Promise<ProcessIdentity | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}

const WAIT_MS = 10_000
const POLL_MS = 20
