import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readCapture, writePcap } from '../../test/mutate/capture-file.ts'
import { chain, loseData, reorder } from '../../test/mutate/mutators.ts'
import { CONFIG_SCHEMA } from '../config/current-schema.ts'
import { effectiveConfig } from '../config/effective.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { canCount, countPairs } from './count.ts'
import { type ReplayRequest, replay } from './replay.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-count-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { config } = effectiveConfig(CONFIG_SCHEMA, null)

function request(files: string[], more: Partial<ReplayRequest> = {}): ReplayRequest {
  return {
    files,
    emit: 'none',
    bodies: 'text',
    config: { ...config, limits: { ...config.limits, workers: 0 } },
    key: TEST_KEY,
    speed: 'max',
    write: () => {},
    warn: () => {},
    stop: new AbortController().signal,
    ...more,
  }
}

const captureOf = (name: string) => join('test', 'captures', name)

describe('counting gives what replay counts', () => {
  test.each([
    'pipelined-node.pcap',
    'gap-in-chunked-body.pcap',
    'midstream.pcap',
    'requests-only.pcap',
    'snap-length-heads.pcap',
    'bogus-time.pcap',
    'vxlan-ip6-fragments.pcap',
    'pcapng-two-interfaces.pcapng',
    'no-frames.pcap',
  ])('%s', async (name) => {
    const files = [captureOf(name)]
    expect(await canCount(request(files))).toBe(true)
    expect(await countPairs(request(files))).toEqual(await replay(request(files)))
  })

  test('of several captures as one timeline', async () => {
    const files = ['keep-alive.pcap', 'interleaved.pcap', 'reordered.pcap'].map(captureOf)
    expect(await countPairs(request(files))).toEqual(await replay(request(files)))
  })

  test('of what a bad mirror makes of one', async () => {
    const frames = readCapture(readFileSync(captureOf('wrk-pipelined.pcap')))
    for (let seed = 1; seed <= 5; seed++) {
      const file = join(folder, `${seed}.pcap`)
      writeFileSync(file, writePcap(chain(reorder(seed, 0.1), loseData(seed, 0.05))(frames)))
      expect(await countPairs(request([file]))).toEqual(await replay(request([file])))
    }
  })

  test('a cut tail is told', async () => {
    const told: string[] = []
    await countPairs(request([captureOf('truncated-tail.pcap')], { warn: (message) => told.push(message) }))
    expect(told).toEqual([expect.stringContaining('truncated-tail.pcap: the last record is cut off')])
  })
})

test.each([countPairs, replay])(
  'progress is told every 1,024 frames, however finely captures are merged: %s',
  async (read) => {
    const file = captureOf('wrk-pipelined.pcap')
    const frames = readCapture(readFileSync(file)).length
    let times = 0
    const files = Array.from({ length: 1 + Math.ceil(2048 / frames) }, () => file)
    await read(request(files, { progressed: () => times++ }))
    expect(times).toBeGreaterThanOrEqual(2)
    expect(times).toBe(Math.floor((frames * files.length) / 1024))
  },
)

test('only captures can be counted, as they were written, at full speed, and when nobody looks', async () => {
  const capture = captureOf('keep-alive.pcap')
  expect(await canCount(request([capture, capture]))).toBe(true)
  expect(await canCount(request([capture, captureOf('gzipped.pcap.gz')]))).toBe(false)
  expect(await canCount(request([join('test', 'captures', 'missing.pcap')]))).toBe(false)
  expect(await canCount(request(['-']))).toBe(false)
  expect(await canCount(request([join('package.json')]))).toBe(false)
  expect(await canCount(request([capture], { emit: 'summary' }))).toBe(false)
  expect(await canCount(request([capture], { speed: 2 }))).toBe(false)
  const threads = { ...config, limits: { ...config.limits, workers: 2 } }
  expect(await canCount(request([capture], { config: threads }))).toBe(false)
})
