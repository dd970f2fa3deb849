// Runs one Kafka node (KRaft) on free loopback ports until it gets SIGTERM or SIGINT, without Docker:
//
//   node scripts/kafka/start.mjs [--data FOLDER]
//
// Its first line of output is JSON: the listeners, the folder with data and certificates, the jars, the pid of the node.
// --data keeps what is in a folder from one start to the next, ports included; without it a temporary one is used.
// User offpath, password offpath-secret. Listeners: PLAINTEXT, SASL_PLAINTEXT and SASL_SSL (PLAIN, SCRAM-SHA-256,
// SCRAM-SHA-512) and SSL, which asks for a client certificate.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { makeCertificates } from './certificates.mjs'
import { kafkaJars } from './jars.mjs'

const { values } = parseArgs({ options: { data: { type: 'string' } } })
const temporary = values.data === undefined
const folder = temporary ? mkdtempSync(join(tmpdir(), 'offpath-kafka-')) : resolve(values.data)
const USER = 'offpath'
const PASSWORD = 'offpath-secret'
const START_MS = 60_000

const jars = kafkaJars()
mkdirSync(folder, { recursive: true })
const settingsFile = join(folder, 'node.json')
const settings = existsSync(settingsFile) ? JSON.parse(readFileSync(settingsFile, 'utf8')) : await prepare()

const log = openSync(join(folder, 'log.txt'), 'a')
const node = spawn('java', [...java(), 'kafka.Kafka', join(folder, 'server.properties')], {
  stdio: ['ignore', log, log],
})
let stopping = false
const stop = () => {
  stopping = true
  node.kill('SIGTERM')
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
node.on('exit', (code, signal) => {
  if (!stopping) {
    console.error(`the node ended by itself (${signal ?? code}):`)
    console.error(readFileSync(join(folder, 'log.txt'), 'utf8').slice(-2000))
  }
  if (temporary) rmSync(folder, { recursive: true, force: true })
  process.exit(stopping ? 0 : 1)
})
await listening(settings.ports)
console.log(JSON.stringify({ ...settings, folder, jars, user: USER, password: PASSWORD, pid: node.pid }))

async function prepare() {
  const [plain, sasl, ssl, saslSsl, controller] = await freePorts(5)
  const ports = { plain, sasl, ssl, saslSsl, controller }
  makeCertificates(folder)
  const plainUser = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  writeFileSync(
    join(folder, 'server.properties'),
    `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},SSL://127.0.0.1:${ssl},SASL_SSL://127.0.0.1:${saslSsl},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},SSL://127.0.0.1:${ssl},SASL_SSL://127.0.0.1:${saslSsl}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
${['sasl_plaintext', 'sasl_ssl']
  .map(
    (name) => `listener.name.${name}.plain.sasl.jaas.config=${plainUser}
listener.name.${name}.scram-sha-256.sasl.jaas.config=${scram}
listener.name.${name}.scram-sha-512.sasl.jaas.config=${scram}`,
  )
  .join('\n')}
listener.name.sasl_ssl.ssl.client.auth=none
ssl.keystore.type=PEM
ssl.keystore.location=${join(folder, 'server.pem')}
ssl.truststore.type=PEM
ssl.truststore.location=${join(folder, 'ca.pem')}
ssl.client.auth=required
log.dirs=${join(folder, 'data')}
auto.create.topics.enable=false
message.max.bytes=33554432
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
`,
  )
  const clusterId = 'b2ZmcGF0aC1rYWZrYS1ub2Q'
  const format = ['format', '-t', clusterId, '-c', join(folder, 'server.properties')]
  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
    format.push('--add-scram', `${mechanism}=[name=${USER},password=${PASSWORD}]`)
  }
  const formatted = spawnSync('java', [...java(), 'kafka.tools.StorageTool', ...format], { encoding: 'utf8' })
  if (formatted.status !== 0) throw new Error(`the storage cannot be formatted: ${formatted.stdout}${formatted.stderr}`)
  const made = { ports, plain: at(plain), sasl: at(sasl), ssl: at(ssl), saslSsl: at(saslSsl) }
  writeFileSync(settingsFile, JSON.stringify(made))
  return made
}

function java() {
  return ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dlog4j2.level=WARN', '-cp', join(jars, '*')]
}

function at(port) {
  return `127.0.0.1:${port}`
}

/** All are held until the last is known, so that they differ. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = []
  for (const server of servers) {
    await new Promise((done) => server.listen(0, '127.0.0.1', done))
    ports.push(server.address().port)
  }
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

async function listening({ plain }) {
  for (const started = Date.now(); Date.now() - started < START_MS; await sleep(100)) {
    const open = await new Promise((done) => {
      const socket = connect(plain, '127.0.0.1', () => done(true)).on('error', () => done(false))
      socket.on('close', () => socket.destroy())
      socket.unref()
      setTimeout(() => socket.destroy(), 500).unref()
    })
    if (open) return
  }
  console.error(readFileSync(join(folder, 'log.txt'), 'utf8').slice(-2000))
  node.kill('SIGKILL')
}
