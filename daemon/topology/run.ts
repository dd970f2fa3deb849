import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { StatusJson } from '../api/operations.ts'
import type { SourceConfig, ValidatedConfig } from '../config/schema.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import type { DeployMark } from '../model/deploy.ts'
import type { HeldIncident, IncidentChange } from '../model/incident.ts'
import type { RowBatch } from '../model/row-batch.ts'
import type { ToldPart } from '../model/told-part.ts'
import type { Verdict } from '../model/verdict.ts'
import { NO_RULES, type PayloadRule } from '../payload/rules/rule.ts'
import { shippedPolicies } from '../policies/load.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { STDIN } from '../sources/inherited-input.ts'
import { OffpathError } from '../telemetry/errors.ts'
import type { SourceState } from './capture-supervisor.ts'
import { Captures, isLive } from './captures.ts'
import { errorOf } from './engine-failure.ts'
import type {
  EngineFile,
  EngineInput,
  EngineKafka,
  EnginePublish,
  EngineStatus,
  FromEngine,
  InventoryPart,
  KafkaPosition,
  KafkaStatus,
  LearningChunk,
  StartMessage,
  ToEngine,
} from './engine-protocol.ts'
import type { KafkaDesk } from './kafka-desk.ts'
import type { Sharing } from './peer-learning.ts'
import { sharedTemporaryFolder, unprivilegedCommand, unprivilegedUser } from './privileges.ts'
import type { ReplaySummary } from './replay.ts'
import { fileName, sourceName } from './source-name.ts'

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
  /** What incidents are folded by; the shipped policies when left out. */
  readonly policies?: readonly PolicyDocument[]
  /** The operator's rules of payloads; default: none. */
  readonly payloadRules?: readonly PayloadRule[]
  /** What is written about the API; default: nothing. */
  readonly described?: readonly DescribedApi[]
  /** Incidents that were open when the daemon ended: taken up again where nothing is read twice. */
  readonly held?: readonly HeldIncident[]
  /** Releases that were marked, oldest first. */
  readonly deploys?: readonly DeployMark[]
  /** What was said of incidents, oldest first. */
  readonly verdicts?: readonly Verdict[]
  /** How long nothing was watched before this start, in seconds, when the last end was no clean one. */
  readonly gapSeconds?: number
  /** The inventory of the last run: gone on with where nothing is read twice. */
  readonly inventory?: string | null
  /** Keeps the positions of Kafka sources, and knows how to reach them. Needed for those alone. */
  readonly kafka?: KafkaDesk
  /** A sensor: where its transactions go. Nothing is analysed then. */
  readonly publish?: EnginePublish
  onLearned?(records: number): void
  /** Every live source captures, or is missing and waited for, or there is none. */
  onReady(): void
  onIncident(change: IncidentChange): void
  /** Takes rows for the store; settles when they are sealed, rejects when they were given up. Left out: no rows are made. */
  readonly seal?: (batch: RowBatch) => Promise<void>
  /** At an orderly end, before `done`: the open incidents as they stand. */
  onHeld?(held: readonly HeldIncident[]): void
  /** Files that hold what was learnt, the newest first: gone on with where nothing is read twice. */
  readonly learning?: readonly string[]
  /** The file of what other daemons learnt, to be counted beside it. */
  readonly merged?: string | null
  /** A snapshot of the inventory, in parts: every 30 s, and at an orderly end. */
  onInventory?(part: InventoryPart): void
  /** The same of what is learnt, every state.snapshot_seconds. */
  onLearning?(chunk: LearningChunk): void
  /** An analyzer among others: who it is, and who takes what it tells them. */
  readonly sharing?: Sharing | null
  onTold?(part: ToldPart): void
  /** Every second. */
  onStatus?(status: EngineStatus): void
  readonly stop: AbortSignal
}

export type SourceStatus = StatusJson['sources'][number]

/** What a running watch can be asked and told. */
export interface Watch {
  /** Resolves with the summary when every source has ended or `stop` fires; rejects when a source cannot start. */
  readonly done: Promise<ReplaySummary>
  setPolicies(policies: readonly PolicyDocument[], payloadRules: readonly PayloadRule[]): void
  /** What is written about the API was read anew. */
  setDescribed(apis: readonly DescribedApi[]): void
  /** A service was released. */
  deploy(mark: DeployMark): void
  /** A person has said what an incident is. */
  verdict(verdict: Verdict): void
  /** What other analyzers learnt was read. `leftOut`: so many parts there was no room for. */
  hear(parts: readonly ToldPart[], leftOut: number): void
  sources(): SourceStatus[]
  processes(): { name: string; pid: number | null }[]
}

/** Starts the engine and the capture children, keeps them going, passes incidents and rows on, and reads no traffic itself. */
export function watch(request: RunRequest): Watch {
  const control = new Control(request)
  return {
    done: control.run().finally(() => control.close()),
    setPolicies: (policies, payloadRules) => control.setPolicies(policies, payloadRules),
    setDescribed: (apis) => control.setDescribed(apis),
    deploy: (mark) => control.deploy(mark),
    verdict: (verdict) => control.verdict(verdict),
    hear: (parts, leftOut) => control.hear(parts, leftOut),
    sources: () => control.sources(),
    processes: () => control.processes(),
  }
}

export function run(request: RunRequest): Promise<ReplaySummary> {
  return watch(request).done
}

class Control {
  readonly #request: RunRequest
  readonly #folder: string
  readonly #descriptors: number[] = []
  readonly #captures: Captures
  #engine: ChildProcess | null = null
  #topics: readonly KafkaStatus[] = []

  constructor(request: RunRequest) {
    this.#request = request
    this.#captures = new Captures({
      sources: request.config.sources,
      logger: request.logger,
      stop: request.stop,
      tell: (message) => this.#tell(message),
    })
    // 0700, so nobody else can feed frames to the engine. mkdtemp makes it so.
    this.#folder = mkdtempSync(join(sharedTemporaryFolder(), 'offpath-'))
  }

  run(): Promise<ReplaySummary> {
    const { config, key, learnFrom, stop } = this.#request
    const lives = config.sources.filter(isLive)
    const reads = lives.length > 0 || config.sources.some(({ kind }) => kind === 'kafka')
    const dropPrivileges = reads && process.getuid?.() === 0
    if (dropPrivileges) {
      const { uid, gid } = unprivilegedUser()
      chownSync(this.#folder, uid, gid)
    }
    const learn = learnFrom === undefined ? null : this.#open(learnFrom.path, learnFrom.shiftUs)
    const inputs = config.sources.map((source, index) => this.#input(source, index))
    const readsFiles = inputs.some((input) => input.kind === 'file') || learn !== null
    const learning = readsFiles ? [] : (this.#request.learning ?? []).flatMap((path) => this.#open(path, 0).descriptor)
    const { merged } = this.#request
    const mergedFile = merged === undefined || merged === null ? null : this.#open(merged, 0).descriptor
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
        if (message.kind === 'done') {
          this.#request.onHeld?.(message.held)
          resolve(message.summary)
        } else if (message.kind === 'failed') fail(errorOf(message))
        else if (message.kind === 'listening') this.#capture(inputs).catch(failUnlessStopped)
        else if (message.kind === 'rows') this.#seal(message)
        else if (message.kind === 'positions') this.#keep(message.positions)
        else if (message.kind === 'told') this.#request.onTold?.(message.part)
        else if (message.kind === 'dead_letters') void this.#request.kafka?.lay(message.letters)
        else this.#heard(message)
      })
      const start: StartMessage = {
        kind: 'start',
        config,
        key: Buffer.from(key.bytes).toString('base64'),
        learnFrom: learn,
        inputs,
        dropPrivileges,
        policies: this.#request.policies ?? shippedPolicies().documents,
        payloadRules: this.#request.payloadRules ?? NO_RULES,
        described: this.#request.described ?? [],
        // A file is read from its beginning, and finds them again.
        held: readsFiles ? [] : (this.#request.held ?? []),
        deploys: this.#request.deploys ?? [],
        verdicts: this.#request.verdicts ?? [],
        rows: this.#request.seal !== undefined,
        publish: this.#request.publish ?? null,
        gapSeconds: this.#request.gapSeconds ?? 0,
        inventory: readsFiles ? null : (this.#request.inventory ?? null),
        learning,
        merged: mergedFile,
        sharing: this.#request.sharing ?? null,
      }
      this.#tell(start)
      const end = () => void this.#captures.stop().then(() => this.#tell({ kind: 'stop' }))
      if (stop.aborted) end()
      else stop.addEventListener('abort', end, { once: true })
    })
  }

  async close(): Promise<void> {
    await this.#captures.stop()
    this.#engine?.kill('SIGKILL')
    for (const descriptor of this.#descriptors) if (descriptor !== STDIN) closeSync(descriptor)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  setPolicies(policies: readonly PolicyDocument[], payloadRules: readonly PayloadRule[]): void {
    this.#tell({ kind: 'policies', policies, payloadRules })
  }

  setDescribed(apis: readonly DescribedApi[]): void {
    this.#tell({ kind: 'described', apis })
  }

  deploy(mark: DeployMark): void {
    this.#tell({ kind: 'deploy', mark })
  }

  verdict(verdict: Verdict): void {
    this.#tell({ kind: 'verdict', verdict })
  }

  hear(parts: readonly ToldPart[], leftOut: number): void {
    this.#tell({ kind: 'heard', parts, leftOut })
  }

  sources(): SourceStatus[] {
    return this.#request.config.sources.map((source, index) => {
      const name = sourceName(source)
      const status = { kind: source.kind, name, state: this.#stateOf(source, index) }
      const topic = source.kind === 'kafka' ? this.#topics.find((each) => each.name === name) : undefined
      const reason = this.#captures.standing(index).why
      if (topic === undefined) return reason === null ? status : { ...status, why: reason }
      const { why, lags, queued, queuedSeconds, starved } = topic
      return { ...status, ...(why === null ? {} : { why }), lags, queued, queued_seconds: queuedSeconds, starved }
    })
  }

  #stateOf(source: SourceConfig, index: number): SourceState {
    if (source.kind === 'file') return 'capturing'
    if (source.kind === 'kafka')
      return this.#topics.find(({ name }) => name === sourceName(source))?.state ?? 'starting'
    return this.#captures.standing(index).state
  }

  processes(): { name: string; pid: number | null }[] {
    return [{ name: 'engine', pid: this.#engine?.pid ?? null }, ...this.#captures.processes()]
  }

  #seal({ sequence, batch, reach }: Extract<FromEngine, { kind: 'rows' }>): void {
    const { seal, kafka } = this.#request
    const settled = (lost: boolean) => this.#tell({ kind: 'settled', sequence, lost })
    const noted = reach.length === 0 ? undefined : kafka?.reached(reach)
    const sealed = noted === undefined ? seal?.(batch) : noted.then(() => seal?.(batch))
    // Who could not seal it has counted it.
    sealed?.then(
      () => settled(false),
      () => settled(true),
    )
  }

  #keep(positions: readonly KafkaPosition[]): void {
    this.#request.kafka?.keep(positions).then(
      () => this.#tell({ kind: 'positions_kept', positions }),
      (error: unknown) =>
        this.#request.logger.error(
          { error: String(error) },
          'positions in a topic could not be kept; none is committed',
        ),
    )
  }

  #heard(
    message: Extract<FromEngine, { kind: 'learned' | 'incident' | 'inventory' | 'learning' | 'warning' | 'status' }>,
  ): void {
    switch (message.kind) {
      case 'learned':
        this.#request.onLearned?.(message.records)
        return
      case 'incident':
        this.#request.onIncident(message.change)
        return
      case 'inventory':
        this.#request.onInventory?.(message)
        return
      case 'learning':
        this.#request.onLearning?.(message)
        return
      case 'status':
        this.#topics = message.status.kafka
        this.#request.onStatus?.(message.status)
        return
      case 'warning':
        this.#request.logger.warn(message.message)
        return
    }
  }

  async #capture(inputs: readonly EngineInput[]): Promise<void> {
    if (await this.#captures.start(inputs)) this.#request.onReady()
  }

  #input(source: SourceConfig, index: number): EngineInput {
    if (source.kind === 'file') return this.#open(source.path, this.#request.shiftFilesUs ?? 0)
    if (source.kind === 'kafka') return kafkaInput(this.#request.kafka, source)
    return { kind: 'live', via: source.kind, name: sourceName(source), socketPath: join(this.#folder, `${index}.sock`) }
  }

  /** The descriptor's number in the engine: its standard input, output, error and channel come first. */
  #open(path: string, shiftUs: number): EngineFile {
    const name = fileName(path)
    this.#descriptors.push(path === '-' ? STDIN : open(path))
    return { kind: 'file', descriptor: FIRST_DESCRIPTOR + this.#descriptors.length - 1, name, shiftUs }
  }

  #spawn(): ChildProcess {
    const script = join(import.meta.dirname, 'engine.js')
    const { memory_mib: heapMib } = this.#request.config.limits
    // kafkajs asks for timers in the past, which Node.js 24 warns of each time (tulios/kafkajs#1751).
    const quiet = '--disable-warning=TimeoutNegativeWarning'
    const flags = [quiet, '--max-semi-space-size=64', `--max-old-space-size=${heapMib}`]
    const [command, ...args] = [...unprivilegedCommand(), process.execPath, ...flags, script]
    this.#engine = spawn(command!, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', ...this.#descriptors],
      serialization: 'advanced',
    })
    return this.#engine
  }

  #tell(message: ToEngine): void {
    if (this.#engine?.connected) this.#engine.send(message)
  }
}

function kafkaInput(desk: KafkaDesk | undefined, source: Extract<SourceConfig, { kind: 'kafka' }>): EngineKafka {
  if (desk === undefined) throw new Error('a Kafka source needs somebody who keeps its positions')
  return { kind: 'kafka', name: sourceName(source), ...desk.open(source) }
}

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
