import { setTimeout as sleep } from 'node:timers/promises'
import { encodeIncident } from '../../sinks/incident-json.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import { encodeSignal } from '../../sinks/signal-json.ts'
import type { ValidatedConfig } from '../config/schema.ts'
import type { PrivacyKey } from '../identity/privacy-key.ts'
import type { DescribedApi } from '../inventory/described-api.ts'
import type { Inventory } from '../inventory/inventory.ts'
import type { Incident } from '../model/incident.ts'
import type { RowSink } from '../model/row-batch.ts'
import { loadRuleCompiler } from '../payload/rules/compiler.ts'
import { NO_RULES, type PayloadRule } from '../payload/rules/rule.ts'
import type { PolicyDocument } from '../policies/policy-file.ts'
import { openInput } from '../sources/capture-file.ts'
import { inheritedInput, STDIN } from '../sources/inherited-input.ts'
import type { CaptureQualityJson } from '../telemetry/capture-quality.ts'
import type { LedgerTotals } from '../telemetry/funnel.ts'
import type { AnalysisListeners } from './analysis-stage.ts'
import { openAsns } from './asns.ts'
import { type Assembly, assemble, nativeReader, switchedOff } from './assemble.ts'
import { type BetweenBatches, drive, endOf, type Input } from './inputs.ts'
import type { ReplayRows } from './replay-rows.ts'
import type { TapLinesSettings } from './tap-lines.ts'
import { TransactionLines } from './transaction-lines.ts'

export type Emit = 'transactions' | 'signals' | 'incidents' | 'summary' | 'none'

export interface ReplayRequest {
  /** Paths; `-` is standard input. Several are one timeline. */
  readonly files: readonly string[]
  readonly emit: Emit
  readonly bodies: 'text' | 'none'
  /** Of text inputs: a preset's name, the path of a mapping file, or `auto` (the default). */
  readonly format?: string
  readonly config: ValidatedConfig
  readonly key: PrivacyKey
  /** Default: the shipped policies. */
  readonly policies?: readonly PolicyDocument[]
  /** Rules of payloads, beside those that ship. */
  readonly payloadRules?: readonly PayloadRule[]
  /** Event time per host time: 1 replays at the pace of the recording. */
  readonly speed: 'max' | number
  /** Takes one output line, without its line feed. May ask to wait. */
  write(line: string): void | Promise<void>
  /**
   * Takes transaction lines in whole pieces of UTF-8, line feeds included, and says when the bytes are no longer needed. Without it
   * they come through `write`, which costs more.
   */
  writeBytes?(bytes: Buffer, done: () => void): void | Promise<void>
  /** A sentence for the operator. */
  warn(message: string): void
  /** Called every 1,024 frames or records. */
  progressed?(): void
  /** Where records and incidents are stored. The caller closes it. */
  readonly store?: RowSink
  /** Learns from every transaction. */
  readonly inventory?: Inventory
  readonly stop: AbortSignal
}

export interface ReplaySummary {
  readonly frames: LedgerTotals
  readonly bytes: LedgerTotals
  readonly messages: LedgerTotals
  readonly pairs: LedgerTotals
  /** How much of the traffic was seen, by source. */
  readonly quality: CaptureQualityJson
  readonly incidents: readonly Incident[]
  readonly weirds: readonly [string, number][]
  readonly counters: readonly [string, number][]
}

/** Replays captures and native transactions in event time. Same input, configuration and key give the same lines. */
export async function replay(request: ReplayRequest): Promise<ReplaySummary> {
  const output = new PendingOutput(request.write)
  const lines = request.writeBytes === undefined ? null : new TransactionLines(request.writeBytes)
  const detect = request.emit !== 'transactions' && request.emit !== 'none'
  let rows: ReplayRows | null = null
  await loadRuleCompiler(request.payloadRules ?? NO_RULES)
  const assembly = assemble({
    config: request.config,
    key: request.key,
    bodies: request.bodies === 'text' && (request.emit !== 'none' || request.inventory !== undefined),
    // Lines of transactions carry marks, so that they can be judged elsewhere.
    payloads: request.emit !== 'none',
    detect: detect ? (await import('./detection.ts')).buildDetection : null,
    listeners: withInventory(
      withRows(listenersFor(request.emit, output, lines), request.store === undefined ? null : () => rows),
      request.inventory,
    ),
    ...(request.policies === undefined ? {} : { policies: request.policies }),
    payloadRules: request.payloadRules ?? NO_RULES,
    asns: detect ? await openAsns(request.config) : null,
    described: detect ? await describedNow(request) : [],
    warn: request.warn,
    detectorFailed: (detector, error) => request.warn(switchedOff(detector, error)),
  })
  if (request.store !== undefined) {
    rows = new (await import('./replay-rows.ts')).ReplayRows(request.store, request.config, assembly.telemetry)
  }
  const inputs: Input[] = []
  try {
    await openAll(request, assembly, inputs)
    await drive(
      assembly.chain,
      inputs,
      request.stop,
      betweenBatches(request.speed, () => lines?.drained() ?? output.drained() ?? rows?.room(), request.stop),
      () => request.progressed?.(),
    )
  } catch (error) {
    // An input that was given up before it said what it is has not failed.
    if (!request.stop.aborted) {
      assembly.chain.abandon()
      throw error
    }
  }
  await assembly.chain.close()
  const incidents = assembly.finish()
  if (request.emit === 'incidents') for (const incident of incidents) output.write(encodeIncident(incident))
  await lines?.end()
  await output.drained()
  await rows?.finish(assembly.chain.now, incidents)
  for (const { opened } of inputs) for (const message of endOf(opened.source)) request.warn(message)
  return assembly.summary(incidents)
}

/** What is written about the API, as it is now; what reads such files is loaded where there is one. */
async function describedNow({ config, warn }: ReplayRequest): Promise<readonly DescribedApi[]> {
  if (config.endpoints.descriptions.length === 0) return []
  return new (await import('./description-files.ts')).DescriptionFiles(config, warn).current
}

function listenersFor(emit: Emit, output: PendingOutput, lines: TransactionLines | null): AnalysisListeners {
  switch (emit) {
    case 'transactions':
      if (lines !== null) return { keepsContents: false, transaction: (transaction) => lines.write(transaction) }
      return { keepsContents: false, transaction: (transaction) => output.write(encodeTransaction(transaction)) }
    case 'signals':
      return { signal: (signal) => output.write(encodeSignal(signal)) }
    case 'incidents':
    case 'summary':
    case 'none':
      return {}
  }
}

/** The same listeners, with rows for the store made beside. */
function withRows(listeners: AnalysisListeners, rows: (() => ReplayRows | null) | null): AnalysisListeners {
  if (rows === null) return listeners
  return {
    keepsContents: true,
    transaction: (transaction) => {
      rows()?.transaction(transaction)
      listeners.transaction?.(transaction)
    },
    signal: (signal) => {
      rows()?.signal(signal)
      listeners.signal?.(signal)
    },
    incident: (change) => {
      rows()?.incident(change)
      listeners.incident?.(change)
    },
    tick: (now) => rows()?.tick(now),
  }
}

function withInventory(listeners: AnalysisListeners, inventory: Inventory | undefined): AnalysisListeners {
  if (inventory === undefined) return listeners
  return {
    ...listeners,
    renamed: (service, from, to) => inventory.rename(service, from, to),
    transaction: (transaction) => {
      inventory.observe(transaction)
      listeners.transaction?.(transaction)
    },
  }
}

async function openAll(request: ReplayRequest, assembly: Assembly, inputs: Input[]): Promise<void> {
  const format = request.format ?? 'auto'
  const { key } = request
  const bodies = request.bodies === 'text'
  const { intake: telemetry } = assembly
  for (const path of request.files) {
    const opened = await openInput(path, {
      lines: async (name, whole) => {
        const { chosenText, TapLines } = await import('./tap-lines.ts')
        const chosen: TapLinesSettings['chosen'] = (source, choice) => request.warn(chosenText(source, choice))
        return new TapLines({ format, key, bodies, telemetry, chosen }, name, whole)
      },
      formatNamed: format !== 'auto',
      stdin: () => inheritedInput(STDIN, request.stop),
      counters: telemetry.counters,
    })
    const { info } = opened.source
    inputs.push({ opened, info, reader: nativeReader(assembly, info) })
  }
}

/** Lines are written from inside synchronous stages, so a writer that asks to wait is waited for between batches. */
class PendingOutput {
  readonly #write: (line: string) => void | Promise<void>
  #waiting: Promise<void> | null = null

  constructor(write: (line: string) => void | Promise<void>) {
    this.#write = write
  }

  write(line: string): void {
    const waiting = this.#write(line)
    if (waiting !== undefined) this.#waiting = waiting
  }

  drained(): Promise<void> | undefined {
    const waiting = this.#waiting
    if (waiting === null) return undefined
    this.#waiting = null
    return waiting
  }
}

function betweenBatches(
  speed: 'max' | number,
  drained: () => Promise<void> | undefined,
  stop: AbortSignal,
): BetweenBatches {
  if (speed === 'max') return drained
  let firstEvent = Number.NaN
  let firstHost = 0
  return async (eventTime) => {
    await drained()
    const host = performance.now()
    if (Number.isNaN(firstEvent)) {
      firstEvent = eventTime
      firstHost = host
    }
    const ahead = (eventTime - firstEvent) / 1000 / speed - (host - firstHost)
    if (ahead > 1) await sleep(ahead, undefined, { signal: stop }).catch(() => undefined)
  }
}
