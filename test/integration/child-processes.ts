import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'

export interface ChildProgram {
  readonly pid: number
  /** File name of the script it runs. */
  readonly script: string
}

/** Node programs that `parent` started and that still run, from /proc. */
export function childrenOf(parent: number): ChildProgram[] {
  const found: ChildProgram[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8')
      if (/^PPid:\t(\d+)$/m.exec(status)?.[1] !== String(parent) || /^State:\tZ/m.test(status)) continue
      const script = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
        .split('\0')
        .find((argument) => argument.endsWith('.js'))
      if (script !== undefined) found.push({ pid: Number(entry), script: basename(script) })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}
