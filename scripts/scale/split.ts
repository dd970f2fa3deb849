import { Partitioners } from 'kafkajs'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { SourceInfo } from '../../daemon/model/frame.ts'
import type { Incident } from '../../daemon/model/incident.ts'
import { parseTime } from '../../daemon/model/time.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import { type Assembly, assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { drive, type Input } from '../../daemon/topology/inputs.ts'
import { NativeOrder } from '../../daemon/topology/native-order.ts'
import { hearLines, sharedOf, toldLines } from '../../daemon/topology/told-lines.ts'
import type { PublishedRecord } from '../../sinks/kafka/publish-buffer.ts'

const { config } = effectiveConfig(CONFIG_SCHEMA, null)
const FROM_TOPIC: SourceInfo = { kind: 'kafka', name: 'transactions' }

function failed(detector: string, error: unknown): never {
  throw new Error(`${detector} failed`, { cause: error })
}

/** What one sensor would publish of these files, in order. */
export async function sensed(files: readonly string[], publish: (record: PublishedRecord) => void): Promise<Assembly> {
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: null,
    publish,
    listeners: {},
    detectorFailed: failed,
  })
  const inputs: Input[] = []
  for (const path of files) {
    const opened = await openInput(path, { counters: assembly.telemetry.counters })
    inputs.push({ opened, info: opened.source.info, reader: nativeReader(assembly, opened.source.info) })
  }
  await drive(assembly.chain, inputs, new AbortController().signal, () => undefined)
  await assembly.chain.close()
  return assembly
}

/** An analyzer that is handed records of some partitions. */
export class Analyzer {
  readonly assembly: Assembly
  readonly #order: NativeOrder
  #line = 0

  constructor() {
    this.assembly = assemble({
      config,
      key: TEST_KEY,
      bodies: true,
      detect: buildDetection,
      listeners: {},
      detectorFailed: failed,
    })
    this.#order = new NativeOrder(nativeReader(this.assembly, FROM_TOPIC), this.assembly.chain)
  }

  push(value: Buffer): void {
    const record = JSON.parse(value.toString()) as Record<string, unknown>
    this.#order.push({ line: ++this.#line, record, clock: parseTime(String(record.end_ts))!, bogusTime: false })
  }

  /** What it tells the others, by part. */
  tell(): ReadonlyMap<string, string> {
    return new Map(sharedOf(this.assembly.learning).map(({ name, shared }) => [name, toldLines(shared).text]))
  }

  /** What each of the others told last. Returns the part that took longest, and its milliseconds of CPU. */
  hear(others: readonly ReadonlyMap<string, string>[]): [part: string, ms: number] {
    let longest: [string, number] = ['', 0]
    for (const { name, shared } of sharedOf(this.assembly.learning)) {
      const begun = cpuMs()
      hearLines(
        shared,
        others.map((told) => told.get(name) ?? ''),
      )
      const ms = cpuMs() - begun
      if (ms > longest[1]) longest = [name, ms]
    }
    return longest
  }

  finish(): readonly Incident[] {
    this.#order.flush()
    // Records need no flow worker: all of it happens at once.
    void this.assembly.chain.close()
    return this.assembly.finish()
  }
}

/** What this process has used, whatever else the machine does. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The partition that a record goes to, as the client library has it. */
export function partitioner(partitions: number): (key: string) => number {
  const pick = Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }))
  return (key) => pick({ topic: 't', partitionMetadata, message: { key, value: null } })
}
