import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt, ROOT } from '../integration/program.ts'
import { runFlood, unexplained } from './flood-run.ts'
import { FLOODS } from './floods.ts'

/** Of the length at which `scripts/floods.mjs` compares memory: enough to see that nothing throws, stalls or is lost. */
const SHARE = 1 / 40
/** CPU of the program, start-up included, as seconds a flood of this length may cost and as megabytes. */
const MOST_SECONDS = 15
const MOST_MB = 350

const environment = { PATH: process.env.PATH, HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }

beforeAll(ensureBuilt)

describe.each(FLOODS.map((flood) => [flood.name, flood] as const))('a flood of %s', (_, flood) => {
  const options = {
    program: join(ROOT, 'dist', 'offpath.js'),
    units: Math.max(20, Math.ceil(flood.units * SHARE)),
    environment,
  }

  test.concurrent('leaves the honest traffic in it paired', async () => {
    const ran = await runFlood(flood, { ...options, emit: 'transactions' })
    expect(ran.honestPairs).toBeGreaterThan(0)
    expect(ran.honestFound).toBe(ran.honestPairs)
    expect(ran.peakRssMb).toBeLessThan(MOST_MB)
  })

  test.concurrent('is counted to the last frame, byte, message and pair', async () => {
    const ran = await runFlood(flood, { ...options, emit: 'summary' })
    expect(unexplained(ran.funnel!)).toEqual([])
    expect(ran.cpuSeconds).toBeLessThan(MOST_SECONDS)
    expect(ran.peakRssMb).toBeLessThan(MOST_MB)
  })
})
