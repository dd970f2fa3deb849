import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { SampleApi } from './sample-api.ts'
import { simulate } from './simulation.ts'
import { DAY, Devices, visitsOfDay } from './visits.ts'
import type { World } from './world.ts'

/**
 * One day of the sample API as native transactions, made by playing every caller's scripts in simulated time. Every secret
 * in it is made up. Deterministic: the same world and end give the same bytes.
 */
export interface DayOptions {
  readonly world: World
  /** The last record ends before this. */
  readonly endMs: number
  /** Where the API is said to listen. */
  readonly port: number
}

/** The end of the shipped day. It is moved to the present when it is read. */
export const SHIPPED_DAY_END_MS = Date.UTC(2026, 10, 20, 14, 0, 0)

export function dayLines({ world, endMs, port }: DayOptions): string[] {
  const visits = visitsOfDay(world, new Devices(endMs - DAY), endMs)
  return simulate(new SampleApi(world), visits, { host: world.host, port, endMs })
}

export async function writeDay(path: string, options: DayOptions): Promise<number> {
  const lines = dayLines(options)
  const gzip = createGzip({ level: constants.Z_BEST_COMPRESSION })
  await pipeline(Readable.from(lines.map((line) => `${line}\n`)), gzip, createWriteStream(path))
  return lines.length
}
