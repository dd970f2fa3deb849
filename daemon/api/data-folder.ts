import { chmod, chown, lstat, mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { OffpathError } from '../telemetry/errors.ts'

/** What is in the data folder concerns nobody but its owner. */
const PRIVATE = 0o700

/**
 * Makes the data folder, or sees that it is one: ours, and closed to others (one that was open is closed). Returns its absolute path.
 * Made by root, it belongs to whom the folder around it belongs to, since the daemon may give root up.
 */
export async function dataFolder(path: string): Promise<string> {
  const folder = resolve(path)
  try {
    if (!(await present(folder))) await make(folder)
    const { mode, uid } = await found(folder)
    const user = process.getuid?.()
    if (user !== undefined && user !== 0 && user !== uid) throw refused(folder, `it belongs to user ${uid}`)
    if ((mode & 0o077) !== 0) await chmod(folder, PRIVATE)
    return folder
  } catch (cause) {
    if (cause instanceof OffpathError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    throw refused(folder, REASONS[code ?? ''] ?? message, cause)
  }
}

/** A folder in the data folder, made when it is not there, of the same owner. */
export async function subFolder(folder: string, name: string): Promise<string> {
  return dataFolder(join(folder, name))
}

async function present(folder: string): Promise<boolean> {
  try {
    await lstat(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function make(folder: string): Promise<void> {
  const parent = dirname(folder)
  if (!(await present(parent))) await mkdir(parent, { recursive: true })
  try {
    await mkdir(folder, { mode: PRIVATE })
  } catch (error) {
    // Two may start at once; the lock decides between them.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw error
  }
  await ownedAsFolder(folder)
}

/** What root makes belongs to whom the folder it stands in belongs to. */
export async function ownedAsFolder(path: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const { uid, gid } = await stat(dirname(path))
  if (uid !== 0) await chown(path, uid, gid)
}

async function found(folder: string): Promise<{ mode: number; uid: number }> {
  const status = await stat(folder)
  if (!status.isDirectory()) throw refused(folder, 'it is no folder')
  return status
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of its path is no folder',
}

function refused(folder: string, why: string, cause?: unknown): OffpathError {
  return new OffpathError('OFFPATH_E_DATA_FOLDER', `the data folder cannot be used: ${why}`, {
    at: folder,
    remedy: 'name another in state.folder, or let it belong to the user of the daemon',
    cause,
  })
}
