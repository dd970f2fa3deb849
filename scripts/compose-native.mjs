// Runs what docker-compose.yml describes without Docker, and says what came of it (root, for the capture):
//   node scripts/compose-native.mjs [--seconds 40] [--program dist/offpath.js]
//
// Kafka comes from Maven Central (scripts/kafka/start.mjs), the store is the embedded one, the network is a namespace of
// its own. Ends with 0 when the analyzer has stored transactions of the sensor and records of the gateway.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '40' },
    program: { type: 'string', default: join(root, 'dist/offpath.js') },
  },
})
const program = resolve(values.program)

// Loopback only, and nobody else's: everything below runs in a network namespace.
if (process.env.OFFPATH_NATIVE === undefined) {
  const inside = [
    '--net',
    'sh',
    '-c',
    'ip link set lo up && exec "$0" "$@"',
    process.execPath,
    ...process.argv.slice(1),
  ]
  const environment = { ...process.env, OFFPATH_NATIVE: '1' }
  process.exit(spawnSync('unshare', inside, { stdio: 'inherit', env: environment }).status ?? 1)
}

const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true })
const folder = mkdtempSync(join(tmpdir(), 'offpath-native-'))
chmodSync(folder, 0o755)
const children = []
let failed = null
try {
  await main()
} catch (error) {
  failed = error
} finally {
  for (const child of children.reverse()) await end(child)
  rmSync(folder, { recursive: true, force: true })
}
if (failed !== null) {
  console.error(String(failed.message ?? failed))
  process.exitCode = 1
}

async function main() {
  const broker = await kafka()
  const native = {
    'kafka:9092': broker.plain,
    'sample-api:8080': '127.0.0.1:8080',
    '/compose': join(root, 'examples/compose'),
  }
  const tools = kafkaTools(broker.jars)
  const environment = { ...process.env, KAFKA_BIN: tools, OFFPATH_PRIVACY_KEY: '5a'.repeat(32) }
  const start = (name) => {
    const command = services[name].command.map((word) => replaced(word, native))
    return run(name, command[0], command.slice(1), { env: environment })
  }
  await ended(start('topics'))
  start('sample-api')
  await sleep(500)
  await Promise.all([offpath('analyzer', native, environment), offpath('sensor', native, environment)])
  start('visitors')
  start('log-producer')
  console.log(`all services run; looking in ${values.seconds} s`)
  await sleep(Number(values.seconds) * 1000)
  report(environment)
}

/** A service that runs our own image: its command line and configuration, with native names in them. */
async function offpath(name, native, environment) {
  const home = join(folder, name)
  mkdirSync(home)
  const mount = services[name].volumes.find((volume) => volume.endsWith('.yaml:ro'))
  const config = parse(replaced(readFileSync(join(root, mount.split(':')[0]), 'utf8'), native))
  if (config.sinks?.clickhouse !== undefined) delete config.sinks.clickhouse
  for (const source of config.sources) {
    if (source.kind === 'exec') source.command = source.command.map((word) => (word === 'eth0' ? 'lo' : word))
  }
  const file = join(home, 'offpath.yaml')
  writeFileSync(file, JSON.stringify({ ...config, server: { listen: null } }))
  const args = services[name].command.map((word) => (word === '/etc/offpath/offpath.yaml' ? file : word))
  const child = run(name, process.execPath, [program, ...args], { cwd: home, env: environment })
  await new Promise((ready, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.includes('"watching"')) ready()
      else if (!line.includes('"level":"info"')) console.error(`${name}: ${line}`)
    })
    child.once('exit', (code) => reject(new Error(`${name} ended (${code})`)))
  })
  console.log(`${name}: ${args.join(' ')}`)
}

function report(environment) {
  const ask = (...args) => {
    const asked = spawnSync(process.execPath, [program, ...args], {
      cwd: join(folder, 'analyzer'),
      env: environment,
      encoding: 'utf8',
    })
    if (asked.status !== 0) throw new Error(`offpath ${args.join(' ')}: ${asked.stderr}`)
    return asked.stdout
  }
  console.log(ask('status'))
  const sql = 'SELECT service, count() AS rows FROM transactions GROUP BY service ORDER BY service'
  const found = ask('store', 'query', sql, '-o', 'jsonl')
  console.log(found)
  for (const service of ['127.0.0.1:8080', 'gateway.test']) {
    if (!found.includes(service)) throw new Error(`nothing of ${service} was stored`)
  }
}

async function kafka() {
  const child = run(
    'kafka',
    process.execPath,
    [join(root, 'scripts/kafka/start.mjs'), '--data', join(folder, 'kafka')],
    {},
  )
  const line = await new Promise((told, reject) => {
    createInterface({ input: child.stdout }).once('line', told)
    child.once('exit', (code) => reject(new Error(`Kafka ended (${code})`)))
  })
  return JSON.parse(line)
}

/** The command line tools of the image, as far as the scripts call them. */
function kafkaTools(jars) {
  const tools = { 'kafka-topics.sh': 'TopicCommand', 'kafka-console-producer.sh': 'ConsoleProducer' }
  for (const [name, main] of Object.entries(tools)) {
    const file = join(folder, name)
    writeFileSync(file, `#!/bin/sh\nexec java -Xmx128m -cp '${jars}/*' org.apache.kafka.tools.${main} "$@"\n`, {
      mode: 0o755,
    })
  }
  return folder
}

function replaced(text, native) {
  return Object.entries(native).reduce((changed, [from, to]) => changed.replaceAll(from, to), text)
}

function run(name, command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options })
  child.stdout.resume()
  if (name !== 'analyzer' && name !== 'sensor') child.stderr.resume()
  children.push(child)
  return child
}

async function ended(child) {
  const code = await new Promise((done) => child.once('exit', done))
  if (code !== 0) throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`)
}

/** With what it started itself. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  process.kill(-child.pid, 'SIGTERM')
  if ((await Promise.race([gone, sleep(25_000, 'late')])) === 'late') process.kill(-child.pid, 'SIGKILL')
}
