import { type FSWatcher, watch } from 'node:fs'
import { OffpathError } from '../telemetry/errors.ts'
import { type KnownFiles, loadPolicies, type PolicySet, type PolicySources } from './load.ts'

/** Editors write a file in several steps; copying a folder takes a moment. */
const SETTLE_MS = 300

/**
 * The policies in force, and their reloading. A set that is wrong changes nothing: the old one stays, and `lastError` says
 * what was wrong until a reload goes well.
 */
export class PolicyStore {
  readonly #sources: PolicySources
  /** Checking a file takes milliseconds, and a reload must not keep the process from its work. */
  #known: KnownFiles = new Map()
  #current: PolicySet
  #lastError: string | null = null
  #loadedAtMs: number

  /** @throws OffpathError: a daemon does not start on policies that are wrong. */
  constructor(sources: PolicySources, nowMs: number) {
    this.#sources = sources
    this.#current = loadPolicies(sources, this.#known)
    this.#loadedAtMs = nowMs
  }

  get current(): PolicySet {
    return this.#current
  }
  get lastError(): string | null {
    return this.#lastError
  }
  /** When the current set was loaded. */
  get loadedAtMs(): number {
    return this.#loadedAtMs
  }

  /** @throws OffpathError (OFFPATH_E_POLICY, or OFFPATH_E_CONFIG for policies.modes), and keeps the old set. */
  reload(nowMs: number): PolicySet {
    try {
      this.#current = loadPolicies(this.#sources, this.#known)
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error)
      throw error
    }
    if (this.#known.size > 2 * this.#current.documents.length + 100) this.#known = new Map()
    this.#lastError = null
    this.#loadedAtMs = nowMs
    return this.#current
  }

  /**
   * Calls back once the operator's folder has changed and come to rest; the caller then reloads. Without a folder it never
   * does. A file system that cannot be watched is told to `unwatched`: reloading by signal still works.
   */
  watch(changed: () => void, unwatched: (message: string) => void): { close(): void } {
    const { folder } = this.#sources
    if (folder == null) return { close: () => {} }
    let timer: NodeJS.Timeout | undefined
    let watcher: FSWatcher
    const giveUp = (error: unknown) =>
      unwatched(`${folder} cannot be watched for changes: ${error instanceof Error ? error.message : String(error)}`)
    try {
      watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(timer)
        timer = setTimeout(changed, SETTLE_MS)
        timer.unref()
      })
    } catch (error) {
      giveUp(error)
      return { close: () => {} }
    }
    watcher.on('error', giveUp)
    return {
      close: () => {
        clearTimeout(timer)
        watcher.close()
      },
    }
  }
}

/** For logs: what a failed reload says. */
export function reloadFailure(error: unknown): string {
  const message = error instanceof OffpathError ? error.message : String(error)
  return `the policies were not reloaded, the old ones stay in force: ${message}`
}
