import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ENDPOINT_DEFAULTS, EndpointMapper } from '../../daemon/endpoints/mapper.ts'
import { Inventory } from '../../daemon/inventory/inventory.ts'
import type { Transaction } from '../../daemon/model/transaction.ts'
import { Counters } from '../../daemon/telemetry/counters.ts'
import { LossFunnel } from '../../daemon/telemetry/funnel.ts'
import { WeirdCounts } from '../../daemon/telemetry/weirds.ts'
import { Random } from '../../demo/random.ts'

/** What a server says to paths that somebody makes up: one that answers whatever is asked, refuses it, or knows better. */
const STATUSES = [200, 401, 403, 404, 301, 500]
const ANSWER = '{"items":[],"page":1,"total":0,"next":"n","sort":"s"}'
/** MiB that the process may have at the end above its most in the first four tenths: what collecting garbage leaves varies by some. */
const GATE_MIB = 24

const { values } = parseArgs({
  options: {
    paths: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: 'paths' },
    child: { type: 'boolean', default: false },
  },
})

if (values.child) flood(Number(values.paths), values.seed)
else await watch()

/** Made-up paths of one to four words, numbers and ids, from a thousand addresses, through the endpoints and the inventory. */
function flood(paths: number, seed: string): void {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const mapper = new EndpointMapper(ENDPOINT_DEFAULTS, telemetry)
  const inventory = new Inventory()
  const random = new Random(seed)
  const tx = transaction()
  for (let i = 0; i < paths; i++) {
    let path = ''
    for (let depth = random.between(1, 4); depth > 0; depth--) path += `/${segment(random)}`
    tx.path = path
    tx.status = random.pick(STATUSES)
    tx.responseBody = tx.status === 200 ? ANSWER : ''
    tx.principal.id = `203.0.113.${random.between(1, 250)}`
    tx.time = tx.endTime = 1_790_000_000_000_000 + i * 1000
    mapper.map(tx as unknown as Transaction)
    inventory.observe(tx as unknown as Transaction)
    if (i % Math.ceil(paths / 10) === 0) process.stdout.write(`${i}\n`)
  }
  const sizes = Object.entries(mapper.sizes()).map(([name, { entries, limit }]) => `${name} ${entries} of ${limit}`)
  process.stdout.write(`${paths}\n${sizes.join(', ')}\n`)
}

function segment(random: Random): string {
  const text = Math.floor(random.next() * 2 ** 48).toString(36)
  const draw = random.between(0, 3)
  return draw === 0
    ? String(random.between(1, 1e9))
    : draw === 1
      ? text.replace(/\d/g, 'x')
      : `${text}-${text.slice(2)}`
}

function transaction() {
  return {
    ...{
      host: 'api.test',
      scheme: 'http',
      method: 'GET',
      path: '',
      query: '',
      status: 0,
      service: null,
      endpoint: null,
    },
    ...{ time: 0, endTime: 0, clientIp: '203.0.113.1', forwarded: [], caller: null, claims: null, consumer: null },
    ...{ requestHeaders: [], responseHeaders: [], requestBody: '', responseBody: '', operation: null, marks: [] },
    ...{ requestBodyBytes: 0, responseBodyBytes: 0, objectIds: [], knownEndpoint: false, weirds: [], truncated: [] },
    principal: { kind: 'ip', id: '', display: '', via: 'client_ip', app: null },
  }
}

/** Resident memory of the process that is flooded, from outside, at each tenth of the paths. */
async function watch(): Promise<void> {
  const args = [process.argv[1]!, '--child', '--paths', values.paths, '--seed', values.seed]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const memory: number[] = []
  for await (const chunk of child.stdout) {
    for (const line of String(chunk).split('\n').filter(Boolean)) {
      if (/^\d+$/.test(line)) {
        const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
        memory.push(rss)
        process.stdout.write(`${line.padStart(10)} paths  ${rss.toFixed(1).padStart(7)} MiB\n`)
      } else process.stdout.write(`${line}\n`)
    }
  }
  const grown = memory.at(-1)! - Math.max(...memory.slice(0, 5))
  const holds = grown <= GATE_MIB
  process.stdout.write(
    `${holds ? 'ok  ' : 'FAIL'}  at the end, above the first four tenths  ${grown.toFixed(1)} MiB  <= ${GATE_MIB}\n`,
  )
  process.exitCode = holds ? 0 : 1
}
