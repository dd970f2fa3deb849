import { userInfo } from 'node:os'
import type { CliContext } from './context.ts'

/** Who decides, for the record: under sudo the person behind it. */
export function userName({ environment }: CliContext): string {
  if (process.getuid?.() === 0 && environment.SUDO_USER) return environment.SUDO_USER
  try {
    return userInfo().username
  } catch {
    // A container may run under a number that has no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
