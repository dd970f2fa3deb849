import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { syntheticCapture } from '../../scripts/bench/synthetic-capture.ts'
import { dirty, intact, marked } from '../fuzz/dirty-mirror.ts'
import { type CapturedFrame, readCapture, writePcap } from '../mutate/capture-file.ts'
import { ensureBuilt, lines } from './program.ts'
import { parseLines, type TransactionLine } from './transaction-lines.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-mirror-'))

beforeAll(ensureBuilt)
afterAll(() => rmSync(folder, { recursive: true }))

async function paired(name: string, frames: readonly CapturedFrame[]): Promise<TransactionLine[]> {
  const path = join(folder, `${name}.pcap`)
  writeFileSync(path, writePcap(frames))
  const read = parseLines(await lines(['replay', path, '--emit', 'transactions', '--bodies', 'none']))
  return read.filter((line) => line.method !== null && line.status !== null)
}

const request = (line: TransactionLine) =>
  `${line.client_ip} ${line.client_port} ${line.method} ${line.path}?${line.query}`
const whole = (line: TransactionLine) => `${request(line)} ${line.status} ${line.response_body_bytes}`

/** The bench capture, slowed down: there a whole connection lasts less than a hole is waited for. */
test('lost, reordered, duplicated, pipelined, midstream: of the pairs that were captured, 99.5 percent and no wrong one', async () => {
  const raw = readCapture(readFileSync(syntheticCapture(folder, 4000).path))
  const start = raw[0]!.time
  const clean = marked(
    raw.map((frame) => ({ ...frame, time: start + (frame.time - start) * 50n })),
    80,
  )
  const truth = (await paired('clean', clean.frames)).sort((a, b) => (a.ts < b.ts ? -1 : 1))
  expect(truth.length).toBe(clean.sizes.length)
  const answers = new Map<string, Set<number | null>>()
  for (const line of truth) answers.set(request(line), (answers.get(request(line)) ?? new Set()).add(line.status))

  let captured = 0
  let recovered = 0
  for (const seed of [1, 11]) {
    const dirt = { lost: 0.001, reordered: 0.01, duplicated: 0.01, midstream: 0.02, pipelined: 0.02 }
    const frames = dirty(seed, dirt)(clean.frames)
    const read = await paired(`dirty-${seed}`, frames)
    expect(read.filter((line) => !answers.get(request(line))?.has(line.status))).toEqual([])
    const found = new Map<string, number>()
    for (const line of read) found.set(whole(line), (found.get(whole(line)) ?? 0) + 1)
    for (const pair of intact(frames, clean)) {
      captured++
      const left = found.get(whole(truth[pair]!)) ?? 0
      if (left > 0) recovered++
      found.set(whole(truth[pair]!), left - 1)
    }
  }
  expect(captured).toBeGreaterThan(7900)
  expect(recovered / captured).toBeGreaterThanOrEqual(0.995)
})
