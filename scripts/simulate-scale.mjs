// A hundred sensors, a real broker and some analyzers on one machine, at a reduced rate, and what each part spends:
//
//   node scripts/simulate-scale.mjs [--sensors 100] [--analyzers 2] [--pairs 300] [--rate 1500] [--program dist/offpath.js]
//
// The sensors are decoders and producers in one process (scripts/scale/sensors.ts), `pairs` each, `rate` a second
// together; the analyzers are daemons of one group, each with its embedded store. Ends with 0 when every pair is stored.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { bundle } from './kill/bundle.mjs'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    sensors: { type: 'string', default: '100' },
    analyzers: { type: 'string', default: '2' },
    pairs: { type: 'string', default: '300' },
    rate: { type: 'string', default: '1500' },
    program: { type: 'string', default: join(root, 'dist/offpath.js') },
  },
})
const program = resolve(values.program)
const home = mkdtempSync(join(tmpdir(), 'offpath-scale-'))
const environment = { ...process.env, NO_COLOR: '1', OFFPATH_PRIVACY_KEY: '5a'.repeat(32) }
const TOPIC = 'transactions'
const PARTITIONS = 12
const HERTZ = 100
const children = []
let ok = false
try {
  ok = await main()
} finally {
  for (const child of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const gone = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    if ((await Promise.race([gone, sleep(20_000, 'late')])) === 'late') child.kill('SIGKILL')
  }
  rmSync(home, { recursive: true, force: true })
}
process.exit(ok ? 0 : 1)

async function main() {
  await bundle(join(home, 'programs'), {
    sensors: 'scripts/scale/sensors.ts',
    capture: 'scripts/bench/synthetic-capture.ts',
  })
  const { syntheticCapture } = await import(join(home, 'programs/capture.mjs'))
  const { path } = syntheticCapture(home, Number(values.pairs), 50)
  const broker = await kafka()
  const admin = new Kafka({ brokers: [broker.plain], logLevel: logLevel.NOTHING, retry: { retries: 8 } }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true })
  const analyzers = []
  for (let number = 0; number < Number(values.analyzers); number++) analyzers.push(await analyzer(number, broker.plain))
  const before = { broker: cpuOf(broker.pid), analyzers: analyzers.map(({ pid }) => cpuOfTree(pid)) }
  const startedMs = Date.now()
  const sensors = await sensing(broker.plain, path)
  const sensedMs = Date.now() - startedMs
  await allCommitted(admin, sensors.pairs)
  const spent = {
    sensors: sensors.cpuSeconds,
    broker: cpuOf(broker.pid) - before.broker,
    analyzers: analyzers.reduce((sum, { pid }, index) => sum + cpuOfTree(pid) - before.analyzers[index], 0),
  }
  await admin.disconnect()
  const bytes = sizeOf(join(home, 'kafka/data'), (name) => name.startsWith(`${TOPIC}-`))
  const rows = analyzers.map(({ folder }) => stored(folder))
  report(sensors, sensedMs, spent, bytes, rows)
  return rows.reduce((sum, count) => sum + count, 0) === sensors.pairs && sensors.unsent === 0
}

function report(sensors, sensedMs, spent, bytes, rows) {
  const each = (seconds) => `${((seconds / sensors.pairs) * 1e6).toFixed(0)} us of CPU a pair`
  console.log(
    `${values.sensors} sensors: ${sensors.pairs} pairs in ${(sensedMs / 1000).toFixed(1)} s, ${sensors.unsent} unsent`,
  )
  console.log(`sensors    ${each(spent.sensors)} (start of ${values.sensors} producers included)`)
  console.log(`broker     ${each(spent.broker)}, ${Math.round(bytes / sensors.pairs)} bytes a pair on disk`)
  console.log(`analyzers  ${each(spent.analyzers)} (engine, store and control of ${values.analyzers})`)
  console.log(`stored     ${rows.join(' + ')} rows`)
}

async function sensing(plain, path) {
  const args = [join(home, 'programs/sensors.mjs'), plain, TOPIC, values.sensors, values.rate, path]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return JSON.parse(await firstLine(child))
}

async function analyzer(number, plain) {
  const folder = join(home, `analyzer-${number}`)
  mkdirSync(folder)
  const source = { kind: 'kafka', brokers: [plain], topics: [TOPIC], from: 'beginning' }
  writeFileSync(join(folder, 'offpath.yaml'), JSON.stringify({ server: { listen: null }, sources: [source] }))
  const child = spawn(process.execPath, [program, 'run', '--role', 'analyzer', '-o', 'jsonl'], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.push(child)
  await new Promise((ready, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => line.includes('"watching"') && ready())
    child.once('exit', (code) => reject(new Error(`an analyzer ended (${code})`)))
  })
  return { folder, pid: child.pid }
}

async function kafka() {
  const child = spawn(process.execPath, [join(root, 'scripts/kafka/start.mjs'), '--data', join(home, 'kafka')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return JSON.parse(await firstLine(child))
}

async function allCommitted(admin, sent) {
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(300)) {
    const [found] = await admin.fetchOffsets({ groupId: 'offpath', topics: [TOPIC] }).catch(() => [])
    const committed = (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    if (committed === sent) return
  }
  throw new Error('the analyzers do not come to the end of the topic')
}

/** Seconds of CPU that a process has used: proc(5), fields 14 and 15. */
function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / HERTZ
}

function cpuOfTree(pid) {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return (text === '' ? [] : text.split(' ')).reduce((sum, child) => sum + cpuOfTree(child), cpuOf(pid))
}

function sizeOf(folder, wanted) {
  return readdirSync(folder)
    .filter(wanted)
    .flatMap((name) => readdirSync(join(folder, name)).map((file) => join(folder, name, file)))
    .filter((file) => file.endsWith('.log'))
    .reduce((sum, file) => sum + statSync(file).size, 0)
}

function stored(folder) {
  const args = [program, 'store', 'query', 'SELECT count() AS n FROM transactions', '-o', 'jsonl']
  const asked = spawnSync(process.execPath, args, { cwd: folder, env: environment, encoding: 'utf8' })
  if (asked.status !== 0) throw new Error(asked.stderr)
  return Number(JSON.parse(asked.stdout.split('\n')[0]).n)
}

async function firstLine(child) {
  return await new Promise((told, reject) => {
    createInterface({ input: child.stdout }).once('line', told)
    child.once('exit', () => reject(new Error(`${child.spawnargs[1]} ended`)))
  })
}
