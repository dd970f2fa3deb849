import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { type Cost, canMeasure, installed, median, run, spread } from './measure.ts'
import { syntheticCapture } from './synthetic-capture.ts'

/** What capturing should cost, must and aim, beside what it costs here: ratios from interleaved runs of whole processes. */
const CACHE = join('.cache', 'bench')
const PAIRS = 200_000
const MANY_PAIRS = 1_000_000
const OPEN_CONNECTIONS = 10_000
/** tshark needs a minute and 700 MB for the whole file. */
const TSHARK_PAIRS = 20_000

const { values: options } = parseArgs({
  options: {
    program: { type: 'string', default: join('dist', 'offpath.js') },
    runs: { type: 'string', default: '5' },
    'no-live': { type: 'boolean', default: false },
    'no-growth': { type: 'boolean', default: false },
  },
})

interface Goal {
  readonly what: string
  readonly must: string
  readonly aim: string
  readonly measured: string
  /** Null: could not be measured here. */
  readonly met: 'aim' | 'must' | 'no' | null
}

type Command = readonly string[]

function replay(path: string, ...args: string[]): Command {
  return [process.execPath, options.program, 'replay', path, ...args]
}

const LINES = ['--emit', 'transactions', '--bodies', 'none']

/** The costs of several commands, run in turn so that a machine that slows down slows all of them. */
function interleaved(commands: Readonly<Record<string, Command>>): Map<string, Cost[]> {
  const names = Object.keys(commands).filter((name) => installed(commands[name]![0]!))
  const costs = new Map<string, Cost[]>(names.map((name) => [name, []]))
  for (let i = 0; i < Number(options.runs); i++) {
    for (const name of names) {
      // httpry appends.
      rmSync(HTTPRY_LOG, { force: true })
      costs.get(name)!.push(run(commands[name]!))
    }
  }
  return costs
}

const HTTPRY_LOG = join(CACHE, 'httpry.log')
const cpu = (costs: readonly Cost[] | undefined) => (costs ?? []).map((cost) => cost.cpuSeconds)

/** `a` against `b`; of each round its own ratio, so that what slows both counts for neither. */
function ratio(costs: Map<string, Cost[]>, a: string, b: string): number[] {
  const theirs = cpu(costs.get(b))
  return cpu(costs.get(a)).flatMap((seconds, i) => (theirs[i] === undefined ? [] : [seconds / theirs[i]]))
}

/** Lower is better. */
function atMost(what: string, values: readonly number[], must: number, aim: number, unit: string, digits = 2): Goal {
  const goal = { what, must: `<= ${must}${unit}`, aim: `<= ${aim}${unit}` }
  if (values.length === 0) return { ...goal, measured: 'not measured', met: null }
  const middle = median(values)
  const met = middle <= aim ? 'aim' : middle <= must ? 'must' : 'no'
  return { ...goal, measured: `${spread(values, digits)}${unit}`, met }
}

function speed(): Goal[] {
  const { path } = syntheticCapture(CACHE, PAIRS)
  const costs = interleaved({
    none: replay(path, '--emit', 'none'),
    lines: replay(path, ...LINES),
    bodies: replay(path, '--emit', 'transactions'),
    httpry: ['httpry', '-q', '-r', path, '-o', HTTPRY_LOG],
    tcpdump: ['tcpdump', '-q', '-r', path, '-w', '/dev/null'],
  })
  return [
    atMost('null output / httpry -o', ratio(costs, 'none', 'httpry'), 0.8, 0.55, 'x'),
    atMost('a line per pair / httpry -o', ratio(costs, 'lines', 'httpry'), 1.2, 0.9, 'x'),
    atMost('a line with bodies / httpry -o', ratio(costs, 'bodies', 'httpry'), 3, 2.2, 'x'),
    atMost('null output / tcpdump -r -w /dev/null', ratio(costs, 'none', 'tcpdump'), 10, 6, 'x', 1),
  ]
}

function besideTshark(): Goal {
  const { path } = syntheticCapture(CACHE, TSHARK_PAIRS)
  const fields = ['frame.time', 'http.request.method', 'http.request.uri', 'http.response.code', 'http.request_in']
  const tshark = ['tshark', '-n', '-r', path, '-Y', 'http', '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]
  const costs = interleaved({ lines: replay(path, ...LINES), tshark })
  const shares = ratio(costs, 'tshark', 'lines')
  const goal = {
    what: `tshark -Y http -T fields / a line per pair (${TSHARK_PAIRS} pairs)`,
    must: '>= 30x',
    aim: '>= 45x',
  }
  if (shares.length === 0) return { ...goal, measured: 'not measured', met: null }
  const middle = median(shares)
  return { ...goal, measured: `${spread(shares, 1)}x`, met: middle >= 45 ? 'aim' : middle >= 30 ? 'must' : 'no' }
}

/** Peak resident memory, of clean traffic with many connections open, and how it follows the length of the input. */
function memory(): Goal[] {
  const peaks = (path: string, emit: string) => {
    return Array.from({ length: 3 }, () => run(replay(path, '--emit', emit)).peakRssMb)
  }
  const { path } = syntheticCapture(CACHE, MANY_PAIRS, OPEN_CONNECTIONS)
  const short = syntheticCapture(CACHE, PAIRS, OPEN_CONNECTIONS)
  const title = `RSS, ${OPEN_CONNECTIONS} open connections`
  const goals: Goal[] = []
  for (const emit of ['none', 'incidents']) {
    const name = emit === 'none' ? 'null output' : 'all detectors'
    const few = peaks(short.path, emit)
    goals.push(atMost(`${title}, ${name}, ${PAIRS} pairs`, few, 250, 160, ' MB', 0))
    if (options['no-growth']) continue
    const many = peaks(path, emit)
    const grown = 100 * (median(many) / median(few) - 1)
    goals.push(atMost(`growth of that to ${MANY_PAIRS} pairs, ${name}`, [grown], 10, 3, ' %', 1))
  }
  return goals
}

interface LiveRun {
  readonly sentPps: number
  readonly seconds: number
  readonly dropped: number
  readonly lag: Readonly<Record<string, number>>
}

function live(): Goal[] {
  const rate = { what: 'live on a veth pair, no drop, all detectors', must: '100,000 packets/s', aim: '200,000' }
  const late = { what: "control's loop delay p99.9 at twice that", must: '<= 100 ms', aim: '<= 30 ms' }
  const missing = (why: string): Goal[] => [rate, late].map((goal) => ({ ...goal, measured: why, met: null }))
  if (options['no-live']) return missing('not asked for')
  if (process.getuid?.() !== 0 || !installed('tcpreplay')) return missing('needs root and tcpreplay')
  const script = join(process.cwd(), 'scripts', 'bench', 'live.mjs')
  const ran = spawnSync(process.execPath, [script, '--json', '--highest', '--program', options.program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (ran.stdout === '') return missing(`failed (${ran.status})`)
  const { atGoal, highest, overload } = JSON.parse(ran.stdout) as Record<'atGoal' | 'highest' | 'overload', LiveRun>
  const most = highest === null ? 0 : Math.round(highest.sentPps)
  const share = ((100 * atGoal.dropped) / (atGoal.sentPps * atGoal.seconds)).toFixed(2)
  return [
    {
      ...rate,
      measured: `${Math.round(atGoal.sentPps)}/s for ${atGoal.seconds.toFixed(0)} s: ${atGoal.dropped} dropped (${share} %); highest without a drop ${most}/s`,
      met: atGoal.dropped > 0 ? 'no' : most >= 200_000 ? 'aim' : 'must',
    },
    atMost(late.what, [overload.lag['0.999'] ?? Number.NaN], 100, 30, ' ms', 0),
  ]
}

function main(): void {
  if (!canMeasure()) throw new Error('needs /usr/bin/time (Debian package time)')
  if (!existsSync(options.program)) throw new Error(`${options.program} is not built: npm run build`)
  // Otherwise the first run would make a key and leave it behind.
  process.env.OFFPATH_PRIVACY_KEY = TEST_KEY.bytes.toString('hex')
  print(
    `${cpus()[0]?.model} x ${cpus().length}, Node ${process.version}, ${options.runs} interleaved runs, median (min..max)\n`,
  )
  print('| what | must | aim | measured | met |')
  print('| --- | --- | --- | --- | --- |')
  for (const part of [speed, () => [besideTshark()], live, memory]) {
    for (const { what, must, aim, measured, met } of part()) {
      print(`| ${[what, must, aim, measured, met ?? '-'].join(' | ')} |`)
    }
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main()
