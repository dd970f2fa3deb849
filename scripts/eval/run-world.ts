import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DetectorDeclaration } from '../../analyzers/detector.ts'
import { DETECTORS } from '../../analyzers/registry.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { type DescribedApi, describedApi } from '../../daemon/inventory/described-api.ts'
import { readSpec } from '../../daemon/inventory/spec.ts'
import type { DeployMark } from '../../daemon/model/deploy.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import type { AnalysisListeners } from '../../daemon/topology/analysis-stage.ts'
import { type Assembly, assemble, type BuildDetection, nativeReader } from '../../daemon/topology/assemble.ts'
import { DECOYS } from '../../world/attacks/probing.ts'
import type { Deploy } from '../../world/deploys.ts'
import type { Descriptions, WrittenApi } from '../../world/estate/descriptions.ts'
import type { Exchange, Truth } from '../../world/exchange.ts'
import { EDGE } from '../../world/network.ts'
import { Lines } from '../../world/output/native.ts'
import { PacketWriter } from '../../world/output/packets.ts'

/** Takes a transaction as the program sees it, and what it really was. */
export type Judge = (transaction: Transaction, truth: Truth) => void

const SOURCE = { kind: 'file', name: 'world' } as const
/** As an operator of this company would have it: the own network and the edge in front are trusted. */
const IDENTITY = { trusted_hops: ['10.0.0.0/8', ...EDGE.map((address) => `${address}/32`)] }

/** As its operator has put up decoys. */
const TRIPWIRES = { 'scan.tripwire': { paths: DECOYS } }

/** Detectors to run, and who hears of what they find. */
export interface Watch {
  readonly detect: BuildDetection
  readonly listeners: Pick<AnalysisListeners, 'signal' | 'incident'>
  /** Ids, or beginnings of ids, of the detectors that run; default: all. */
  readonly only?: readonly string[]
  /** Releases that a pipeline tells of; it grows while the world goes on. */
  readonly deploys?: readonly Deploy[]
  /** What is written about the services, as it is changed while the world goes on; default: nothing. */
  readonly descriptions?: Descriptions
}

function chainFor(listener: (transaction: Transaction) => void, watch: Watch | null): Assembly {
  const { only = [], descriptions: kept } = watch ?? {}
  const written = kept?.at(0) ?? []
  const isOff = ({ id }: DetectorDeclaration) => only.length > 0 && !only.some((name) => id.startsWith(name))
  const off = DETECTORS.filter(isOff).map(({ id }) => [id, { enabled: false }])
  const detectors = { ...TRIPWIRES, ...Object.fromEntries(off) }
  const descriptions = written.map(({ file }) => ({ file }))
  const settings = { identity: IDENTITY, detectors, endpoints: { descriptions } }
  const { config } = effectiveConfig(CONFIG_SCHEMA, null, settings)
  return assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: watch?.detect ?? null,
    described: written.map(describedBy),
    listeners: { ...watch?.listeners, transaction: listener },
    detectorFailed: (detector, error) => {
      throw new Error(detector, { cause: error })
    },
  })
}

/** Records made before they are read, so that what the world costs can be told from what the program costs. */
const BATCH = 2000

/** Exchanges as native records, each read as a line of a file is. Gives the microseconds of CPU that the program took for them. */
export async function judgeRecords(
  exchanges: Iterable<Exchange>,
  seed: string,
  judge: Judge,
  watch: Watch | null = null,
): Promise<number> {
  const lines = new Lines(seed)
  const truths = new Map<string, Truth>()
  const assembly = chainFor((transaction) => {
    const truth = truths.get(transaction.id)
    if (truth === undefined) throw new Error(`no truth of ${transaction.id}`)
    truths.delete(transaction.id)
    judge(transaction, truth)
  }, watch)
  const reader = nativeReader(assembly, SOURCE)
  const { deploys = [], descriptions } = watch ?? {}
  const { sources } = assembly.intake.funnel
  let told = 0
  let line = 0
  let cpu = 0
  const batch: { text: string; exchange: Exchange }[] = []
  const read = (): void => {
    const before = process.cpuUsage()
    for (; told < deploys.length; told++) assembly.deploy(markOf(deploys[told]!, told))
    for (const { text, exchange } of batch) {
      if (descriptions !== undefined && descriptions.next <= exchange.endUs) {
        assembly.detection?.detectors.described(descriptions.at(exchange.endUs).map(describedBy))
      }
      const record = JSON.parse(text) as Record<string, unknown>
      truths.set(record.id as string, exchange.truth)
      sources.of({ kind: 'file', name: exchange.mirror }).records++
      const transaction = reader.read(record, ++line, exchange.endUs, false)
      if (transaction !== null) assembly.chain.transaction(transaction, exchange.endUs)
    }
    const { user, system } = process.cpuUsage(before)
    cpu += user + system
    batch.length = 0
  }
  for (const exchange of exchanges) {
    batch.push({ text: lines.of(exchange).record, exchange })
    if (batch.length >= BATCH) read()
  }
  read()
  void assembly.chain.close()
  reader.close()
  if (truths.size > 0) throw new Error(`${truths.size} records could not be read`)
  return cpu
}

/** As the daemon reads the file. */
function describedBy({ file, text }: WrittenApi): DescribedApi {
  return describedApi({ file, services: null, spec: readSpec(text, file) })
}

function markOf({ service, version, atUs }: Deploy, number: number): DeployMark {
  return { id: `mark-${number}`, service: service.host, version, commit: null, at: atUs, who: 'pipeline' }
}

/** Exchanges as packets of a capture file, through the whole parser. They come by the time they start. */
export async function judgePackets(exchanges: Iterable<Exchange>, judge: Judge): Promise<void> {
  const truths = new Map<string, Truth>()
  const folder = mkdtempSync(join(tmpdir(), 'offpath-eval-'))
  try {
    const path = join(folder, 'world.pcap')
    const file = openSync(path, 'w')
    const packets = new PacketWriter((bytes) => void writeSync(file, bytes))
    for (const exchange of exchanges) {
      truths.set(`${exchange.startUs} ${exchange.peer} ${exchange.peerPort}`, exchange.truth)
      packets.push(exchange)
    }
    packets.close()
    closeSync(file)
    const assembly = chainFor((transaction) => {
      const truth = truths.get(`${transaction.time} ${transaction.clientIp} ${transaction.clientPort}`)
      if (truth === undefined) throw new Error(`no truth of ${transaction.method} ${transaction.path}`)
      judge(transaction, truth)
    }, null)
    const { counters } = assembly.telemetry
    const opened = await openInput(path, { counters })
    if (opened.kind !== 'frames') throw new Error(`${path} is no capture`)
    for await (const batch of opened.source.batches(new AbortController().signal)) {
      assembly.chain.frames(SOURCE, batch, 0, batch.count)
    }
    await assembly.chain.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
