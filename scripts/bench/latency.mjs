// How long after the answer that completes the evidence an incident is printed: `offpath run --pcap lo`, real requests.
// Usage, as root: node scripts/bench/latency.mjs [--incidents N]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { incidents: { type: 'string', default: '40' } } })
const wanted = Number(values.incidents)
const MOST_GUESSES = 20
const PATIENCE_MS = 300

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => response.writeHead(401).end('{}'))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address()

const program = join(import.meta.dirname, '../../dist/offpath.js')
const daemon = spawn(
  process.execPath,
  [program, 'run', '--pcap', 'lo', '--filter', `tcp port ${port}`, '-o', 'jsonl'],
  {
    stdio: ['ignore', 'pipe', 'pipe'],
  },
)
const seen = new Set()
const delays = []
let answeredMs = 0
createInterface({ input: daemon.stdout }).on('line', (line) => {
  const { id } = JSON.parse(line)
  if (seen.has(id)) return
  seen.add(id)
  delays.push(performance.now() - answeredMs)
})
for await (const chunk of daemon.stderr) if (String(chunk).includes('watching')) break

for (let account = 0; account < wanted; account++) {
  const before = delays.length
  for (let guess = 0; guess < MOST_GUESSES && delays.length === before; guess++) {
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
server.close()

delays.sort((a, b) => a - b)
const at = (share) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]?.toFixed(0)
console.log(`${delays.length} incidents; printed after ms: median ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}`)
