import { readFileSync } from 'node:fs'

/**
 * A process, told apart from any that gets its number later: number, start time in clock ticks since boot (proc(5), stat field 22), and
 * the boot it belongs to. Without /proc only the number is known.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Empty when not known. */
  readonly start: string
  readonly boot: string
}

export function identityOf(pid: number): ProcessIdentity {
  return { pid, start: statOf(pid)?.start ?? '', boot: bootId() }
}

/** Whether that process still runs, here and since then. */
export function isAlive({ pid, start, boot }: ProcessIdentity): boolean {
  if (boot !== bootId()) return false
  const stat = statOf(pid)
  // A zombie holds nothing any more.
  if (stat !== null) return stat.state !== 'Z' && stat.state !== 'X' && (start === '' || stat.start === start)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function statOf(pid: number): { state: string; start: string } | null {
  const text = read(`/proc/${pid}/stat`)
  if (text === '') return null
  // The second field is the program's name in parentheses, and may hold anything, also `) `.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}

function bootId(): string {
  return read('/proc/sys/kernel/random/boot_id').trim()
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
