// A million callers, each signed in with a token of its own and never seen again, between 300 honest ones; then a walk through orders and
// a list of paths. Prints the resident memory of the program, read from outside; exit 1 when it grows over the last four tenths by more
// than 10 %, or either attack is not found.
//   npm run build && node scripts/million-callers.mjs [callers, default 1000000]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const CALLERS = Number(process.argv[2] ?? 1_000_000)
const HONEST = 300
const PAGES = ['/v1/products', '/v1/cart', '/v1/me']
const WORDS =
  'admin backup old test dev staging private config internal debug console metrics status hidden secret'.split(' ')
const SIGNATURE = 'x'.repeat(43)

const program = join(import.meta.dirname, '..', 'dist', 'offpath.js')
const child = spawn(process.execPath, [program, 'replay', '-', '--emit', 'incidents'], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const closed = once(child, 'close')
let printed = ''
child.stdout.on('data', (text) => {
  printed += text
})

let at = Date.UTC(2026, 10, 20, 8)
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const HEAD = part({ alg: 'HS256', typ: 'JWT' })

/** One exchange as a native record, `later` milliseconds after the one before. */
async function ask(later, caller, path, status, ip) {
  at += later
  const time = (ms) => new Date(ms).toISOString().replace('Z', '000Z')
  const record = {
    ts: time(at),
    end_ts: time(at + 2),
    duration_us: 2000,
    client_ip: ip,
    method: 'GET',
    scheme: 'http',
    host: 'api.shop.test',
    path,
    status,
    request_headers: [['authorization', `Bearer ${HEAD}.${part({ iss: 'i', sub: caller })}.${SIGNATURE}`]],
    response_headers: [['content-type', 'application/json']],
    response_body_bytes: 7,
    response_body: '{"a":1}',
    state: 'complete',
    pairing: 'exact',
  }
  if (!child.stdin.write(`${JSON.stringify(record)}\n`)) await once(child.stdin, 'drain')
}

let turn = 0
function honest(later) {
  const who = turn++ % HONEST
  const path = (turn * 7919) % 11 === 0 ? `/v1/orders/${50_000 + who * 8 + (turn % 5)}` : PAGES[turn % 3]
  return ask(later, `h${who}`, path, 200, `198.51.${who % 100}.7`)
}

const residentMb = () =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024)

for (let i = 0; i < 20_000; i++) await honest(400)
const resident = []
for (let i = 0; i < CALLERS; i++) {
  if (i % 50 === 0) await honest(0)
  const path = i % 2 === 0 ? `/v1/orders/${i}` : PAGES[i % 3]
  await ask(4, `f${i}`, path, i % 4 === 0 ? 404 : 200, `203.${i % 200}.${(i >> 8) & 255}.9`)
  if (i % (CALLERS / 20) !== 0) continue
  resident.push(residentMb())
  process.stdout.write(`${i} callers: ${resident.at(-1)} MB\n`)
}
for (let i = 0; i < 200; i++)
  await ask(200, 'mallory', `/v1/orders/${50_000 + i}`, i % 3 === 0 ? 200 : 403, '203.0.113.66')
for (let i = 0; i < 60; i++) await ask(500, 'eve', `/${WORDS[i % 15]}${'-x'.repeat(i / 15)}`, 404, '203.0.113.67')
child.stdin.end()
await closed

const incidents = printed
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line))
for (const { detector, subject, why } of incidents) process.stdout.write(`${detector} ${subject.value}: ${why}\n`)
const late = resident.slice(12)
const isFlat = Math.max(...late) <= 1.1 * Math.min(...late)
const found = ['object.enumeration', 'scan.probing'].filter((id) => incidents.some(({ detector }) => detector === id))
process.exitCode = isFlat && found.length === 2 ? 0 : 1
