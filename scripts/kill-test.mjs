// Kills the store in the middle of its work, again and again, and counts what is lost or stored twice.
//
//   node scripts/kill-test.mjs [--runs 20] [--seed N] [--keep]
//
// Each run starts a producer (control) with a store process (embedded engine) on one data folder, kills one or both with
// SIGKILL at a chosen phase or at any moment, starts them again and compares with SQL: every batch in the ledger of
// acknowledged ones is there exactly once, in each table and in the roll-ups; no other is there twice. Exit 1 otherwise.
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle } from './kill/bundle.mjs'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
  },
})
const runs = Number(values.runs)
const home = mkdtempSync(join(tmpdir(), 'offpath-kill-'))
const programs = join(home, 'programs')
await bundle(programs, {
  store: 'scripts/kill/faulty-store.ts',
  producer: 'scripts/kill/producer.ts',
  process: 'daemon/topology/store-process.ts',
  rows: 'scripts/kill/rows.ts',
  random: 'scripts/kill/random.ts',
})
const { startStoreProcess } = await import(join(programs, 'process.mjs'))
const { TABLES } = await import(join(programs, 'rows.mjs'))
const { seeded } = await import(join(programs, 'random.mjs'))

const random = seeded(Number(values.seed))
const upTo = (most) => Math.floor(random() * most)

/** Runs that share a data folder: what one leaves behind, the next must bear. */
const RUNS_PER_FOLDER = 7
const BATCHES = 60
const GIVE_UP_MS = 60_000

/** Where to strike, by turns; `any` is a kill from outside at any moment. The first run of a folder migrates. */
const TURNS = [
  'any',
  'write',
  'writing',
  'written',
  'insert',
  'inserting',
  'inserted',
  'mark',
  'marked',
  'rotate',
  'any',
]

function plan(run) {
  const turn = run % RUNS_PER_FOLDER === 0 ? 'migrate' : TURNS[(run + Math.floor(run / RUNS_PER_FOLDER)) % TURNS.length]
  const who = ['store', 'store', 'all', 'all', 'control'][upTo(5)]
  const phase = { migrate: 'open', writing: 'write', inserting: 'insert' }[turn] ?? turn
  const nth = turn === 'migrate' ? 1 : turn === 'rotate' ? 1 + upTo(2) : 1 + upTo(12)
  const afterMs = turn === 'migrate' ? 10 + upTo(80) : turn === 'inserting' ? 1 + upTo(6) : turn === 'writing' ? 1 : 0
  return { turn, phase, nth, afterMs, who, atMs: upTo(600) }
}

const hit = {}
const total = { lost: 0, doubled: 0, rollUps: 0, batches: 0, rows: 0, phases: hit }
let reread = []
for (let run = 0; run < runs; run++) {
  const folder = join(home, `data-${Math.floor(run / RUNS_PER_FOLDER)}`)
  if (run % RUNS_PER_FOLDER === 0) reread = []
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const options = {
    folder,
    clickhouse: {
      kind: 'embedded',
      folder: join(folder, 'clickhouse'),
      database: 'offpath',
      keepDays: { transactions: 3650, evidence: 3650, signals: 3650, incidents: 3650 },
    },
    // Segments of 2 MiB, so that some end in each run.
    spoolMaxBytes: 32 * 1024 * 1024,
    script: join(programs, 'store.mjs'),
  }
  const ledger = join(folder, 'ledger')
  const strike = plan(run)
  const where = await strikeOnce(run, options, ledger, strike)
  hit[where] = (hit[where] ?? 0) + 1
  const found = await compare(options, ledger)
  total.lost += found.lost
  total.doubled += found.doubled
  total.rollUps += found.rollUps
  reread = readLedger(ledger)
    .filter(({ table }) => table === 'transactions')
    .slice(-6)
    .map(({ batch, rows }) => [batch, rows])
  const bad = found.lost + found.doubled + found.rollUps > 0
  console.error(
    `run ${run + 1}: killed ${strike.who} in ${where}; ${found.batches} batches, ${found.rows} rows sealed so far${bad ? `: WRONG ${JSON.stringify(found)}` : ''}`,
  )
  if (run % RUNS_PER_FOLDER === RUNS_PER_FOLDER - 1 || run === runs - 1) {
    total.batches += found.batches
    total.rows += found.rows
  }
}

const { lost, doubled, rollUps } = total
const wrong = lost + doubled + rollUps > 0
const phases = Object.entries(hit)
  .sort()
  .map(([name, count]) => `${name} ${count}`)
console.log(`runs ${runs}: lost ${lost}, doubled ${doubled}, roll-ups off ${rollUps}; killed in ${phases.join(', ')}`)
console.log(`seed ${values.seed}; ${total.batches} batches, ${total.rows} rows acknowledged`)
if (values.keep || wrong) console.log(`kept in ${home}`)
else rmSync(home, { recursive: true, force: true })
process.exitCode = wrong ? 1 : 0

/** Runs the producer until it ends or was killed. Resolves with the phase in which the kill fell. */
async function strikeOnce(run, options, ledger, { turn, phase, nth, afterMs, who, atMs }) {
  const struck = join(options.folder, `struck-${run}`)
  const log = join(options.folder, `phases-${run}`)
  const order = { options, ledger, firstBatch: run * 1000, batches: BATCHES, seed: upTo(2 ** 31), reread }
  const producer = fork(join(programs, 'producer.mjs'), [JSON.stringify(order)], {
    // A group of its own, so that a kill of all hits what was started here and nothing else.
    detached: true,
    env: { ...process.env, OFFPATH_KILL: JSON.stringify({ phase, nth, afterMs, who, struck, log }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = new Promise((resolve) => producer.once('exit', (code, signal) => resolve({ code, signal })))
  const ready = new Promise((resolve) => producer.on('message', (said) => said === 'ready' && resolve(true)))
  let late = false
  let last = ''
  const giveUp = setTimeout(() => {
    late = true
    process.kill(-producer.pid, 'SIGKILL')
  }, GIVE_UP_MS)
  if (turn === 'any') {
    await Promise.race([ready, ended])
    await new Promise((resolve) => setTimeout(resolve, atMs))
    if (producer.exitCode === null && producer.signalCode === null) {
      if (who === 'all') process.kill(-producer.pid, 'SIGKILL')
      else if (who === 'control') producer.kill('SIGKILL')
      else killStore(options.folder)
      last = lastLine(log)
    }
  }
  const { code, signal } = await ended
  clearTimeout(giveUp)
  if (late) throw new Error(`run ${run + 1} stood still; see ${home}`)
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`the producer failed (${code}); see ${home}`)
  if (turn !== 'any') return existsSync(struck) ? turn : 'none'
  return last === '' ? 'none' : `any (${last})`
}

/** The phase that was last begun. */
function lastLine(log) {
  return existsSync(log) ? (readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '') : ''
}

function killStore(folder) {
  try {
    process.kill(JSON.parse(readFileSync(join(folder, 'store.pid'), 'utf8')).pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH' && error.code !== 'ENOENT') throw error
  }
}

/** Batches by number, with whether they were acknowledged. */
function readLedger(path) {
  if (!existsSync(path)) return []
  const batches = new Map()
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [what, table, batch, rows] = line.split(' ')
    if (rows === undefined) continue
    const sealed = what === 'sealed' || batches.get(batch)?.sealed === true
    batches.set(batch, { table, batch: Number(batch), rows: Number(rows), sealed })
  }
  return [...batches.values()]
}

/** Starts the store as the next daemon would, lets it drain, and asks. */
async function compare(options, ledgerPath) {
  const warnings = []
  const warn = (fields, message) => warnings.push([message, fields])
  const store = await startStoreProcess({ ...options, logger: { info: () => undefined, warn, error: warn } })
  try {
    const until = performance.now() + GIVE_UP_MS
    while ((await store.status()).spool.batches > 0) {
      if (performance.now() > until) throw new Error(`the spool does not drain: ${JSON.stringify(warnings)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const { counters } = await store.status()
    const dropped = Object.keys(counters).filter((name) => /full|damaged|refused|shed/.test(name))
    if (dropped.length > 0) throw new Error(`given up: ${JSON.stringify(counters)}`)
    const batches = readLedger(ledgerPath)
    const found = { lost: 0, doubled: 0, rollUps: 0, batches: 0, rows: 0 }
    for (const table of TABLES) await compareTable(store, table, batches, found)
    await compareRollUps(store, found)
    for (const { sealed, rows } of batches) {
      if (!sealed) continue
      found.batches++
      found.rows += rows
    }
    return found
  } finally {
    await store.close(5000)
  }
}

async function compareTable(store, { table, batchOf, rowOf }, batches, found) {
  const count = table === 'capture_quality' ? 'sum(count)' : 'count()'
  const ask = async (final) => {
    const sql = `SELECT toString(${batchOf}), toUInt32(${count}), toUInt32(uniqExact(${rowOf})) FROM ${table} ${final} GROUP BY 1`
    const { rows, cut } = await store.query({ sql, maxRows: 10_000 })
    if (cut) throw new Error('more batches than one answer holds')
    return new Map(rows.map(([batch, all, distinct]) => [batch, [Number(all), Number(distinct)]]))
  }
  const plain = await ask('')
  const final = await ask('FINAL')
  for (const { batch, rows, sealed } of batches.filter((one) => one.table === table)) {
    for (const stored of [plain, final]) {
      const [all, distinct] = stored.get(String(batch)) ?? [0, 0]
      if (sealed) found.lost += Math.max(0, rows - distinct)
      found.doubled += all - distinct
    }
    plain.delete(String(batch))
  }
  // What was never tried cannot be there.
  found.doubled += plain.size
}

/** Each batch is an endpoint of its own, so the roll-ups must say of each what the table says. */
async function compareRollUps(store, found) {
  const numbers = async (sql) =>
    new Map((await store.query({ sql, maxRows: 10_000 })).rows.map(([key, n]) => [key, Number(n)]))
  const stored = await numbers('SELECT endpoint, toUInt32(count()) FROM transactions FINAL GROUP BY 1')
  for (const sql of [
    'SELECT endpoint, toUInt32(sum(requests)) FROM endpoint_minute GROUP BY 1',
    'SELECT endpoint, toUInt32(sum(requests)) FROM endpoints GROUP BY 1',
  ]) {
    const rolled = await numbers(sql)
    for (const key of new Set([...stored.keys(), ...rolled.keys()])) {
      if (stored.get(key) !== rolled.get(key)) found.rollUps++
    }
  }
  const all = [...stored.values()].reduce((sum, n) => sum + n, 0)
  const byHour = await numbers("SELECT 'all', toUInt32(sum(requests)) FROM principal_hour")
  if ((byHour.get('all') ?? 0) !== all) found.rollUps++
}
