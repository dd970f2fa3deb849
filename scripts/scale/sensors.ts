import { setTimeout as sleep } from 'node:timers/promises'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { keyFrom } from '../../daemon/identity/privacy-key.ts'
import { openInput } from '../../daemon/sources/capture-file.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { drive } from '../../daemon/topology/inputs.ts'
import { shifted } from '../../daemon/topology/shifted-input.ts'
import { KafkaPublisher } from '../../sinks/kafka/publisher.ts'

/**
 * Many sensors in one process: `sensors.mjs BROKER TOPIC COUNT RATE FILE`. Each decodes the capture's frames, made to end
 * about now and a little apart from the others', and publishes with a producer of its own, all together `RATE` pairs a
 * second. Prints {pairs, cpuSeconds, unsent}.
 */
const [broker = '', topic = '', count = '', rate = '', file = ''] = process.argv.slice(2)
const key = keyFrom(Buffer.from('5a'.repeat(32), 'hex'))
// Small ones: they share one process.
const limits = { flows: 1024, reassembly_mib: 16, connections_mib: 16, evidence_mib: 1 }
const { config } = effectiveConfig(CONFIG_SCHEMA, null, { limits })
const counters = new Counters()
const stop = new AbortController().signal
const started = performance.now()
let pairs = 0

/** Waits until so many pairs are due. */
async function paced(): Promise<void> {
  const aheadMs = (pairs / Number(rate)) * 1000 - (performance.now() - started)
  if (aheadMs > 5) await sleep(aheadMs)
}

async function sensor(number: number): Promise<void> {
  const publisher = new KafkaPublisher({
    connection: { brokers: [broker], sasl: null, tls: null },
    topic,
    compression: 'gzip',
    maxBytes: 8 * 1024 * 1024,
    counters,
    warn: console.error,
  })
  publisher.start()
  const assembly = assemble({
    config,
    key,
    bodies: true,
    detect: null,
    publish: (record) => {
      pairs++
      publisher.push(record)
    },
    listeners: {},
    detectorFailed: () => undefined,
  })
  const opened = await openInput(file, { counters })
  const info = { kind: 'file', name: `sensor-${number}` } as const
  const input = {
    opened: shifted(opened, (await offsetUs()) + number * 1009),
    info,
    reader: nativeReader(assembly, info),
  }
  await drive(assembly.chain, [input], stop, () => publisher.room() ?? paced())
  await assembly.chain.close()
  await publisher.close(30_000)
}

let offset: number | null = null
/** From the capture's first frame to now. */
async function offsetUs(): Promise<number> {
  if (offset !== null) return offset
  const { source } = await openInput(file, { counters })
  for await (const batch of source.batches(stop)) {
    offset ??= Math.floor(Date.now() * 1000 - batch.clock[0]!)
    return offset
  }
  return 0
}

await Promise.all(Array.from({ length: Number(count) }, (_, number) => sensor(number)))
const { user, system } = process.cpuUsage()
const unsent = counters.get('publish.unsent') + counters.get('publish.dropped') + counters.get('publish.too_large')
console.log(JSON.stringify({ pairs, cpuSeconds: (user + system) / 1e6, unsent }))
process.exit(0)
