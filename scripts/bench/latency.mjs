// How long after the answer that completes the evidence an incident is printed, and its signed webhook is received:
// `offpath run --pcap lo` with its store and one receiver, real requests.
// Usage, as root: npm run bench -- latency [--incidents N] [--store none]. Exits 1 when the webhook's 95th percentile is over a second.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { incidents: { type: 'string', default: '40' }, store: { type: 'string', default: 'embedded' } },
  allowPositionals: true,
})
const wanted = Number(values.incidents)
const MOST_GUESSES = 20
const PATIENCE_MS = 300
const GOAL_MS = 1000

const printed = { seen: new Set(), delays: [] }
const received = { seen: new Set(), delays: [] }
let answeredMs = 0
function heard(list, id) {
  if (list.seen.has(id)) return
  list.seen.add(id)
  list.delays.push(performance.now() - answeredMs)
}

async function listening(answer) {
  const server = createServer((request, response) => {
    const parts = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => answer(Buffer.concat(parts).toString(), response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
const api = await listening((_body, response) => response.writeHead(401).end('{}'))
const receiver = await listening((body, response) => {
  const { type, subject } = JSON.parse(body)
  if (type === 'offpath.incident.opened.v1') heard(received, subject)
  response.writeHead(204).end()
})
const { port } = api.address()

const folder = mkdtempSync(join(tmpdir(), 'offpath-latency-'))
writeFileSync(
  join(folder, 'offpath.yaml'),
  `sources: [{kind: pcap, interface: lo, filter: "tcp port ${port}"}]
sinks:
  webhook: [{name: bench, url: "http://127.0.0.1:${receiver.address().port}/", secret_env: BENCH_SECRET, events: [incident]}]
server: {listen: null}
state: {folder: ${join(folder, 'data')}}
`,
)
const program = join(import.meta.dirname, '../../dist/offpath.js')
const daemon = spawn(
  process.execPath,
  [program, 'run', '--config', join(folder, 'offpath.yaml'), '--store', values.store, '-o', 'jsonl'],
  {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BENCH_SECRET: `whsec_${randomBytes(32).toString('base64')}` },
  },
)
createInterface({ input: daemon.stdout }).on('line', (line) => heard(printed, JSON.parse(line).id))
for await (const chunk of daemon.stderr) if (String(chunk).includes('watching')) break

for (let account = 0; account < wanted; account++) {
  const before = printed.delays.length
  for (let guess = 0; guess < MOST_GUESSES && printed.delays.length === before; guess++) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': `203.0.113.${(account % 250) + 1}` },
      body: JSON.stringify({ username: `user-${account}`, password: `wrong-${guess}` }),
    })
    await response.text()
    answeredMs = performance.now()
    await sleep(PATIENCE_MS)
  }
}
daemon.kill('SIGTERM')
await once(daemon, 'exit')
api.close()
receiver.close()
rmSync(folder, { recursive: true, force: true })

function quantile(delays, share) {
  const sorted = [...delays].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
for (const [what, { delays }] of [
  ['printed', printed],
  ['webhook received', received],
]) {
  const [median, p95, max] = [0.5, 0.95, 1].map((share) => quantile(delays, share).toFixed(0))
  console.log(`${delays.length} incidents ${what} after ms: median ${median}, p95 ${p95}, max ${max}`)
}
process.exitCode = received.delays.length >= wanted && quantile(received.delays, 0.95) < GOAL_MS ? 0 : 1
