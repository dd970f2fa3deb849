import { randomBytes } from 'node:crypto'
import { readdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OffpathError } from '../telemetry/errors.ts'
import { subFolder } from './data-folder.ts'
import { identityOf, isAlive, type ProcessIdentity } from './process-identity.ts'

const POLL_MS = 5
/** A claim is decided in a few milliseconds; a stopped process may take for ever. */
const WAIT_MS = 5000
const HELD = '.held'

/**
 * One daemon per data folder, also when two start at the same time, and with nothing to clean up after a kill -9 or a reboot.
 *
 * Node has no flock(2), and a lock file cannot be taken over from a dead holder without a race. So this is Lamport's bakery
 * in a folder: each starter lays down a claim that bears its process in the name, then looks at the others. A claim of a process
 * that is gone is removed by anybody; no later process can have that name. Of those alive, who holds stays; of two that
 * still try, the smaller name waits until the greater one has decided, which gives way at once when it sees the smaller.
 * If both held, each would have looked before the other's claim was there, and that cannot be.
 *
 * Processes in another pid namespace look dead; the socket of the daemon, which is tried before it is replaced, tells of them.
 */
export async function lockFolder(folder: string): Promise<{ release(): Promise<void> }> {
  const own = claimName(identityOf(process.pid))
  const claims = await subFolder(folder, 'lock')
  try {
    await writeFile(join(claims, own), '', { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_DATA_FOLDER', `it cannot be locked: ${(cause as Error).message}`, {
      at: folder,
      remedy: 'state.folder must be writable for this user',
      cause,
    })
  }
  try {
    await settle(claims, own, folder)
    await writeFile(join(claims, own + HELD), '', { mode: 0o600 })
  } catch (error) {
    await remove(claims, own)
    throw error
  }
  return { release: () => remove(claims, own) }
}

/** Resolves when nobody else may hold it. */
async function settle(claims: string, own: string, folder: string): Promise<void> {
  const until = performance.now() + WAIT_MS
  for (;;) {
    const names = new Set(await readdir(claims))
    let undecided: ProcessIdentity | null = null
    for (const name of names) {
      if (name === own || name.endsWith(HELD)) continue
      const other = parseClaim(name)
      if (other === null) continue
      if (!isAlive(other)) await remove(claims, name)
      else if (names.has(name + HELD) || name < own) throw running(other, folder)
      else undecided = other
    }
    if (undecided === null) return
    if (performance.now() > until) throw running(undecided, folder)
    await delay(POLL_MS)
  }
}

function running({ pid }: ProcessIdentity, folder: string): OffpathError {
  return new OffpathError('OFFPATH_E_RUNNING', `another daemon runs on this data folder, process ${pid}`, {
    at: folder,
    remedy: `stop it, or give this one a state.folder of its own`,
  })
}

async function remove(claims: string, name: string): Promise<void> {
  for (const path of [join(claims, name), join(claims, name + HELD)]) {
    await unlink(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
}

function claimName({ pid, start, boot }: ProcessIdentity): string {
  return `${pid}_${start}_${boot}_${randomBytes(4).toString('hex')}`
}

function parseClaim(name: string): ProcessIdentity | null {
  const match = /^(\d{1,10})_(\d*)_([0-9a-f-]*)_[0-9a-f]{8}$/.exec(name)
  return match === null ? null : { pid: Number(match[1]), start: match[2]!, boot: match[3]! }
}
