import { availableParallelism } from 'node:os'
import type { ValidatedConfig } from '../config/schema.ts'
import type { Segment } from '../decode/segment.ts'
import { HttpStage } from '../http/stage.ts'
import type { SourceInfo } from '../model/frame.ts'
import type { EventTime } from '../model/time.ts'
import { Reassembler } from '../reassembly/reassembler.ts'
import { isCaptureFile, openInput } from '../sources/capture-file.ts'
import { inheritedInput, STDIN } from '../sources/inherited-input.ts'
import { captureQuality } from '../telemetry/capture-quality.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { SensorWindows } from '../telemetry/sensor-windows.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { Chain } from './chain.ts'
import { flowWorkers, httpLimits, reassemblyLimits } from './flow-limits.ts'
import type { FlowSizes, Flows } from './flows.ts'
import { drive, endOf, type Input } from './inputs.ts'
import type { ReplayRequest, ReplaySummary } from './replay.ts'

/**
 * Whether `countPairs` gives the same summary as `replay`: nobody looks at the transactions, and all inputs are captures as they
 * were written. It loads nothing of redaction, endpoints or detection, which takes as long as 10,000 pairs.
 */
export async function canCount(request: ReplayRequest): Promise<boolean> {
  const { emit, store, inventory, speed, files, config } = request
  if (emit !== 'none' || store !== undefined || inventory !== undefined || speed !== 'max') return false
  if (flowWorkers(config.limits.workers, availableParallelism()) > 0) return false
  for (const file of files) if (!(await isCaptureFile(file))) return false
  return true
}

/** Pairs what is in captures, and counts. */
export async function countPairs(request: ReplayRequest): Promise<ReplaySummary> {
  const { config, files, warn, stop } = request
  const telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const sensor = new SensorWindows()
  const chain = new Chain(new CountedFlows(config, telemetry, sensor), telemetry)
  const inputs: Input[] = []
  for (const path of files) {
    const opened = await openInput(path, { stdin: () => inheritedInput(STDIN, stop), counters: telemetry.counters })
    inputs.push({ opened, info: opened.source.info, reader: null })
  }
  await drive(
    chain,
    inputs,
    stop,
    () => {},
    () => request.progressed?.(),
  )
  await chain.close()
  for (const { opened } of inputs) for (const message of endOf(opened.source)) warn(message)
  return {
    ...telemetry.funnel.totals(),
    quality: captureQuality(sensor.reading),
    incidents: [],
    weirds: telemetry.weirds.entries(),
    counters: telemetry.counters.entries(),
  }
}

/** Flows that are followed for their counts alone. */
class CountedFlows implements Flows {
  readonly #telemetry: Telemetry
  readonly #sensor: SensorWindows
  readonly #http: HttpStage
  readonly #reassembler: Reassembler
  readonly broken = new Promise<never>(() => {})
  #source: SourceInfo = { kind: 'file', name: '' }

  constructor(config: ValidatedConfig, telemetry: Telemetry, sensor: SensorWindows) {
    this.#telemetry = telemetry
    this.#sensor = sensor
    this.#http = new HttpStage({ limits: httpLimits(config), bodies: false, telemetry, sink: null })
    this.#reassembler = new Reassembler({
      limits: reassemblyLimits(config),
      open: this.#http.open,
      infoStays: false,
      telemetry,
      source: () => this.#source,
    })
  }

  from(source: SourceInfo): void {
    this.#source = source
    this.#telemetry.funnel.from(source)
  }

  segment(segment: Segment, time: EventTime, now: EventTime): void {
    this.#reassembler.push(segment, time, now)
  }

  tick(now: EventTime): void {
    this.#sensor.take(this.#telemetry.funnel.bySource(), now)
    this.#reassembler.tick(now)
    this.#http.tick(now)
  }

  async end(now: EventTime | null): Promise<void> {
    if (now === null) return
    this.#reassembler.close(now)
    this.#sensor.take(this.#telemetry.funnel.bySource(), now)
  }

  sizes(): FlowSizes {
    return { flows: this.#reassembler.flows, heldBytes: this.#reassembler.heldBytes }
  }

  // Nothing waits, nothing is analysed, and no raw value is kept.
  transaction(): void {}
  advance(): void {}
  settle(): void {}
  room(): undefined {}
  async drained(): Promise<void> {}
  payloadRulesChanged(): void {}
  abandon(): void {}
}
