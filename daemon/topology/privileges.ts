import { accessSync, constants, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { capabilitiesOf, relinquish, unprivilegedUser } from '../sources/relinquish.ts'
import { OffpathError } from '../telemetry/errors.ts'

export { unprivilegedUser } from '../sources/relinquish.ts'

/**
 * Who holds which right. Control may keep what it was started with, so that it can start a capture child again; it reads
 * no traffic. Whoever reads traffic (capture child, exec command, engine) has no capability while it does.
 */

/** For a process started as root, before it reads anything: becomes `nobody` without groups and capabilities. */
export function dropPrivileges(): void {
  relinquish(unprivilegedUser())
}

/** Effective capabilities of a process as a bit mask; null when it is gone. */
export function effectiveCapabilities(pid: number | 'self'): bigint | null {
  return capabilitiesOf(pid)?.effective ?? null
}

/**
 * What to put before a command so that it starts without capabilities. Empty for root, which drops them itself
 * (`dropPrivileges`), and for a plain user, who has none. Ambient ones must be taken off before the program starts: Node
 * cannot do it from within.
 */
export function unprivilegedCommand(): string[] {
  const own = capabilitiesOf('self')
  if (own === null || process.geteuid?.() === 0) return []
  if ((own.permitted | own.ambient | own.inheritable) === 0n) return []
  const setpriv = findProgram('setpriv', process.env.PATH)
  if (setpriv !== null) return [setpriv, '--ambient-caps=-all', '--inh-caps=-all', '--']
  throw new OffpathError(
    'OFFPATH_E_NO_PRIVILEGE',
    'started with capabilities, and there is no setpriv to take them off',
    {
      remedy: 'Install it (apt-get install util-linux), or start Offpath without capabilities and use an exec source.',
    },
  )
}

/**
 * Where to make a folder that whoever reads traffic must reach: the engine of a root process is `nobody` by then, and a
 * TMPDIR of root's own (as pam_tmpdir makes it) is closed to it.
 */
export function sharedTemporaryFolder(): string {
  const usual = tmpdir()
  if (process.geteuid?.() !== 0) return usual
  return [usual, '/tmp', '/run'].find(isOpenToAll) ?? usual
}

function isOpenToAll(folder: string): boolean {
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (stat === undefined || (stat.mode & OTHERS_MAY_ENTER) === 0) return false
  return dirname(folder) === folder || isOpenToAll(dirname(folder))
}

const OTHERS_MAY_ENTER = 0o001

/** Where a program stands: in a folder of `path` (a PATH), or where its name says if it has a slash. */
export function findProgram(name: string, path: string | undefined): string | null {
  const folders = name.includes('/') ? [''] : (path ?? '').split(delimiter)
  for (const folder of folders) {
    const file = join(folder, name)
    try {
      accessSync(file, constants.X_OK)
      return file
    } catch {
      // Not in this folder.
    }
  }
  return null
}
