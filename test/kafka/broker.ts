import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { until as untilMet } from '../integration/daemon-process.ts'
import { ROOT } from '../integration/program.ts'

const SCRIPT = join(ROOT, 'scripts/kafka/start.mjs')

export interface BrokerPlaces {
  /** host:port of each listener. */
  readonly plain: string
  readonly sasl: string
  readonly ssl: string
  readonly saslSsl: string
  /** With ca.pem, client.crt and client.key. */
  readonly folder: string
  readonly jars: string
  readonly user: string
  readonly password: string
  /** Of the node. */
  readonly pid: number
}

/** Why no broker can run here; null when one can. */
export function brokerMissing(): string | null {
  for (const program of ['java', 'mvn', 'openssl']) {
    if (spawnSync('which', [program]).status !== 0) return `${program} is not installed`
  }
  return null
}

/** One real Kafka node, whose data stays over `stop` and `start`. */
export class Broker {
  readonly folder = mkdtempSync(join(tmpdir(), 'offpath-kafka-'))
  places!: BrokerPlaces
  #child: ChildProcess | null = null
  #producer: Producer | null = null

  async start(): Promise<void> {
    const child = spawn(process.execPath, [SCRIPT, '--data', this.folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    let stderr = ''
    child.stderr.on('data', (part) => {
      stderr += part
    })
    this.places = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line) as BrokerPlaces))
      child.once('exit', () => reject(new Error(`no broker: ${stderr}`)))
    })
  }

  async stop(): Promise<void> {
    await this.#producer?.disconnect()
    this.#producer = null
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  client(): Kafka {
    return new Kafka({ brokers: [this.places.plain], logLevel: logLevel.NOTHING, retry: { retries: 8 } })
  }

  /** Made anew where it is there already: a test that is run once more begins with nothing. */
  async createTopic(topic: string, numPartitions = 1, configEntries: { name: string; value: string }[] = []) {
    const admin = this.client().admin()
    await admin.connect()
    if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] })
    await until(
      () => admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: true }),
      20_000,
      () => `${topic} does not go away`,
    )
    await admin.disconnect()
  }

  async deleteTopic(topic: string): Promise<void> {
    const admin = this.client().admin()
    await admin.connect()
    await admin.deleteTopics({ topics: [topic] })
    await admin.disconnect()
  }

  async send(topic: string, values: readonly (string | Buffer | null)[], partition = 0): Promise<void> {
    if (this.#producer === null) {
      this.#producer = this.client().producer({ createPartitioner: Partitioners.DefaultPartitioner })
      await this.#producer.connect()
    }
    for (let at = 0; at < values.length; at += 1000) {
      const messages = values.slice(at, at + 1000).map((value) => ({ key: 'k', value, partition }))
      await this.#producer.send({ topic, messages })
    }
  }

  /** By the console producer of Apache Kafka, as Java clients compress. */
  async sendFromJava(topic: string, codec: string, lines: readonly string[]): Promise<void> {
    const args = ['--bootstrap-server', this.places.plain, '--topic', topic, '--compression-codec', codec]
    const file = join(this.folder, `${topic}.txt`)
    writeFileSync(file, `${lines.join('\n')}\n`)
    const command = `exec java -Xmx128m -cp "$0/*" org.apache.kafka.tools.ConsoleProducer "$@" < "${file}"`
    await new Promise<void>((resolve, reject) => {
      execFile('sh', ['-c', command, this.places.jars, ...args], (error) =>
        error === null ? resolve() : reject(error),
      )
    })
  }

  /** Offset by partition; -1 where the group has none. */
  async committed(groupId: string, topic: string): Promise<Map<number, number>> {
    const admin = this.client().admin()
    await admin.connect()
    let found: Awaited<ReturnType<typeof admin.fetchOffsets>>[number] | undefined
    // A node that has just started loads its coordinator at the first question.
    await until(
      async () => {
        found = (await admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => []))[0]
        return found !== undefined
      },
      20_000,
      () => `no offsets of ${groupId}`,
    )
    await admin.disconnect()
    return new Map(found!.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
  }
}

/** Polls until it is so. */
export function until(met: () => boolean | Promise<boolean>, withinMs: number, told: () => string = () => '') {
  return untilMet(met, withinMs, told)
}

/** A native transaction, one of many. */
export function transactionLine(number: number, timeMs: number = Date.now()): string {
  return JSON.stringify({
    id: `t${String(number).padStart(8, '0')}`,
    ts: new Date(timeMs).toISOString().replace('Z', '000Z'),
    duration_us: 1000,
    method: 'GET',
    host: 'api.test',
    path: `/v1/orders/${number}`,
    client_ip: `10.0.0.${number % 200}`,
    status: 200,
  })
}
