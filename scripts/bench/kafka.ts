import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs'
import type { PublishedRecord } from '../../sinks/kafka/publish-buffer.ts'
import { sensed } from '../scale/split.ts'
import { median, spread } from './measure.ts'
import { syntheticCapture } from './synthetic-capture.ts'

/**
 * What an analyzer spends on records of a topic, by stage: a real broker, the real source and chain, in a process of its
 * own for each stage and all before it. Each reads a topic and a third of it; the difference is free of start and
 * warm-up. What the store process spends is not in it: `npm run bench -- store`.
 */
const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '60000' }, runs: { type: 'string', default: '3' } },
})
const STAGES = ['kafkajs', 'decode', 'detectors', 'store']
const PARTITIONS = 4
const BATCH = 500
const script = join(import.meta.dirname, 'kafka-stage.mjs')

const broker = spawn(process.execPath, ['scripts/kafka/start.mjs'], { stdio: ['ignore', 'pipe', 'inherit'] })
try {
  await main(await placeOf(broker))
} finally {
  broker.kill('SIGTERM')
}

async function main(plain: string): Promise<void> {
  const { path } = syntheticCapture(join('.cache', 'bench'), Number(values.pairs))
  const native: PublishedRecord[] = []
  await sensed([path], (record) => native.push(record))
  await measure(plain, 'native', native, CompressionTypes.GZIP)
  await measure(plain, 'kong', native.map(asKong), CompressionTypes.None)
}

async function measure(plain: string, format: string, records: readonly PublishedRecord[], compression: number) {
  const some = Math.floor(records.length / 3)
  await produce(plain, `${format}-some`, records.slice(0, some), compression)
  await produce(plain, `${format}-all`, records, compression)
  const bytes = records.reduce((sum, { value }) => sum + value.length, 0)
  const costs = new Map(STAGES.map((stage): [string, number[]] => [stage, []]))
  for (let run = 0; run < Number(values.runs); run++) {
    for (const stage of STAGES) {
      const whole = seconds(stage, plain, `${format}-all`, format, records.length)
      const part = seconds(stage, plain, `${format}-some`, format, some)
      costs.get(stage)!.push(((whole - part) / (records.length - some)) * 1e6)
    }
  }
  console.log(`\n${format}: ${records.length} records of ${Math.round(bytes / records.length)} bytes`)
  console.log('stage        us/record   share   spread')
  const whole = median(costs.get('store')!)
  let before = 0
  for (const stage of STAGES) {
    const upTo = median(costs.get(stage)!)
    const own = upTo - before
    before = upTo
    const cells = [
      own.toFixed(1).padStart(9),
      `${Math.round((own / whole) * 100)} %`.padStart(7),
      spread(costs.get(stage)!, 1),
    ]
    console.log(stage.padEnd(12), cells.join('   '))
  }
  const alone = median(costs.get('detectors')!)
  console.log(
    `records per CPU second: ${Math.round(1e6 / alone)} with all detectors on, ${Math.round(1e6 / whole)} with rows made too`,
  )
}

function seconds(stage: string, plain: string, topic: string, format: string, records: number): number {
  const args = ['--max-semi-space-size=64', script, stage, plain, topic, format, String(records)]
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (ran.status !== 0) throw new Error(`${stage}: exit ${ran.status}`)
  return Number(ran.stdout)
}

async function produce(plain: string, topic: string, records: readonly PublishedRecord[], compression: number) {
  const kafka = new Kafka({ brokers: [plain], logLevel: logLevel.NOTHING, retry: { retries: 10 } })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true })
  await admin.disconnect()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let at = 0; at < records.length; at += BATCH) {
    await producer.send({ topic, compression, messages: records.slice(at, at + BATCH) })
  }
  await producer.disconnect()
}

/** The same request as Kong's log plugins tell of it. */
function asKong({ key, value }: PublishedRecord): PublishedRecord {
  const native = JSON.parse(value.toString()) as Record<string, string & number & [string, string][]>
  const { method, path, query, host } = native
  const target = query === '' ? path : `${path}?${query}`
  const kong = {
    request: {
      method,
      uri: target,
      url: `https://${host}:8443${target}`,
      querystring: {},
      size: native.request_body_bytes,
      headers: Object.fromEntries(native.request_headers as unknown as [string, string][]),
    },
    response: {
      status: native.status,
      size: native.response_body_bytes,
      headers: Object.fromEntries(native.response_headers as unknown as [string, string][]),
    },
    latencies: { request: Math.round((native.duration_us ?? 0) / 1000), proxy: 3, kong: 1 },
    client_ip: native.client_ip,
    started_at: Date.parse(native.ts as unknown as string),
    service: { id: '0f7c', name: 'shop' },
    route: { id: '77aa', name: 'shop-v1' },
    tries: [{ ip: '10.0.4.7', port: 8080, balancer_latency: 0 }],
    upstream_uri: path,
  }
  return { key, value: Buffer.from(JSON.stringify(kong)) }
}

async function placeOf({ stdout }: ChildProcess): Promise<string> {
  const line = await new Promise<string>((told, reject) => {
    createInterface({ input: stdout! })
      .once('line', told)
      .once('close', () => reject(new Error('there is no broker')))
  })
  return (JSON.parse(line) as { plain: string }).plain
}
