import { spawnSync } from 'node:child_process'
import { existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one run of a program cost, start-up included. */
export interface Cost {
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly peakRssMb: number
}

const TIME = '/usr/bin/time'

export function canMeasure(): boolean {
  return existsSync(TIME)
}

export function installed(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
}

/**
 * The environment of what is measured. Certificates named there are parsed by every Node at its start, which costs more than
 * all the rest of it.
 */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env

/** Runs a program to its end with its output thrown away. */
export function run(command: readonly string[]): Cost {
  const report = join(tmpdir(), `offpath-bench-${process.pid}`)
  const sink = openSync('/dev/null', 'w')
  const ran = spawnSync(TIME, ['-o', report, '-f', '%U %S %e %M', ...command], {
    stdio: ['ignore', sink, 'pipe'],
    env: ENVIRONMENT,
  })
  if (ran.status !== 0)
    throw new Error(`${command.join(' ')}: exit ${ran.status}\n${ran.stderr.toString().slice(-2000)}`)
  const [user, system, wall, rss] = readFileSync(report, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number)
  rmSync(report)
  return { cpuSeconds: user! + system!, wallSeconds: wall!, peakRssMb: rss! / 1024 }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** `1.70 (1.59..2.10)` */
export function spread(values: readonly number[], digits: number): string {
  return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)})`
}
