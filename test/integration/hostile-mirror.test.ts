import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { syntheticCapture } from '../../scripts/bench/synthetic-capture.ts'
import { dirtyReading, slowed } from '../fuzz/dirty-reading.ts'
import { readCapture } from '../mutate/capture-file.ts'
import { ensureBuilt, PROGRAM } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-mirror-'))

beforeAll(ensureBuilt)
afterAll(() => rmSync(folder, { recursive: true }))

/** `node scripts/dirty-mirror.mjs` does it for more pairs, and prints the figures. */
test('lost, reordered, duplicated, pipelined, midstream: of the pairs that were captured, 99.5 percent and no wrong one', async () => {
  const frames = slowed(readCapture(readFileSync(syntheticCapture(folder, 4000).path)))
  let captured = 0
  let recovered = 0
  for (const seed of [1, 11]) {
    const { ours } = await dirtyReading(frames, seed, PROGRAM, (file) => {
      const path = join(folder, 'mirror.pcap')
      writeFileSync(path, file)
      return path
    })
    expect(ours.wrong).toBe(0)
    captured += ours.captured
    recovered += ours.recovered
  }
  expect(captured).toBeGreaterThan(7900)
  expect(recovered / captured).toBeGreaterThanOrEqual(0.995)
})
