import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { LedgerTotals } from '../../daemon/telemetry/funnel.ts'
import { seeded } from '../mutate/mutators.ts'
import { FloodWire } from './flood-wire.ts'
import { type Flood, HonestTraffic } from './floods.ts'

/** One frame of honest traffic for so many units of the flood. */
const HONEST_EVERY = 5

export interface FloodRun {
  readonly frames: number
  readonly payloadBytes: number
  readonly fileBytes: number
  /** Of the program, from outside; start-up included. */
  readonly cpuSeconds: number
  readonly peakRssMb: number
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
}

const CLOCK_TICKS = 100

/** CPU and memory of a live process as Linux tells them; null once it has ended. */
function usage(pid: number): { cpuSeconds: number; peakRssMb: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    if (peak === null) return null
    return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / CLOCK_TICKS, peakRssMb: Number(peak[1]) / 1024 }
  } catch {
    return null
  }
}

/** Feeds a flood with honest traffic in it to `replay -`, as fast as it is read, and watches the process from outside. */
export async function runFlood(flood: Flood, options: FloodOptions): Promise<FloodRun> {
  const format = options.emit === 'summary' ? ['-o', 'json'] : []
  const child = spawn(process.execPath, [options.program, 'replay', '-', '--emit', options.emit, ...format], {
    env: options.environment,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let last = { cpuSeconds: 0, peakRssMb: 0 }
  const watch = setInterval(() => {
    last = usage(child.pid!) ?? last
  }, 20)
  let honestFound = options.emit === 'transactions' ? 0 : -1
  let funnel: Funnel | null = null
  const output = createInterface({ input: child.stdout })
  output.on('line', (line) => {
    if (options.emit === 'summary') funnel = JSON.parse(line) as Funnel
    else if (isHonestPair(line)) honestFound++
  })
  const exited = once(child, 'close') as Promise<[number | null]>
  let goOn = () => {}
  child.stdin.on('drain', () => goOn())
  child.stdin.on('error', () => goOn())
  child.on('exit', () => goOn())

  const wire = new FloodWire(flood.stepUs, flood.linkTypes)
  const step = flood.start(seeded(20_261_121))
  const honest = new HonestTraffic(wire)
  let fileBytes = 0
  const flush = async () => {
    const bytes = wire.take()
    fileBytes += bytes.length
    if (child.stdin.write(bytes) || child.exitCode !== null) return
    await new Promise<void>((resolve) => {
      goOn = resolve
    })
  }
  for (let i = 0; i < options.units && child.exitCode === null; i++) {
    step(wire, i)
    if (i % HONEST_EVERY === 0) honest.step()
    if (wire.full) await flush()
  }
  honest.finish()
  await flush()
  child.stdin.end()
  const [status] = await exited
  clearInterval(watch)
  if (status !== 0) throw new Error(`${flood.name}: the program ended with ${status}`)
  const { frames, payloadBytes } = wire
  return { frames, payloadBytes, fileBytes, ...last, honestPairs: honest.pairs, honestFound, funnel }
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
