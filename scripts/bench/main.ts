import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { type Cost, canMeasure, installed, median, run, spread } from './measure.ts'
import { type CaptureTruth, syntheticCapture } from './synthetic-capture.ts'

const CACHE = join('.cache', 'bench')
const PROGRAM = join('dist', 'offpath.js')
/** tshark needs a minute and 700 MB for the whole file, so it gets this many pairs. */
const TSHARK_PAIRS = 20_000

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '200000' },
    runs: { type: 'string', default: '5' },
    'no-peers': { type: 'boolean', default: false },
    'no-stages': { type: 'boolean', default: false },
    tshark: { type: 'boolean', default: false },
    'write-only': { type: 'boolean', default: false },
  },
})

interface Contender {
  readonly name: string
  readonly command: readonly string[]
  readonly before?: () => void
  readonly costs: Cost[]
}

function replay(name: string, path: string, ...args: string[]): Contender {
  return { name, command: [process.execPath, PROGRAM, 'replay', path, ...args], costs: [] }
}

function contenders(path: string): Contender[] {
  const ours = [
    replay('extract, no output', path, '--emit', 'none'),
    replay('extract, one line per pair', path, '--emit', 'transactions', '--bodies', 'none'),
    replay('extract, one line per pair with bodies', path, '--emit', 'transactions'),
    replay('all detectors, incidents', path, '--emit', 'incidents'),
  ]
  if (options['no-peers']) return ours
  const log = join(CACHE, 'httpry.log')
  const peers: Contender[] = [
    {
      name: 'httpry -o',
      command: ['httpry', '-q', '-r', path, '-o', log],
      // It appends.
      before: () => rmSync(log, { force: true }),
      costs: [],
    },
    { name: 'tcpdump -r -w', command: ['tcpdump', '-q', '-r', path, '-w', '/dev/null'], costs: [] },
    { name: 'tcpflow -C', command: ['tcpflow', '-C', '-X', '/dev/null', '-r', path], costs: [] },
  ]
  return [...ours, ...peers.filter((peer) => installed(peer.command[0]!))]
}

function main(): void {
  const pairs = Number(options.pairs)
  const { path, truth } = syntheticCapture(CACHE, pairs)
  describe(path, truth)
  if (options['write-only']) return
  if (!canMeasure()) throw new Error('needs /usr/bin/time (Debian package time)')
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not built: npm run build`)
  // Otherwise the first run would make a key and leave it behind.
  process.env.OFFPATH_PRIVACY_KEY = TEST_KEY.bytes.toString('hex')
  verify(path, truth)
  const all = contenders(path)
  // Interleaved, so that a machine that slows down slows all of them.
  for (let i = 0; i < Number(options.runs); i++) {
    for (const contender of all) {
      contender.before?.()
      contender.costs.push(run(contender.command))
    }
  }
  report(all, pairs, truth)
  if (options.tshark && installed('tshark')) besideTshark()
  if (!options['no-stages']) stages(path, pairs)
}

function describe(path: string, truth: CaptureTruth): void {
  const megabytes = (truth.bytes / 1e6).toFixed(0)
  print(`machine   ${cpus()[0]?.model} x ${cpus().length}, Node ${process.version}`)
  print(
    `capture   ${path}: ${truth.pairs} pairs, ${truth.packets} packets, ${megabytes} MB, ${truth.connections} connections, ` +
      `mean request ${truth.meanRequestBytes} B, mean response ${truth.meanResponseBytes} B`,
  )
}

/** A fast answer that is wrong is worth nothing: every pair and every status must be there. */
function verify(path: string, truth: CaptureTruth): void {
  const command = [PROGRAM, 'replay', path, '--emit', 'transactions', '--bodies', 'none']
  const output = execFileSync(process.execPath, command, {
    maxBuffer: 4 * 1024 ** 3,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const statuses: Record<string, number> = {}
  let complete = 0
  for (let from = 0; from < output.length; ) {
    const end = output.indexOf(10, from)
    const pair = JSON.parse(output.toString('utf8', from, end)) as { status: number; state: string; pairing: string }
    statuses[pair.status] = (statuses[pair.status] ?? 0) + 1
    if (pair.state === 'complete' && pair.pairing === 'exact') complete++
    from = end + 1
  }
  const sorted = (counts: Readonly<Record<string, number>>) => JSON.stringify(Object.entries(counts).sort())
  if (complete !== truth.pairs || sorted(statuses) !== sorted(truth.statuses)) {
    throw new Error(
      `wrong pairs: ${complete} of ${truth.pairs}, ${sorted(statuses)} instead of ${sorted(truth.statuses)}`,
    )
  }
  print(`verified  ${complete} complete pairs, statuses as written\n`)
}

function report(all: readonly Contender[], pairs: number, truth: CaptureTruth): void {
  const cpu = (contender: Contender) => contender.costs.map((cost) => cost.cpuSeconds)
  const reference = (name: string) => {
    const found = all.find((contender) => contender.name === name)
    return found === undefined ? null : median(cpu(found))
  }
  const peers = ['httpry -o', 'tcpdump -r -w', 'tcpflow -C']
  print(
    `| program | CPU s, median (min..max) of ${options.runs} | wall s | us/pair | pairs/CPU-s | Mbit/s per core | peak RSS MB | ${peers.map((peer) => `x ${peer}`).join(' | ')} |`,
  )
  print(`|---|---|---|---|---|---|---|${peers.map(() => '---|').join('')}`)
  for (const contender of all) {
    const seconds = median(cpu(contender))
    const ratios = peers.map((peer) => {
      const other = reference(peer)
      return other === null ? '-' : (seconds / other).toFixed(2)
    })
    const columns = [
      contender.name,
      spread(cpu(contender), 2),
      median(contender.costs.map((cost) => cost.wallSeconds)).toFixed(2),
      ((seconds * 1e6) / pairs).toFixed(2),
      Math.round(pairs / seconds).toLocaleString('en'),
      Math.round((truth.bytes * 8) / 1e6 / seconds).toLocaleString('en'),
      Math.max(...contender.costs.map((cost) => cost.peakRssMb)).toFixed(0),
      ...ratios,
    ]
    print(`| ${columns.join(' | ')} |`)
  }
}

function besideTshark(): void {
  const { path } = syntheticCapture(CACHE, TSHARK_PAIRS)
  const fields = ['frame.time', 'http.request.method', 'http.request.uri', 'http.response.code', 'http.request_in']
  const ours = run([process.execPath, PROGRAM, 'replay', path, '--emit', 'transactions', '--bodies', 'none'])
  const theirs = run([
    'tshark',
    '-n',
    '-r',
    path,
    '-Y',
    'http',
    '-T',
    'fields',
    ...fields.flatMap((field) => ['-e', field]),
  ])
  const ratio = (theirs.cpuSeconds / ours.cpuSeconds).toFixed(1)
  print(
    `\ntshark on ${TSHARK_PAIRS} pairs: ${theirs.cpuSeconds.toFixed(2)} CPU s, ${theirs.peakRssMb.toFixed(0)} MB; ` +
      `one line per pair: ${ours.cpuSeconds.toFixed(2)} CPU s, ${ours.peakRssMb.toFixed(0)} MB (tshark ${ratio} times as much)`,
  )
}

/** Each stage in a process of its own, so that one's compiled code is not the other's. */
function stages(path: string, pairs: number): void {
  const script = join(CACHE, 'stages.mjs')
  const names = JSON.parse(execFileSync(process.execPath, [script, '--list'], { encoding: 'utf8' })) as [
    string,
    string | null,
  ][]
  const costs = new Map<string, number[]>(names.map(([name]) => [name, []]))
  for (let i = 0; i < Number(options.runs); i++) {
    for (const [name] of names) {
      const seconds = Number(execFileSync(process.execPath, [script, name, path], { encoding: 'utf8' }))
      costs.get(name)!.push((seconds * 1e9) / pairs)
    }
  }
  print('\n| stage, cumulative (in-process CPU) | ns/pair, median (min..max) | adds |')
  print('|---|---|---|')
  for (const [name, after] of names) {
    const cost = median(costs.get(name)!)
    const before = after === null ? 0 : median(costs.get(after)!)
    print(`| ${name} | ${spread(costs.get(name)!, 0)} | ${(cost - before).toFixed(0)} |`)
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main()
