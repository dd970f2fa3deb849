import { readdirSync, readFileSync } from 'node:fs'

/** Numeric ids of an account that owns nothing. */
export interface UnprivilegedUser {
  readonly uid: number
  readonly gid: number
}

/** Capability sets of a process, as bit masks: capabilities(7). */
export interface Capabilities {
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
  readonly ambient: bigint
}

export const CAP_SETUID = 1n << 7n

/** `nobody` of this machine. */
export function unprivilegedUser(): UnprivilegedUser {
  try {
    const entry = /^nobody:[^:\n]*:(\d{1,10}):(\d{1,10}):/m.exec(readFileSync('/etc/passwd', 'utf8'))
    if (entry !== null) return { uid: Number(entry[1]), gid: Number(entry[2]) }
  } catch {
    // No account file (a bare container): the kernel's overflow id is nobody by convention.
  }
  return { uid: 65_534, gid: 65_534 }
}

/** Capabilities of a process or thread, `status` being its /proc status file. Null when it is gone, or without /proc. */
export function capabilitiesOf(process: number | 'self'): Capabilities | null {
  return readCapabilities(`/proc/${process}/status`)
}

/**
 * Whether this process can end up without any capability. Root can. A plain user with ambient capabilities cannot give
 * them up from within Node, unless one of them is CAP_SETUID: leaving uid 0 clears every set (capabilities(7), "Effect
 * of user ID changes on capabilities"), and it can go there first.
 */
export function canRelinquish(): boolean {
  if (process.geteuid?.() === 0) return true
  const own = capabilitiesOf('self')
  return own === null || own.permitted === 0n || (own.effective & CAP_SETUID) !== 0n
}

/**
 * Gives up user, groups and every capability of this process, for good, and proves it: throws when any thread keeps one.
 * Open descriptors stay. What is not loaded yet may be unreadable afterwards.
 */
export function relinquish(user: UnprivilegedUser): void {
  const { setgroups, setgid, setuid, geteuid, getuid } = process
  if (!setgroups || !setgid || !setuid || !geteuid || !getuid) return
  if (geteuid() === 0) {
    setgroups([])
    setgid(user.gid)
    setuid(user.uid)
  } else if ((capabilitiesOf('self')?.permitted ?? 0n) !== 0n) {
    const own = getuid()
    setuid(0)
    setuid(own)
  }
  for (const thread of readdirSync('/proc/self/task')) {
    const left = readCapabilities(`/proc/self/task/${thread}/status`)
    if (left !== null && (left.effective | left.permitted | left.ambient) !== 0n) {
      throw new Error(`capabilities are left after giving them up: ${left.permitted.toString(16)}`)
    }
  }
  if (geteuid() === 0) throw new Error('still root after giving up privileges')
}

function readCapabilities(path: string): Capabilities | null {
  let status: string
  try {
    status = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const set = (name: string): bigint => {
    const match = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)
    return match === null ? 0n : BigInt(`0x${match[1]}`)
  }
  return { effective: set('CapEff'), permitted: set('CapPrm'), inheritable: set('CapInh'), ambient: set('CapAmb') }
}
