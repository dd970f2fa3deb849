import { parseArgs } from 'node:util'
import { type FloodRun, runFlood, unexplained } from './flood-run.ts'
import { BENIGN, FLOODS, type Flood } from './floods.ts'

/** Times the flood is made longer: what it asks of memory must not follow. */
const LONGER = 5
/** Over the shorter flood's peak, for the collector's moods. */
const ALLOWED_GROWTH = 1.1
const ALLOWED_NOISE_MB = 60

const { values } = parseArgs({
  options: {
    program: { type: 'string', default: 'dist/offpath.js' },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    budget: { type: 'string', default: '800' },
  },
})
const scale = Number(values.scale)
const budgetMb = Number(values.budget)
const only = values.only?.split(',')
const environment = { PATH: process.env.PATH, HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }

function run(flood: Flood, units: number, emit: 'summary' | 'transactions' | 'none'): Promise<FloodRun> {
  return runFlood(flood, { program: values.program, units: Math.floor(units), emit, environment })
}

function row(...cells: readonly (string | number)[]): void {
  process.stdout.write(
    `${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(20) : String(cell).padStart(9))).join(' ')}\n`,
  )
}

/** What is wrong with a flood, in sentences. */
async function judge(flood: Flood): Promise<string[]> {
  const units = flood.units * scale
  const wrong: string[] = []
  const lines = await run(flood, units, 'transactions')
  if (lines.honestFound !== lines.honestPairs) wrong.push(`honest ${lines.honestFound} of ${lines.honestPairs}`)
  const once = await run(flood, units, 'summary')
  const long = await run(flood, units * LONGER, 'summary')
  for (const one of [once, long]) wrong.push(...unexplained(one.funnel!).map((stage) => `unexplained ${stage}`))
  const growth = long.peakRssMb / once.peakRssMb
  if (long.peakRssMb > once.peakRssMb * ALLOWED_GROWTH + ALLOWED_NOISE_MB)
    wrong.push(`grows ${growth.toFixed(2)} times`)
  if (long.peakRssMb > budgetMb) wrong.push(`${long.peakRssMb.toFixed(0)} MB`)
  const slower = long.cpuSeconds / long.frames / (once.cpuSeconds / once.frames)
  if (slower > 1.3) wrong.push(`${slower.toFixed(2)} times the CPU per frame when longer`)
  row(
    flood.name,
    long.frames,
    ((long.cpuSeconds / long.frames) * 1e6).toFixed(2),
    ((long.cpuSeconds / long.fileBytes) * 1e9).toFixed(1),
    slower.toFixed(2),
    lines.peakRssMb.toFixed(0),
    once.peakRssMb.toFixed(0),
    long.peakRssMb.toFixed(0),
    `${lines.honestFound}/${lines.honestPairs}`,
    wrong.join('; '),
  )
  return wrong
}

row('flood', 'frames', 'us/frame', 'ns/byte', 'slower', 'MB lines', 'MB 1x', 'MB 5x', 'honest')
let failed = 0
for (const flood of [BENIGN, ...FLOODS]) {
  if (only !== undefined && !only.includes(flood.name)) continue
  if ((await judge(flood)).length > 0) failed++
}
process.exitCode = failed > 0 ? 1 : 0
