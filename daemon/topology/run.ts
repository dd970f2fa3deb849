import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Logger } from 'pino'
import type { SourceConfig, ValidatedConfig } from '../config/schema.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { IncidentChange } from '../model/incident.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { CaptureSupervisor } from './capture-supervisor.ts'
import type { EngineFile, EngineInput, FromEngine, StartMessage, ToEngine } from './engine-protocol.ts'
import { sharedTemporaryFolder, unprivilegedCommand, unprivilegedUser } from './privileges.ts'
import type { ReplaySummary } from './replay.ts'

/** A recording to read before the sources, so that baselines start mature. */
export interface LearnFrom {
  readonly path: string
  /** Added to its times, in microseconds. */
  readonly shiftUs: number
}

export interface RunRequest {
  readonly config: ValidatedConfig
  readonly key: PrivacyKey
  readonly logger: Logger
  readonly learnFrom?: LearnFrom
  /** Added to the times of file sources, in microseconds. */
  readonly shiftFilesUs?: number
  onLearned?(records: number): void
  /** Every live source captures, or there is none. */
  onReady(): void
  onIncident(change: IncidentChange): void
  readonly stop: AbortSignal
}

type LiveSource = Extract<SourceConfig, { kind: 'pcap' | 'exec' }>

/**
 * Control: starts the engine and the capture children, keeps them going, passes incidents on, and reads no traffic
 * itself. Resolves with the summary when every source has ended or `stop` fires; rejects when a source cannot start.
 */
export async function run(request: RunRequest): Promise<ReplaySummary> {
  const control = new Control(request)
  try {
    return await control.run()
  } finally {
    await control.close()
  }
}

class Control {
  readonly #request: RunRequest
  readonly #folder: string
  readonly #descriptors: number[] = []
  readonly #supervisors: CaptureSupervisor[] = []
  /** Exec sources whose command finished its work. */
  #ended = 0
  #engine: ChildProcess | null = null

  constructor(request: RunRequest) {
    this.#request = request
    // 0700, so nobody else can feed frames to the engine. mkdtemp makes it so.
    this.#folder = mkdtempSync(join(sharedTemporaryFolder(), 'offpath-'))
  }

  run(): Promise<ReplaySummary> {
    const { config, key, learnFrom, stop } = this.#request
    const lives = config.sources.filter((source): source is LiveSource => source.kind !== 'file')
    const dropPrivileges = lives.length > 0 && process.getuid?.() === 0
    if (dropPrivileges) {
      const { uid, gid } = unprivilegedUser()
      chownSync(this.#folder, uid, gid)
    }
    const learn = learnFrom === undefined ? null : this.#open(learnFrom.path, learnFrom.shiftUs)
    const inputs = config.sources.map((source, index) => this.#input(source, index))
    const engine = this.#spawn()
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        reject(error)
        engine.kill('SIGKILL')
      }
      // A capture that was just being started when the stop came has not failed.
      const failUnlessStopped = (error: unknown) => {
        if (!stop.aborted) fail(error)
      }
      engine.on('error', fail)
      engine.on('exit', (code, signal) => fail(new Error(`the engine process ended (${signal ?? code})`)))
      engine.on('message', (message: FromEngine | null) => {
        if (message === null) return
        if (message.kind === 'done') resolve(message.summary)
        else if (message.kind === 'failed') fail(revive(message))
        else if (message.kind === 'listening') this.#capture(inputs).catch(failUnlessStopped)
        else this.#heard(message)
      })
      stop.addEventListener('abort', () => void this.#stopCapture().then(() => this.#tell({ kind: 'stop' })))
      const start: StartMessage = {
        kind: 'start',
        config,
        key: Buffer.from(key.bytes).toString('base64'),
        learnFrom: learn,
        inputs,
        dropPrivileges,
      }
      this.#tell(start)
    })
  }

  async close(): Promise<void> {
    await this.#stopCapture()
    this.#engine?.kill('SIGKILL')
    for (const descriptor of this.#descriptors) if (descriptor !== STDIN) closeSync(descriptor)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #heard(message: Extract<FromEngine, { kind: 'learned' | 'incident' | 'warning' }>): void {
    switch (message.kind) {
      case 'learned':
        this.#request.onLearned?.(message.records)
        return
      case 'incident':
        this.#request.onIncident(message.change)
        return
      case 'warning':
        this.#request.logger.warn(message.message)
        return
    }
  }

  async #capture(inputs: readonly EngineInput[]): Promise<void> {
    const { config, logger } = this.#request
    const lives = inputs.filter((input) => input.kind === 'live')
    for (const [index, source] of config.sources.entries()) {
      if (this.#request.stop.aborted) return
      const input = inputs[index]!
      if (input.kind !== 'live' || source.kind === 'file') continue
      const supervisor = new CaptureSupervisor({
        capture: source,
        socketPath: input.socketPath,
        logger,
        onStats: ({ kernelDrops, interfaceDrops, respawns }) =>
          this.#tell({ kind: 'capture_stats', kernelDrops, interfaceDrops, respawns }),
        onEnd: () => {
          this.#ended++
          if (this.#ended === lives.length) this.#tell({ kind: 'stop' })
        },
      })
      this.#supervisors.push(supervisor)
      await supervisor.start()
    }
    this.#request.onReady()
  }

  async #stopCapture(): Promise<void> {
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()))
  }

  #input(source: SourceConfig, index: number): EngineInput {
    if (source.kind === 'file') return this.#open(source.path, this.#request.shiftFilesUs ?? 0)
    const name = source.kind === 'pcap' ? source.interface : (source.name ?? basename(source.command[0]!))
    return { kind: 'live', via: source.kind, name, socketPath: join(this.#folder, `${index}.sock`) }
  }

  /** The descriptor's number in the engine: its standard input, output, error and channel come first. */
  #open(path: string, shiftUs: number): EngineFile {
    const name = path === '-' ? 'stdin' : basename(path)
    this.#descriptors.push(path === '-' ? STDIN : open(path))
    return { kind: 'file', descriptor: FIRST_DESCRIPTOR + this.#descriptors.length - 1, name, shiftUs }
  }

  #spawn(): ChildProcess {
    const script = join(import.meta.dirname, 'engine.js')
    // The collector lets a heap grow to the size of the machine before it looks. What the limits allow to live fits in
    // half of this (300 MiB under floods of distinct callers, measured), so the process stays within it.
    const heapMib = 1024 + 2 * this.#request.config.limits.connections_mib
    const flags = ['--max-semi-space-size=64', `--max-old-space-size=${heapMib}`]
    const [command, ...args] = [...unprivilegedCommand(), process.execPath, ...flags, script]
    this.#engine = spawn(command!, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...this.#descriptors] })
    return this.#engine
  }

  #tell(message: ToEngine): void {
    if (this.#engine?.connected) this.#engine.send(message)
  }
}

const STDIN = 0
const FIRST_DESCRIPTOR = 4

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (cause) {
    throw new OffpathError('OFFPATH_E_NO_FILE', `${path} cannot be opened`, {
      at: path,
      remedy: 'Check the path.',
      cause,
    })
  }
}

function revive(message: Extract<FromEngine, { kind: 'failed' }>): Error {
  const { code, at, remedy } = message
  if (code === null) return new Error(message.message)
  return new OffpathError(code, message.message, {
    ...(at === undefined ? {} : { at }),
    ...(remedy === undefined ? {} : { remedy }),
  })
}
