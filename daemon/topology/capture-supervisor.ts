import { type ChildProcess, spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type CaptureReport, parseReport } from '../sources/capture-report.ts'
import { capabilitiesOf } from '../sources/relinquish.ts'
import { type ErrorCode, OffpathError } from '../telemetry/errors.ts'
import { type CaptureSettings, captureName, commandOf } from './capture-command.ts'

/** What a source lost or did since the last time. */
export interface CaptureStats {
  readonly received: number
  readonly kernelDrops: number
  readonly interfaceDrops: number
  /** Frames that the snap length cut. */
  readonly cut: number
  /** Datagrams of a tunnel that were not for us. */
  readonly foreign: number
  /** Times the capture ended by itself and was started again. */
  readonly respawns: number
}

/** `down`: it ended by itself and is being started again. */
export type SourceState = 'starting' | 'capturing' | 'ended' | 'down'

export interface SupervisorOptions {
  readonly capture: CaptureSettings
  /** The engine listens here; each life of the capture is one connection. */
  readonly socketPath: string
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly onStats: (stats: CaptureStats) => void
  /** Its state changed; `why` when it is down. */
  readonly onState?: (state: SourceState, why: string | null) => void
  /** The command of an exec source finished its work (exit code 0) and is not started again. */
  readonly onEnd?: () => void
  /** The program of the capture or tunnel child; a test brings its own build. */
  readonly childScript?: string
}

/**
 * Keeps one capture going, from a process that reads no traffic. The socket to the engine becomes the child's standard
 * output and is closed here at once, so frames go from the child to the engine past this process.
 *
 * ```
 *  control (keeps its rights)      capture child / command (gives its up)         engine (has none)
 *     spawn, restart, stop  ─────▶   open, drop, read  ── pcap over the socket ──▶  decode …
 *            ▲─────────── ready, drops, errors ── standard error ──┘
 * ```
 */
export class CaptureSupervisor {
  readonly #options: SupervisorOptions
  /** Of the source, as in records. */
  readonly name: string
  readonly #stopping = new AbortController()
  #life: Life | null = null
  #watching: Promise<void> | null = null
  #respawns = 0
  #state: SourceState = 'starting'
  #why: string | null = null

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.name = captureName(options.capture)
  }

  /** Process id of the running capture, null between lives. */
  get pid(): number | null {
    return this.#life?.pid ?? null
  }

  get state(): SourceState {
    return this.#state
  }

  /** Why it is down; null while it is not. */
  get why(): string | null {
    return this.#why
  }

  /** Times the capture ended by itself and was started again. */
  get respawns(): number {
    return this.#respawns
  }

  /**
   * Resolves with null once frames can flow, or with the reason why the interface is not there yet: it is tried again until it
   * is. Rejects with what only the operator can fix. Later deaths are repaired, not thrown.
   */
  async start(): Promise<OffpathError | null> {
    try {
      this.#watching = this.#watch(await this.#begin(), '')
      return null
    } catch (error) {
      if (!(error instanceof OffpathError) || error.code !== 'OFFPATH_E_NO_INTERFACE') throw error
      this.#become('down', error.message)
      this.#watching = this.#watch(null, error.message)
      return error
    }
  }

  /** Prompt on an idle interface too: the child ends by exiting. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#life?.end()
    await this.#watching
  }

  async #begin(): Promise<Life> {
    const socket = await connectTo(this.#options.socketPath)
    if (this.#stopping.signal.aborted) {
      socket.destroy()
      throw new Error('stopped before the capture began')
    }
    const life = new Life(this.#options, this.name, socket)
    this.#life = life
    try {
      await life.ready
      this.#become('capturing', null)
      return life
    } catch (error) {
      await life.end()
      this.#life = null
      throw error
    }
  }

  #become(state: SourceState, why: string | null): void {
    this.#state = state
    this.#why = why
    this.#options.onState?.(state, why)
  }

  async #watch(first: Life | null, whyNot: string): Promise<void> {
    const { capture, logger, onStats, onEnd } = this.#options
    let life = first
    let reason = whyNot
    let began = first !== null
    for (let attempt = 0; !this.#stopping.signal.aborted; ) {
      if (life !== null) {
        const startedAt = performance.now()
        const end = await life.ended
        if (this.#stopping.signal.aborted) return
        this.#life = null
        if (capture.kind === 'exec' && end.code === 0) {
          this.#become('ended', null)
          logger.warn({ source: this.name }, 'the capture command has finished; nothing more comes from this source')
          onEnd?.()
          return
        }
        reason = end.reason
        this.#become('down', reason)
        if (performance.now() - startedAt > STEADY_MS) attempt = 0
      }
      const waitMs = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** attempt)
      // An interface may be gone for days: the first times are worth a line each, later ones now and then.
      if (attempt < LOUD_ATTEMPTS || attempt % QUIET_EVERY === 0) {
        const code: ErrorCode = 'OFFPATH_E_CAPTURE_DIED'
        logger.warn(
          { source: this.name, code, reason, waitMs, attempt },
          began ? 'capture ended by itself; starting it again' : 'the capture cannot start; trying again',
        )
      }
      attempt++
      await sleep(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      if (this.#stopping.signal.aborted) return
      this.#respawns++
      onStats({ ...NOTHING, respawns: 1 })
      try {
        life = await this.#begin()
        began = true
        logger.info({ source: this.name, respawns: this.#respawns }, 'capture is back')
      } catch (error) {
        life = null
        reason = error instanceof Error ? error.message : String(error)
        this.#become('down', reason)
      }
    }
  }
}

interface LifeEnd {
  readonly code: number | null
  readonly reason: string
}

/** One run of the child or command. */
class Life {
  readonly pid: number | null
  readonly ready: Promise<void>
  readonly ended: Promise<LifeEnd>
  readonly #child: ChildProcess
  readonly #name: string
  readonly #options: SupervisorOptions
  #failure: OffpathError | null = null
  #lastLine = ''
  #hasReport: (report: CaptureReport) => void = () => undefined
  #over = false

  constructor(options: SupervisorOptions, name: string, socket: Socket) {
    this.#options = options
    this.#name = name
    const { capture } = options
    const [command, args] = commandOf(options.capture, options.childScript)
    const stdin = capture.kind === 'exec' ? 'ignore' : 'pipe'
    // A group of its own: a terminal's Ctrl-C must reach only control, which then ends things in order.
    this.#child = spawn(command, args, { stdio: [stdin, socket, 'pipe'], detached: true })
    // The child has its own copy. Keeping ours would let control read frames, and hide the child's end from the engine.
    socket.destroy()
    this.pid = this.#child.pid ?? null
    this.#child.stdin?.on('error', () => undefined)
    this.#listen(this.#child.stderr!)
    this.ended = new Promise((resolve) => {
      const over = (code: number | null, reason: string) => {
        this.#over = true
        resolve({ code, reason: this.#failure?.message ?? reason })
      }
      this.#child.on('error', (error) => over(null, error.message))
      // `close`, not `exit`: the last reports are read by then.
      this.#child.on('close', (code, signal) => {
        over(code, howItEnded(code, signal, this.#lastLine))
      })
    })
    this.ready = capture.kind === 'exec' ? this.#startedUnprivileged(capture.command) : this.#reportedReady()
    // Whoever waits for it hears of it; nobody has to.
    this.ready.catch(() => undefined)
  }

  async end(): Promise<void> {
    if (this.#over) return
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS)
    await this.ended
    clearTimeout(timer)
  }

  async #reportedReady(): Promise<void> {
    const reported = new Promise<'ready'>((resolve) => {
      this.#hasReport = (report) => {
        if (report.kind === 'ready') resolve('ready')
      }
    })
    const first = await Promise.race([reported, this.ended])
    if (first === 'ready') return
    throw this.#failure ?? new OffpathError('OFFPATH_E_CAPTURE_DIED', `capture on ${this.#name}: ${first.reason}`)
  }

  /**
   * A command counts as started once it has given up its capabilities, as tcpdump (as root) and dumpcap do after opening
   * the interface. One that reads traffic and keeps them is refused.
   */
  async #startedUnprivileged(command: readonly string[]): Promise<void> {
    const deadline = performance.now() + UNPRIVILEGED_WITHIN_MS
    let keeps = true
    while (keeps && !this.#over && performance.now() < deadline) {
      await Promise.race([sleep(POLL_MS), this.ended])
      keeps = this.pid !== null && (capabilitiesOf(this.pid)?.effective ?? 0n) !== 0n
    }
    if (this.#over) {
      const { code, reason } = await this.ended
      if (code === 0) return
      throw new OffpathError('OFFPATH_E_EXEC', `${command.join(' ')}: ${reason}`, {
        at: this.#name,
        remedy: 'Run it by hand to see what it says; it must write pcap or pcapng to its standard output.',
      })
    }
    if (!keeps) return
    throw new OffpathError('OFFPATH_E_NO_PRIVILEGE', `${this.#name} keeps its capabilities while it reads traffic`, {
      at: this.#name,
      remedy:
        process.geteuid?.() === 0
          ? 'Start Offpath as a plain user for this command, or use tcpdump or dumpcap, which give theirs up.'
          : 'Use dumpcap, which gives them up: --exec -- dumpcap -q -i IFACE -w -',
    })
  }

  #listen(stderr: Readable): void {
    stderr.setEncoding('utf8')
    let rest = ''
    stderr.on('data', (chunk: string) => {
      // dumpcap counts on one line without end; what is too long to be a report or a complaint is let go.
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!.slice(-MAX_TEXT)
      for (const line of lines) this.#line(line)
    })
    stderr.on('end', () => this.#line(rest))
  }

  #line(line: string): void {
    const report = this.#options.capture.kind === 'exec' ? null : parseReport(line)
    if (report === null) this.#text(line.trim().slice(0, MAX_TEXT))
    else this.#take(report)
  }

  #take(report: CaptureReport): void {
    switch (report.kind) {
      case 'ready':
        this.#hasReport(report)
        return
      case 'stats':
        this.#options.onStats({ foreign: 0, ...report, respawns: 0 })
        return
      case 'warning':
        this.#options.logger.warn({ source: this.#name }, report.message)
        return
      case 'failed': {
        const remedy = report.remedy === undefined ? {} : { remedy: report.remedy }
        this.#failure = new OffpathError(report.code, report.message, { at: this.#name, ...remedy })
        return
      }
    }
  }

  #text(line: string): void {
    if (line === '') return
    this.#lastLine = line
    const losses = lossesIn(line)
    if (losses !== null) this.#options.onStats({ ...NOTHING, ...losses })
  }
}

/**
 * What tcpdump and dumpcap say they lost when they end:
 * `3 packets dropped by kernel`, `Packets received/dropped on interface 'eth0': 200/3 (…)`.
 */
export function lossesIn(line: string): Partial<CaptureStats> | null {
  const tcpdump = /^(\d{1,15}) packets? dropped by (kernel|interface)$/.exec(line)
  if (tcpdump !== null) {
    return tcpdump[2] === 'kernel' ? { kernelDrops: Number(tcpdump[1]) } : { interfaceDrops: Number(tcpdump[1]) }
  }
  const dumpcap = /^Packets received\/dropped on interface '[^']{0,100}': \d{1,15}\/(\d{1,15}) /.exec(line)
  return dumpcap === null ? null : { kernelDrops: Number(dumpcap[1]) }
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    // Paused before it connects: control must not read a byte.
    socket.pause()
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

const NOTHING: CaptureStats = { received: 0, kernelDrops: 0, interfaceDrops: 0, cut: 0, foreign: 0, respawns: 0 }
const STOP_MS = 1000
const FIRST_BACK_OFF_MS = 200
const MAX_BACK_OFF_MS = 5000
/** A life this long ends the series of failures that back-off counts. */
const STEADY_MS = 30_000
const LOUD_ATTEMPTS = 3
const QUIET_EVERY = 60
const UNPRIVILEGED_WITHIN_MS = 2000
const POLL_MS = 50
const MAX_TEXT = 4000

function howItEnded(code: number | null, signal: NodeJS.Signals | null, lastLine: string): string {
  if (signal !== null) return `killed by ${signal}`
  return lastLine === '' ? `exit code ${code}` : `exit code ${code}: ${lastLine}`
}
