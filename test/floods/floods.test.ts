import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBuilt, ROOT } from '../integration/program.ts'
import { runFlood, unexplained } from './flood-run.ts'
import { FLOODS } from './floods.ts'

/** Of the length at which `scripts/floods.mjs` compares memory: enough to see that nothing throws, stalls or is lost. */
const SHARE = 1 / 40
/** CPU of the program, start-up included, as seconds a flood of this length may cost and as megabytes. */
const MOST_SECONDS = 15
const MOST_MB = 350
/** All at once fill every table there is; the budget of the process (limits.memory_mib) is 1024. */
const MOST_MB_OF_EVERYTHING = 640

/** What lives is measured, not how long the collector of a small heap takes its time (daemon/topology/heap-growth.ts). */
const nodeFlags = ['--heap-growing-percent=50']
const environment = { PATH: process.env.PATH, HOME: '/nonexistent', OFFPATH_PRIVACY_KEY: '11'.repeat(32) }

const PROGRAM = join(ROOT, 'dist', 'offpath.js')
const folder = mkdtempSync(join(tmpdir(), 'offpath-floods-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(ensureBuilt)

describe.each(FLOODS.map((flood) => [flood.name, flood] as const))('a flood of %s', (_, flood) => {
  const mostMb = flood.name === 'everything' ? MOST_MB_OF_EVERYTHING : MOST_MB
  const options = {
    program: PROGRAM,
    units: Math.max(20, Math.ceil(flood.units * SHARE)),
    environment,
    nodeFlags,
  }

  test.concurrent('leaves the honest traffic in it paired', async () => {
    const ran = await runFlood(flood, { ...options, emit: 'transactions' })
    expect(ran.honestPairs).toBeGreaterThan(0)
    expect(ran.honestFound).toBe(ran.honestPairs)
    expect(ran.peakRssMb).toBeLessThan(mostMb)
  })

  test.concurrent('is counted to the last frame, byte, message and pair', async () => {
    const ran = await runFlood(flood, { ...options, emit: 'summary' })
    expect(unexplained(ran.funnel!)).toEqual([])
    expect(ran.cpuSeconds).toBeLessThan(MOST_SECONDS)
    expect(ran.peakRssMb).toBeLessThan(mostMb)
  })
})

/** Limits that bite early, so that a short flood is beyond them. */
const SMALL_LIMITS = `limits: {memory_mib: 512, reassembly_mib: 16, connections_mib: 16, evidence_mib: 1, flows: 4096}
detectors:
  object.enumeration: {max_callers: 500, first_touch_places: 4096}
  scan.probing: {max_callers: 500}
`
const LONGER = 4
const ALLOWED_GROWTH = 1.1
/** The collector's moods, in a process that needs little more than itself. */
const ALLOWED_NOISE_MB = 25

describe('memory does not follow the length', () => {
  const configFile = join(folder, 'offpath.yaml')
  beforeAll(() => writeFileSync(configFile, SMALL_LIMITS))

  // Units that fill what the flood aims at under these limits, and some.
  test.each([
    ['half-open', 20_000],
    ['one-byte-each', 12_000],
    ['half-a-body-each', 12_000],
    ['out-of-order', 30_000],
    ['fragments', 40_000],
    ['pending-requests', 1200],
    ['gzip-bomb', 100],
    ['long-paths', 1500],
  ])('of a flood of %s', async (name, units) => {
    const flood = FLOODS.find((each) => each.name === name)!
    const options = { program: PROGRAM, emit: 'summary', environment, configFile, nodeFlags } as const
    const once = await runFlood(flood, { ...options, units })
    const long = await runFlood(flood, { ...options, units: LONGER * units })
    expect(long.frames).toBeGreaterThan((LONGER - 1) * once.frames)
    expect(long.peakRssMb).toBeLessThan(once.peakRssMb * ALLOWED_GROWTH + ALLOWED_NOISE_MB)
  })
})
