import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { KafkaOptions } from '../../daemon/sources/kafka/kafka-options.ts'
import { KafkaSource } from '../../daemon/sources/kafka/kafka-source.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import type { AnalysisListeners } from '../../daemon/topology/analysis-stage.ts'
import { assemble } from '../../daemon/topology/assemble.ts'
import { buildDetection } from '../../daemon/topology/detection.ts'
import { KafkaSession } from '../../daemon/topology/kafka-session.ts'
import { RowStage } from '../../daemon/topology/row-stage.ts'

/**
 * What one process spends on a topic, up to a stage: `kafka-stage.mjs STAGE BROKER TOPIC FORMAT RECORDS`. Prints the CPU
 * seconds of all its threads.
 */
const [stage = '', broker = '', topic = '', format = '', total = ''] = process.argv.slice(2)
const records = Number(total)
const options: KafkaOptions = {
  brokers: [broker],
  topics: [topic],
  groupId: `bench-${stage}-${process.pid}`,
  sessionMs: 10_000,
  from: 'beginning',
  sasl: null,
  tls: null,
}

/** Called as records are dealt with; prints and ends when they all are. */
function dealtWith(count: number): void {
  if (count < records) return
  const { user, system } = process.cpuUsage()
  console.log((user + system) / 1e6)
  process.exit(0)
}

if (stage === 'kafkajs') readOnly()
else await analyse()

function readOnly(): void {
  let read = 0
  const source = new KafkaSource({
    options,
    kept: [],
    counters: new Counters(),
    events: {
      records: (batch) => {
        read += batch.records.length
        dealtWith(read)
      },
      assigned: () => undefined,
      restarted: () => undefined,
      unreadable: () => undefined,
      warn: console.error,
    },
  })
  source.subscribe()
}

async function analyse(): Promise<void> {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  let rows: RowStage | null = null
  let seen = 0
  const listeners: AnalysisListeners = {
    transaction: (transaction) => {
      rows?.transaction(transaction)
      session.emitted(transaction)
      dealtWith(++seen)
    },
    signal: (signal) => rows?.signal(signal),
    incident: (change) => rows?.incident(change),
    tick: (now) => rows?.tick(now),
  }
  const assembly = assemble({
    config,
    key: TEST_KEY,
    bodies: true,
    detect: stage === 'decode' ? null : buildDetection,
    listeners,
    detectorFailed: (detector, error) => {
      throw new Error(detector, { cause: error })
    },
  })
  const { telemetry } = assembly
  if (stage === 'store') {
    const send = (sequence: number) => setImmediate(() => rows?.settled(sequence))
    rows = new RowStage({ config, telemetry, reread: false, send })
  }
  const session = new KafkaSession({
    input: { kind: 'kafka', name: topic, options, format, kept: [] },
    assembly,
    hostClock: () => Date.now() * 1000,
    rows: () => rows,
    tell: (message) => {
      if (message.kind === 'positions') void session.kept(message.positions)
      else if (message.kind === 'warning') console.error(message.message)
    },
    doubtChanged: () => undefined,
  })
  setInterval(() => {
    session.tick()
    rows?.beat(assembly.chain.now)
    session.checkpoint()
  }, 1000)
  await session.run(new AbortController().signal)
}
