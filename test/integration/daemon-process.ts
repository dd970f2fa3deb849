import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { ROOT } from './program.ts'

const PROGRAM = join(ROOT, 'dist', 'offpath.js')

export interface IncidentLine {
  readonly id: string
  readonly detector: string
  readonly status: string
  readonly opened_at: string
}

/** A folder with a configuration, in which daemons can be started one after the other. */
export class DaemonFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'offpath-daemon-'))
  readonly environment: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    NO_COLOR: '1',
    OFFPATH_PRIVACY_KEY: '5a'.repeat(32),
  }
  readonly #daemons: DaemonProcess[] = []

  /** The configuration from the next start on; no port is opened. */
  configure(settings: Readonly<Record<string, unknown>>): void {
    writeFileSync(join(this.path, 'offpath.yaml'), stringify({ server: { listen: null }, ...settings }))
  }

  start(...args: string[]): DaemonProcess {
    const daemon = new DaemonProcess(this, ['run', '-o', 'jsonl', ...args])
    this.#daemons.push(daemon)
    return daemon
  }

  /** Another command in this folder. */
  async offpath(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: this.path,
      env: this.environment as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (part) => {
      stdout += part
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { status, stdout, stderr }
  }

  /** The JSON that a command prints. */
  async json<Value>(...args: string[]): Promise<Value> {
    const { status, stdout, stderr } = await this.offpath(...args, '-o', 'json')
    if (status !== 0) throw new Error(`offpath ${args.join(' ')}: exit ${status}\n${stderr}`)
    return JSON.parse(stdout) as Value
  }

  async remove(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.killAll()))
    rmSync(this.path, { recursive: true, force: true })
  }
}

export class DaemonProcess {
  readonly child: ChildProcess
  readonly incidents: { readonly line: IncidentLine; readonly heardMs: number }[] = []
  readonly ended: Promise<number | null>
  stderr = ''

  constructor(folder: DaemonFolder, args: readonly string[]) {
    this.child = spawn(process.execPath, [PROGRAM, ...args], {
      cwd: folder.path,
      env: folder.environment as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.ended = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      const read: unknown = JSON.parse(line)
      if (isIncident(read)) this.incidents.push({ line: read, heardMs: Date.now() })
    })
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
  }

  async ready(): Promise<void> {
    await until(
      () => this.stderr.includes('"watching"'),
      15_000,
      () => this.stderr,
    )
  }

  /** The processes that it started. */
  get children(): number[] {
    const { pid } = this.child
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  }

  /** The one of them that writes rows. */
  get store(): number {
    const store = this.children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('store'))
    if (store === undefined) throw new Error('there is no store process')
    return store
  }

  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM')
    return await this.ended
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.ended
  }

  /** With what it started: a process that a test has stopped would not hear that its parent is gone. */
  async killAll(): Promise<void> {
    const running = this.child.exitCode === null && this.child.signalCode === null
    for (const pid of running ? this.children : []) process.kill(pid, 'SIGKILL')
    await this.kill()
  }
}

function isIncident(value: unknown): value is IncidentLine {
  return typeof value === 'object' && value !== null && 'detector' in value && 'opened_at' in value
}

export async function until(
  met: () => boolean | Promise<boolean>,
  withinMs: number,
  told: () => string,
): Promise<void> {
  const end = Date.now() + withinMs
  while (!(await met())) {
    if (Date.now() > end) throw new Error(`not met within ${withinMs} ms: ${told()}`)
    await sleep(10)
  }
}
