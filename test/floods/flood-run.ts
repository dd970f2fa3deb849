import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { LedgerTotals } from '../../daemon/telemetry/funnel.ts'
import { seeded } from '../mutate/mutators.ts'
import type { Flood } from './flood.ts'
import { FloodWire } from './flood-wire.ts'
import { HonestTraffic } from './honest-traffic.ts'

/** One frame of honest traffic for so many units of the flood. */
const HONEST_EVERY = 5
const SAMPLE_MS = 20

export interface FloodRun {
  readonly frames: number
  readonly payloadBytes: number
  readonly fileBytes: number
  /** Of the program, from outside; start-up included. */
  readonly cpuSeconds: number
  /** The most that was resident at any time. */
  readonly peakRssMb: number
  /** Median of what was resident in the second half of the run. */
  readonly settledRssMb: number
  /** The longest that the program read nothing of what waited for it. */
  readonly stallMs: number
  readonly honestPairs: number
  /** Honest pairs that came out right; -1 when only the summary was asked for. */
  readonly honestFound: number
  readonly funnel: Funnel | null
}

export interface Funnel {
  readonly frames: LedgerTotals
  readonly bytes: LedgerTotals
  readonly messages: LedgerTotals
  readonly pairs: LedgerTotals
}

/** What does not add up in a funnel; empty when all does. */
export function unexplained(funnel: Funnel): string[] {
  return (['frames', 'bytes', 'messages', 'pairs'] as const).flatMap((stage) => {
    const { in: all, delivered, dropped } = funnel[stage]
    const rest = Object.values(dropped).reduce((left, count) => left - count, all - delivered)
    return rest === 0 ? [] : [`${stage}: ${rest}`]
  })
}

export interface FloodOptions {
  readonly program: string
  readonly units: number
  /** `summary` runs the detectors and gives the funnel, `transactions` gives lines, of which honest ones are checked. */
  readonly emit: 'summary' | 'transactions' | 'none'
  readonly environment: NodeJS.ProcessEnv
  readonly configFile?: string
  readonly nodeFlags?: readonly string[]
}

const CLOCK_TICKS = 100

interface Usage {
  readonly cpuSeconds: number
  readonly rssMb: number
  readonly peakRssMb: number
}

/** CPU and memory of a live process as Linux tells them; null once it has ended. */
function usage(pid: number): Usage | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const rss = /VmRSS:\s+(\d+)/.exec(status)
    const peak = /VmHWM:\s+(\d+)/.exec(status)
    if (rss === null || peak === null) return null
    return {
      cpuSeconds: (Number(stat[11]) + Number(stat[12])) / CLOCK_TICKS,
      rssMb: Number(rss[1]) / 1024,
      peakRssMb: Number(peak[1]) / 1024,
    }
  } catch {
    return null
  }
}

/** Feeds a flood with honest traffic in it to `replay -`, as fast as it is read, and watches the process from outside. */
export async function runFlood(flood: Flood, options: FloodOptions): Promise<FloodRun> {
  const format = options.emit === 'summary' ? ['-o', 'json'] : []
  const config = options.configFile === undefined ? [] : ['--config', options.configFile]
  const command = [options.program, 'replay', '-', '--emit', options.emit, ...format, ...config]
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), ...command], {
    env: options.environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const samples: Usage[] = []
  const watch = setInterval(() => {
    const sample = usage(child.pid!)
    if (sample !== null) samples.push(sample)
  }, SAMPLE_MS)
  let honestFound = options.emit === 'transactions' ? 0 : -1
  let funnel: Funnel | null = null
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => {
    if (options.emit === 'summary') funnel = JSON.parse(line) as Funnel
    else if (isHonestPair(line)) honestFound++
  })
  const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let over = false
  let goOn = () => {}
  child.stdin.on('drain', () => goOn())
  child.stdin.on('error', () => goOn())
  child.on('exit', () => {
    over = true
    goOn()
  })

  const wire = new FloodWire(flood.stepUs, flood.linkTypes)
  const step = flood.start(seeded(20_261_121))
  const honest = new HonestTraffic(wire)
  let fileBytes = 0
  let stallMs = 0
  const flush = async () => {
    const bytes = wire.take()
    fileBytes += bytes.length
    if (child.stdin.write(bytes) || over) return
    const since = performance.now()
    await new Promise<void>((resolve) => {
      goOn = resolve
    })
    stallMs = Math.max(stallMs, performance.now() - since)
  }
  for (let i = 0; i < options.units && !over; i++) {
    step(wire, i)
    if (i % HONEST_EVERY === 0) honest.step()
    if (wire.full) await flush()
  }
  honest.finish()
  await flush()
  child.stdin.end()
  const [status, signal] = await exited
  clearInterval(watch)
  if (status !== 0) throw new Error(`${flood.name}: the program ended with ${signal ?? status}`)
  const last = samples.at(-1)
  const second = samples.slice(samples.length >> 1).map(({ rssMb }) => rssMb)
  const { frames, payloadBytes } = wire
  return {
    frames,
    payloadBytes,
    fileBytes,
    cpuSeconds: last?.cpuSeconds ?? 0,
    peakRssMb: last?.peakRssMb ?? 0,
    settledRssMb: second.sort((a, b) => a - b)[second.length >> 1] ?? 0,
    stallMs,
    honestPairs: honest.pairs,
    honestFound,
    funnel,
  }
}

/** The answer carries the path it was given for. */
function isHonestPair(line: string): boolean {
  if (!line.includes('"host":"honest.test"')) return false
  const { path, response_headers, state } = JSON.parse(line) as {
    path: string
    response_headers: readonly (readonly [string, string])[]
    state: string
  }
  return state === 'complete' && response_headers.some(([name, value]) => name === 'X-Answer' && `/${value}` === path)
}
