import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STATUS_METRICS } from '../../daemon/api/metric-table.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { type ReplaySummary, replay } from '../../daemon/topology/replay.ts'
import { sampleStatus } from '../api/samples.ts'
import { type CapturedFrame, readCapture, writePcap } from '../mutate/capture-file.ts'
import { encapsulate, fragment } from '../mutate/encapsulate.ts'
import { exchange } from '../mutate/exchange.ts'
import {
  behindTags,
  chain,
  drop,
  duplicate,
  duplicateBehindTag,
  loseData,
  type Mutator,
  oneSide,
  rawIp,
  reorder,
  retransmit,
  seeded,
  truncate,
  wrapSequence,
} from '../mutate/mutators.ts'
import { shifted, tcpParts } from '../mutate/tcp-frame.ts'
import { CAPTURES } from './capture-notes.ts'
import { ensureBuilt, lines, offpath } from './program.ts'

/** What came in is delivered or has a name, wherever it is told: in the summary, by source, in metrics and in the store. */

const folder = mkdtempSync(join(tmpdir(), 'offpath-accounting-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { config } = effectiveConfig(CONFIG_SCHEMA, null)
const STAGES = ['frames', 'bytes', 'messages', 'pairs'] as const
let written = 0

interface Told {
  readonly summary: ReplaySummary
  /** Rows of capture_quality, summed by `stage name`. */
  readonly stored: Map<string, number>
  readonly lines: string[]
}

async function replayed(captures: readonly (readonly CapturedFrame[])[], emit: 'summary' | 'transactions' = 'summary') {
  const files = captures.map((frames) => {
    const path = join(folder, `${written++}.pcap`)
    writeFileSync(path, writePcap(frames))
    return path
  })
  const told: Told = { summary: undefined as never, stored: new Map(), lines: [] }
  const seal = async ({ table, bytes }: RowBatch) => {
    if (table !== 'capture_quality') return
    for (const line of Buffer.from(bytes).toString().split('\n').filter(Boolean)) {
      const [, stage, name, count] = line.split('\t')
      const key = `${stage} ${name}`
      told.stored.set(key, (told.stored.get(key) ?? 0) + Number(count))
    }
  }
  const summary = await replay({
    files,
    emit,
    bodies: 'none',
    config,
    key: TEST_KEY,
    speed: 'max',
    write: (line) => void told.lines.push(line),
    warn: () => {},
    store: { seal },
    stop: new AbortController().signal,
  })
  return { ...told, summary }
}

const framesOf = (name: string) => readCapture(readFileSync(join(CAPTURES, `${name}.pcap`)))

function expectEverythingExplained({ summary, stored }: Told): void {
  const status = sampleStatus({ funnel: summary, quality: summary.quality })
  const metric = (name: string) => STATUS_METRICS.find((each) => each.name === `offpath_${name}`)!.read(status)
  for (const stage of STAGES) {
    const { in: taken, delivered, dropped } = summary[stage]
    const named = Object.values(dropped).reduce((sum, count) => sum + count, 0)
    expect({ stage, taken }).toEqual({ stage, taken: delivered + named })
    const inMetrics = (name: string) =>
      metric(name)
        .filter(([labels]) => labels.stage === stage)
        .reduce((sum, [, value]) => sum + value, 0)
    expect(inMetrics('funnel_delivered_total') + inMetrics('funnel_dropped_total')).toBe(inMetrics('funnel_in_total'))
    expect(stored.get(`${stage} in`) ?? 0).toBe(taken)
    const rows = [...stored].filter(([key]) => key.startsWith(`${stage} `) && key !== `${stage} in`)
    expect(rows.reduce((sum, [, count]) => sum + count, 0)).toBe(taken)
  }
  const { sources } = summary.quality
  expect(sources.reduce((sum, source) => sum + source.frames, 0)).toBe(summary.frames.in)
  expect(sources.reduce((sum, source) => sum + source.bytes, 0)).toBe(summary.bytes.in)
  expect(sources.reduce((sum, source) => sum + source.cut_bytes, 0)).toBe(summary.bytes.dropped.snap_length ?? 0)
}

const NAMES = [
  'keep-alive-paced',
  'chunked',
  'pipelined-20',
  'head-keep-alive',
  'post-bodies',
  'large-response',
  'interleaved',
  'gap-in-body',
  'lost-request',
  'websocket-upgrade',
  'not-http',
  'other-traffic',
  'many-headers',
  'ipv6',
]

const anyFrame = (seed: number, share: number): Mutator => {
  const random = seeded(seed)
  return drop(() => random() < share)
}

const MUTATIONS: readonly (readonly [string, Mutator])[] = [
  ['nothing', (frames) => [...frames]],
  ['duplicates', duplicate(1)],
  ['duplicates behind a VLAN tag', duplicateBehindTag(12)],
  ['retransmissions', retransmit(2)],
  ['other order', reorder(3, 1)],
  ['a tenth of the data lost', loseData(4, 0.1)],
  ['half of all frames lost', anyFrame(5, 0.5)],
  ['a snap length of 128', truncate(128)],
  ['a snap length in the headers', truncate(40)],
  ['requests only', oneSide(8080, 'client')],
  ['responses only', oneSide(8080, 'server')],
  ['sequence numbers that wrap', wrapSequence(500)],
  ['no Ethernet', rawIp],
  ['two VLAN tags', behindTags(100, 12)],
  ['VXLAN in fragments, some lost', chain(encapsulate('vxlan', { vni: 7 }), fragment(600), anyFrame(6, 0.1))],
  ['all of it', chain(loseData(7, 0.05), reorder(8), retransmit(9, 0.3), duplicate(10, 0.3), behindTags(7))],
]

describe('in = delivered + every named cause', () => {
  test.each(MUTATIONS)('%s', async (_, mutate) => {
    expectEverythingExplained(await replayed(NAMES.map((name) => mutate(framesOf(name)))))
  })
})

describe('what is lost shows', () => {
  const load = Array.from({ length: 60 }, (_, number) =>
    exchange({ atMs: Date.UTC(2026, 10, 20, 9) + number * 500, number, responseBytes: 8000 }),
  ).flat()

  test('the estimate is what was taken away, within a hole or two', async () => {
    const random = seeded(1)
    let taken = 0
    const lossy = load.filter((frame) => {
      const at = tcpParts(frame)!
      const length = at.end - at.payload
      const lost = length > 500 && random() < 0.1
      if (lost) taken += length
      return !lost
    })
    // A hole counts once it was waited for.
    const last = exchange({ atMs: Date.UTC(2026, 10, 20, 9, 1), number: 60 })
    const { summary } = await replayed([[...lossy, ...last]])
    const [source] = summary.quality.sources
    expect(source!.unseen_bytes / taken).toBeGreaterThan(0.9)
    expect(source!.unseen_bytes / taken).toBeLessThanOrEqual(1)
    expect(source!.loss.total).toBeCloseTo(taken / (source!.bytes + taken), 2)
  })

  test('a link of one side is named, and costs no estimate and no wait', async () => {
    const { summary, lines } = await replayed([behindTags(12)(oneSide(8080, 'client')(load))], 'transactions')
    const [source] = summary.quality.sources
    expect(source).toMatchObject({
      unseen_bytes: 0,
      loss: { total: 0 },
      links: [{ vlan: 12, both_sides: 0, requests_only: 60, one_sided: true }],
    })
    const times = lines.map((line) => JSON.parse(line) as { ts: string; end_ts: string; state: string })
    expect(times.map(({ state }) => state)).toEqual(Array(60).fill('request_only'))
  })
})

test('a file that ended is not silent while another goes on', async () => {
  const steady = (from: number, minutes: number) =>
    Array.from({ length: minutes * 12 }, (_, number) =>
      exchange({ atMs: Date.UTC(2026, 10, 20, 9) + from + number * 5000, number }),
    ).flat()
  const { summary } = await replayed([steady(0, 20), steady(1000, 40)])
  expect(summary.incidents.map(({ why }) => why)).toEqual([])
})

describe('with workers', () => {
  beforeAll(ensureBuilt)

  test.each(['lossy-mirror', 'feed-stops'])('%s: the sensor says the same of itself', async (name) => {
    const capture = join(import.meta.dirname, '../../policies/tests', `${name}.pcap.gz`)
    const read = async (workers: number) => {
      const settings = join(folder, `workers-${workers}.yaml`)
      writeFileSync(settings, `limits: { workers: ${workers} }\n`)
      const { stdout } = await offpath(['replay', '--config', settings, '-o', 'json', capture])
      return [stdout, ...(await lines(['replay', '--config', settings, '--emit', 'signals', capture]))]
    }
    const fused = await read(0)
    expect(fused[0]).toContain('"policy":"capture-')
    expect(await read(2)).toEqual(fused)
  })
})

describe('tags', () => {
  const start = Date.UTC(2026, 10, 20, 9)
  const own = Array.from({ length: 10 }, (_, number) => exchange({ atMs: start + number * 300, number })).flat()
  /** The same addresses and ports at the same time, in another network: other numbers, other answers. */
  const other = Array.from({ length: 10 }, (_, number) =>
    exchange({ atMs: start + number * 300 + 2, number, responseBytes: 300 }).map((frame) =>
      shifted(frame, 700_000_000, 700_000_000),
    ),
  ).flat()
  const together = (parts: CapturedFrame[]) => parts.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  const inVni = (vni: number) => encapsulate('vxlan', { vni })

  test('two connections with equal inner addresses in two VNIs are both paired right', async () => {
    const { lines, summary } = await replayed([together([...inVni(17)(own), ...inVni(18)(other)])], 'transactions')
    const read = lines.map((line) => JSON.parse(line) as { source: { vni: number }; response_body_bytes: number })
    const sizes = (vni: number) =>
      read.filter(({ source }) => source.vni === vni).map((each) => each.response_body_bytes)
    expect(sizes(17)).toEqual(Array(10).fill(200))
    expect(sizes(18)).toEqual(Array(10).fill(300))
    expect(read.map((line) => (line as unknown as { pairing: string }).pairing)).toEqual(Array(20).fill('exact'))
    expect(Object.fromEntries(summary.counters)['reassembly.apart_by_tag']).toBe(10)
  })

  test('the same connections mirrored twice, under two tags, are each one', async () => {
    const later = own.map((frame) => ({ ...frame, time: frame.time + 400_000n }))
    for (const [first, second] of [
      [inVni(17), inVni(18)],
      [behindTags(17), behindTags(18)],
    ] as const) {
      const { lines, summary } = await replayed([together([...first(own), ...second(later)])], 'transactions')
      expect(lines).toHaveLength(10)
      expect(summary.pairs).toMatchObject({ in: 10, delivered: 10 })
      expect(Object.fromEntries(summary.counters)['reassembly.apart_by_tag']).toBe(undefined)
    }
  })
})
