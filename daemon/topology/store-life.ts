import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { StoreStatus } from '../../sinks/store/store.ts'
import { capabilitiesOf } from '../sources/relinquish.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { findProgram, unprivilegedCommand } from './privileges.ts'
import { type FromStore, fromWire, type StoreStart, type ToStore } from './store-protocol.ts'

/** One life of the store process. */
export class StoreLife {
  readonly #child: ChildProcess
  /** Resolves when it takes batches; rejects with what a person can fix, or when it ends before. */
  readonly ready: Promise<StoreStatus>
  /** How it ended: `SIGKILL`, `1`. Never rejects. */
  readonly ended: Promise<string>

  constructor(start: Omit<StoreStart, 'kind' | 'user'>, script: string, heard: (message: FromStore) => void) {
    const owner = statSync(start.folder)
    const [command, ...args] = [...rightsOf(owner.uid), process.execPath, script]
    // It has no use for the key that pseudonyms are made with.
    const { OFFPATH_PRIVACY_KEY: _, ...env } = process.env
    this.#child = spawn(command!, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      env,
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message))
      this.#child.once('exit', (code, signal) => resolve(String(signal ?? code)))
    })
    this.ready = new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromStore | null) => {
        if (message === null) return
        if (message.kind === 'ready') resolve(message.status)
        else if (message.kind === 'failed') reject(fromWire(message.error))
        else heard(message)
      })
      void this.ended.then((how) => reject(new StoreEnded(how)))
    })
    // Whoever asks hears of it; that nobody asks is no failure.
    this.ready.catch(() => undefined)
    const becomes = process.geteuid?.() === 0 && owner.uid !== 0
    this.tell({ ...start, kind: 'start', user: becomes ? { uid: owner.uid, gid: owner.gid } : null })
  }

  get pid(): number | null {
    return this.#child.pid ?? null
  }

  /** False when the channel is gone. */
  tell(message: ToStore): boolean {
    if (!this.#child.connected) return false
    // A channel that breaks meanwhile is told by the exit.
    this.#child.send(message, () => undefined)
    return true
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The store process ended by itself. */
export class StoreEnded extends Error {
  constructor(how: string) {
    super(`the store process ended (${how})`)
  }
}

/**
 * What to put before the command so that it starts without rights. Root with a folder of somebody else's starts it as it is,
 * and it becomes that user when it has loaded itself. Root with a folder of root's stays user 0, without any capability: it
 * needs none for what is its own.
 */
function rightsOf(owner: number): string[] {
  if (process.geteuid?.() !== 0) return unprivilegedCommand()
  if (owner !== 0) return []
  const own = capabilitiesOf('self')
  // Without the right to give rights away for good (a container that was started with few), it keeps those few.
  if (own === null || (own.effective & CAP_SETPCAP) === 0n) return []
  const setpriv = findProgram('setpriv', process.env.PATH)
  if (setpriv !== null) {
    const groups = (own.effective & CAP_SETGID) === 0n ? [] : ['--clear-groups']
    return [setpriv, '--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all', ...groups, '--']
  }
  throw new OffpathError('OFFPATH_E_NO_PRIVILEGE', 'started as root, and there is no setpriv to give its rights up', {
    remedy:
      'Install it (apt-get install util-linux), or let the data folder belong to another user (chown), whom the store becomes.',
  })
}

const CAP_SETGID = 1n << 6n
const CAP_SETPCAP = 1n << 8n
