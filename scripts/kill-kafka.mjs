// Kills one of two analyzers of a group, or both, at any moment, again and again, and counts what is lost or doubled:
//
//   node scripts/kill-kafka.mjs [--runs 20] [--seed N] [--program dist/offpath.js] [--keep]
//
// A real broker; each analyzer has a store of its own. What one leaves, the other takes over, and gives back when it is
// there again. At the end every id that was produced must stand in one of the stores, none twice in the same, and no
// offset may be committed beyond what is stored. What stands in both was sealed by one that was killed before it could
// say so: two stores cannot know of each other, so this is counted, and must stay below what one seals in a second. What is
// lost is named by partition and offset; --keep leaves all folders where they are.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kafka, logLevel, Partitioners } from 'kafkajs'

const root = join(import.meta.dirname, '..')
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    program: { type: 'string', default: join(root, 'dist/offpath.js') },
    keep: { type: 'boolean', default: false },
  },
})
const program = resolve(values.program)
const runs = Number(values.runs)
const home = mkdtempSync(join(tmpdir(), 'offpath-kill-kafka-'))
const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  NO_COLOR: '1',
  OFFPATH_PRIVACY_KEY: '5a'.repeat(32),
}
const TOPIC = 'transactions'
const GROUP = 'offpath'
const PARTITIONS = 6
const NAMES = ['a', 'b']
/** The most that one question may bring. */
const PAGE = 100_000
/** The embedded engine can fail in a thread of its own while a short process ends; the question is then asked again. */
const ASKS = 3
let state = Number(values.seed) | 1
const random = () => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return state / 0x80000000
}

const broker = spawn(process.execPath, [join(root, 'scripts/kafka/start.mjs'), '--data', join(home, 'kafka')], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const daemons = new Map()
/** Where each record stands in the topic, by number. */
const places = []
let wrong = true
try {
  wrong = await main(await firstLine(broker))
} finally {
  for (const daemon of daemons.values()) daemon.child.kill('SIGKILL')
  const gone = new Promise((done) => broker.once('exit', done))
  broker.kill('SIGTERM')
  await gone
  if (values.keep) console.error(`kept: ${home}`)
  else rmSync(home, { recursive: true, force: true })
}
process.exit(wrong ? 1 : 0)

async function main(plain) {
  const kafka = new Kafka({ brokers: [plain], logLevel: logLevel.NOTHING, retry: { retries: 8 } })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: true })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const name of NAMES) configure(name, plain)
  let sent = 0
  const produce = async () => {
    const messages = Array.from({ length: 1 + Math.floor(random() * 200) }, () => ({
      partition: Math.floor(random() * PARTITIONS),
      value: line(sent++),
    }))
    const first = sent - messages.length
    const next = new Map()
    for (const { partition, baseOffset } of await producer.send({ topic: TOPIC, messages })) {
      next.set(partition, Number(baseOffset))
    }
    for (const [index, { partition }] of messages.entries()) {
      const offset = next.get(partition)
      next.set(partition, offset + 1)
      places[first + index] = { partition, offset }
    }
  }
  const killed = { one: 0, both: 0 }
  for (let run = 0; run < runs; run++) {
    for (const name of NAMES) if (!daemons.has(name)) await start(name)
    const until = Date.now() + 200 + random() * 1000
    while (Date.now() < until) {
      await produce()
      await sleep(random() * 40)
    }
    const victims = random() < 0.2 ? NAMES : [NAMES[Math.floor(random() * 2)]]
    killed[victims.length === 1 ? 'one' : 'both']++
    for (const name of victims) await kill(name)
    // The group gives its partitions to the other, which goes on for a while before the first is back.
    const alone = Date.now() + random() * 2000
    while (Date.now() < alone) {
      await produce()
      await sleep(random() * 40)
    }
    console.error(`run ${run + 1}: killed ${victims.join(' and ')}; ${sent} sent`)
  }
  for (const name of NAMES) if (!daemons.has(name)) await start(name)
  await allCommitted(admin, sent)
  for (const name of NAMES) await stop(name)
  await admin.disconnect()
  await producer.disconnect()
  return report(sent, killed)
}

function report(sent, killed) {
  const stores = NAMES.map((name) => stored(name))
  const doubled = stores.reduce((sum, { rows, ids }) => sum + rows - ids.size, 0)
  const rolled = stores.reduce((sum, { rows, requests }) => sum + Math.abs(requests - rows), 0)
  const all = new Set(stores.flatMap(({ ids }) => [...ids]))
  const missing = Array.from({ length: sent }, (_, number) => number).filter((number) => !all.has(idOf(number)))
  const lost = missing.length
  if (lost > 0) console.error(`lost: ${ranges(missing)}`)
  const both = stores[0].ids.size + stores[1].ids.size - all.size
  console.log(
    `runs ${runs}: ${sent} sent, lost ${lost}, doubled ${doubled}, roll-ups off ${rolled}, in both stores ${both}; killed one ${killed.one} times, both ${killed.both} times`,
  )
  return lost + doubled + rolled > 0 || both > runs * 6000
}

/** Offsets of each partition, neighbours together. */
function ranges(numbers) {
  const found = []
  const ordered = numbers
    .map((number) => places[number])
    .sort((a, b) => a.partition - b.partition || a.offset - b.offset)
  for (const { partition, offset } of ordered) {
    const last = found.at(-1)
    if (last?.partition === partition && last.to === offset - 1) last.to = offset
    else found.push({ partition, from: offset, to: offset })
  }
  return found.map(({ partition, from, to }) => `${partition}/${from}-${to}`).join(', ')
}

function configure(name, plain) {
  const folder = join(home, name)
  mkdirSync(folder)
  const source = {
    kind: 'kafka',
    brokers: [plain],
    topics: [TOPIC],
    group_id: GROUP,
    from: 'beginning',
    session_seconds: 1,
  }
  writeFileSync(join(folder, 'offpath.yaml'), JSON.stringify({ server: { listen: null }, sources: [source] }))
}

async function start(name) {
  const child = spawn(process.execPath, [program, 'run', '--role', 'analyzer', '-o', 'jsonl'], {
    cwd: join(home, name),
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const daemon = { child, stderr: '', ended: new Promise((done) => child.once('exit', done)) }
  daemons.set(name, daemon)
  await new Promise((ready, reject) => {
    child.stderr.on('data', (part) => {
      daemon.stderr = (daemon.stderr + part).slice(-4000)
      if (daemon.stderr.includes('"watching"')) ready()
    })
    child.once('exit', (code) => reject(new Error(`${name} ended (${code}): ${daemon.stderr}`)))
  })
}

/** Every other time its engine and its store are gone in the same moment. */
async function kill(name) {
  const { child, ended } = daemons.get(name)
  daemons.delete(name)
  if (random() < 0.5) {
    const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    for (const pid of children === '' ? [] : children.split(' ')) process.kill(Number(pid), 'SIGKILL')
  }
  child.kill('SIGKILL')
  await ended
}

async function stop(name) {
  const { child, ended } = daemons.get(name)
  daemons.delete(name)
  child.kill('SIGTERM')
  await ended
}

/** What an analyzer says of itself. */
function standing(name) {
  const asked = spawnSync(process.execPath, [program, 'status', '-o', 'json'], {
    cwd: join(home, name),
    env: environment,
    encoding: 'utf8',
  })
  if (asked.status !== 0) return `${name}: ${asked.stderr}`
  const { sources, counters, funnel, store } = JSON.parse(asked.stdout)
  return `${name}: ${JSON.stringify({ sources, counters, pairs: funnel.pairs, store })}`
}

async function allCommitted(admin, sent) {
  const end = Date.now() + 90_000
  for (;;) {
    const [found] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] }).catch(() => [])
    const committed = (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    if (committed === sent) return
    if (Date.now() > end) {
      throw new Error(
        `${committed} of ${sent} committed: ${JSON.stringify(found)}\n${[...daemons.keys()].map(standing).join('\n')}\n${[...daemons.values()].map(({ stderr }) => stderr).join('\n')}`,
      )
    }
    await sleep(200)
  }
}

function stored(name) {
  const ids = new Set()
  let rows = 0
  for (let last = ''; ; ) {
    const page = query(name, `SELECT id FROM transactions WHERE id > '${last}' ORDER BY id LIMIT ${PAGE}`)
    for (const { id } of page) ids.add(id)
    if (page.length < PAGE) break
    last = page.at(-1).id
  }
  rows = Number(query(name, 'SELECT count() AS n FROM transactions')[0].n)
  const requests = Number(query(name, 'SELECT sum(requests) AS n FROM endpoint_minute')[0].n)
  return { ids, rows, requests }
}

function query(name, sql) {
  const args = [program, 'store', 'query', sql, '--max-rows', String(PAGE), '-o', 'jsonl']
  for (let ask = 1; ; ask++) {
    const asked = spawnSync(process.execPath, args, {
      cwd: join(home, name),
      env: environment,
      encoding: 'utf8',
      maxBuffer: 1e8,
    })
    if (asked.status === 0) {
      return asked.stdout
        .split('\n')
        .filter(Boolean)
        .map((text) => JSON.parse(text))
    }
    if (asked.signal === null || ask === ASKS) throw new Error(`${name}: ${asked.signal ?? asked.stderr}`)
    console.error(`${name}: a question to the store ended by ${asked.signal}; asked again`)
  }
}

function idOf(number) {
  return `t${String(number).padStart(8, '0')}`
}

function line(number) {
  return JSON.stringify({
    id: idOf(number),
    ts: new Date().toISOString().replace('Z', '000Z'),
    duration_us: 1000,
    method: 'GET',
    host: 'api.test',
    path: `/v1/orders/${number}`,
    client_ip: `10.0.0.${number % 200}`,
    status: 200,
  })
}

async function firstLine(child) {
  const text = await new Promise((told, reject) => {
    createInterface({ input: child.stdout }).once('line', told)
    child.once('exit', () => reject(new Error('there is no broker')))
  })
  return JSON.parse(text).plain
}
