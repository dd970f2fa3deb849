import { parseArgs } from 'node:util'
import type { Flood } from './flood.ts'
import { type FloodRun, runFlood, unexplained } from './flood-run.ts'
import { BENIGN, FLOODS } from './floods.ts'

/** Times the flood is made longer: what it asks of memory must not follow. */
const LONGER = 10
const ALLOWED_GROWTH = 1.1
/** The collector's moods, in a process that needs little. */
const ALLOWED_NOISE_MB = 25
const ALLOWED_SLOWER = 1.3
const ALLOWED_STALL_MS = 5000

const { values } = parseArgs({
  options: {
    program: { type: 'string', default: 'dist/offpath.js' },
    flood: { type: 'string' },
    scale: { type: 'string' },
    units: { type: 'string', default: '1' },
    budget: { type: 'string', default: '1024' },
    extract: { type: 'boolean', default: false },
    'young-mib': { type: 'string' },
    list: { type: 'boolean', default: false },
  },
})
const budgetMb = Number(values.budget)
/** With `--extract` no detector looks: what flows, fragments and messages alone ask for. */
const emit = values.extract ? 'none' : 'summary'
/** The young generation of V8 fills its 16 MiB, three times over, in a long run, flood or not: held down, what else grows shows. */
const young = values['young-mib']
const nodeFlags = young === undefined ? [] : [`--max-semi-space-size=${young}`]
const named = values.flood?.split(',')
const environment = { ...process.env, HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }

function run(flood: Flood, scale: number, emit: 'summary' | 'transactions' | 'none'): Promise<FloodRun> {
  const units = Math.max(1, Math.floor(flood.units * Number(values.units) * scale))
  return runFlood(flood, { program: values.program, units, emit, environment, nodeFlags })
}

function row(...cells: readonly (string | number)[]): void {
  const padded = cells.map((cell, i) => (i === 0 ? String(cell).padEnd(20) : String(cell).padStart(9)))
  process.stdout.write(`${padded.join(' ')}\n`)
}

function cells(run: FloodRun): (string | number)[] {
  return [
    run.frames,
    ((run.cpuSeconds / run.frames) * 1e6).toFixed(2),
    run.stallMs.toFixed(0),
    run.settledRssMb.toFixed(0),
    run.peakRssMb.toFixed(0),
  ]
}

/** What is wrong with one run, in words. */
function problems(run: FloodRun): string[] {
  const wrong = run.funnel === null ? [] : unexplained(run.funnel).map((stage) => `unexplained ${stage}`)
  if (run.honestFound >= 0 && run.honestFound !== run.honestPairs) {
    wrong.push(`honest ${run.honestFound} of ${run.honestPairs}`)
  }
  if (run.peakRssMb > budgetMb) wrong.push(`${run.peakRssMb.toFixed(0)} MB`)
  if (run.stallMs > ALLOWED_STALL_MS) wrong.push(`nothing read for ${run.stallMs.toFixed(0)} ms`)
  return wrong
}

/** The flood at its length and ten times that: both are beyond the point where the limits bite, so memory must be equal. */
async function compare(flood: Flood): Promise<string[]> {
  const lines = await run(flood, 1, 'transactions')
  const once = await run(flood, 1, emit)
  const long = await run(flood, LONGER, emit)
  const wrong = [lines, once, long].flatMap(problems)
  const growth = long.peakRssMb / once.peakRssMb
  if (long.peakRssMb > once.peakRssMb * ALLOWED_GROWTH + ALLOWED_NOISE_MB)
    wrong.push(`grows ${growth.toFixed(2)} times`)
  const slower = long.cpuSeconds / long.frames / (once.cpuSeconds / once.frames)
  if (slower > ALLOWED_SLOWER) wrong.push(`${slower.toFixed(2)} times the CPU per frame when longer`)
  row(
    flood.name,
    ...cells(long),
    once.peakRssMb.toFixed(0),
    growth.toFixed(2),
    lines.peakRssMb.toFixed(0),
    `${lines.honestFound}/${lines.honestPairs}`,
    wrong.join('; '),
  )
  return wrong
}

async function once(flood: Flood, scale: number): Promise<string[]> {
  const ran = await run(flood, scale, emit)
  const wrong = problems(ran)
  row(flood.name, ...cells(ran), wrong.join('; '))
  return wrong
}

const floods = [BENIGN, ...FLOODS].filter(({ name }) => named === undefined || named.includes(name))
if (floods.length === 0) throw new Error(`no such flood; there are ${FLOODS.map(({ name }) => name).join(', ')}`)
if (values.list) for (const { name, units } of floods) row(name, units)
else {
  const headings = ['flood', 'frames', 'us/frame', 'stall ms', 'MB', 'peak MB']
  if (values.scale === undefined) row(...headings, '1x MB', 'growth', 'lines MB', 'honest')
  else row(...headings)
  let failed = 0
  for (const flood of floods) {
    const wrong = values.scale === undefined ? await compare(flood) : await once(flood, Number(values.scale))
    if (wrong.length > 0) failed++
  }
  process.exitCode = failed > 0 ? 1 : 0
}
