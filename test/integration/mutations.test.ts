import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { syntheticCapture } from '../../scripts/bench/synthetic-capture.ts'
import { type CapturedFrame, readCapture, writePcap } from '../mutate/capture-file.ts'
import {
  behindTags,
  chain,
  drop,
  duplicate,
  duplicateBehindTag,
  loseData,
  type Mutator,
  oneSide,
  overlap,
  rawIp,
  reorder,
  retransmit,
  splitEvery,
  truncate,
  wrapSequence,
} from '../mutate/mutators.ts'
import { connectionKey, payloadLength, tcpParts } from '../mutate/tcp-frame.ts'
import { CAPTURES, difference } from './capture-notes.ts'
import { ensureBuilt, lines } from './program.ts'
import { lineKey, parseLines, type TransactionLine } from './transaction-lines.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-mutations-'))
const NAMES = [
  'keep-alive-paced',
  'methods',
  'chunked',
  'chunk-trailers',
  'pipelined-node',
  'pipelined-20',
  'head-keep-alive',
  'early-hints',
  'post-bodies',
  'large-response',
  'interleaved',
  'parallel-ab',
  'ipv6',
]

beforeAll(ensureBuilt)
afterAll(() => rmSync(folder, { recursive: true }))

let written = 0

/** Replays mutated captures as one timeline. */
async function replay(all: readonly (readonly CapturedFrame[])[]): Promise<TransactionLine[]> {
  const files = all.map((frames) => {
    const path = join(folder, `${written++}.pcap`)
    writeFileSync(path, writePcap(frames))
    return path
  })
  return parseLines(await lines(['replay', ...files, '--emit', 'transactions', '--bodies', 'none']))
}

const framesOf = (name: string) => readCapture(readFileSync(join(CAPTURES, `${name}.pcap`)))
const whole = (line: TransactionLine) => `${lineKey(line)} ${line.response_body_bytes}`

const HARMLESS: readonly (readonly [string, Mutator])[] = [
  ['nothing', (frames) => [...frames]],
  ['duplicates', duplicate(1)],
  ['some duplicates', duplicate(2, 0.3)],
  ['duplicates behind a VLAN tag', duplicateBehindTag(12)],
  ['retransmissions', retransmit(3)],
  ['segments that overlap', overlap(9)],
  ['segments that all overlap, some twice', chain(overlap(10, 1), retransmit(11, 0.3))],
  ['a segment for every byte', splitEvery(1)],
  ['other order', reorder(4)],
  ['much other order', reorder(5, 1)],
  ['sequence numbers that wrap in the head', wrapSequence(20)],
  ['sequence numbers that wrap in the body', wrapSequence(900)],
  ['VLAN tags', behindTags(12)],
  ['two VLAN tags', behindTags(100, 12)],
  ['no Ethernet', rawIp],
  ['all of it', chain(reorder(6), retransmit(7, 0.3), wrapSequence(500), duplicate(8, 0.3), behindTags(7))],
]

describe('what a mirror may do without harm', () => {
  let unchanged: Promise<TransactionLine[]> | null = null

  test.concurrent.each(HARMLESS)('%s: the same transactions', async (_, mutate) => {
    unchanged ??= replay(NAMES.map(framesOf))
    const clean = await unchanged
    const mutated = await replay(NAMES.map((name) => mutate(framesOf(name))))
    expect(mutated.map(whole).sort()).toEqual(clean.map(whole).sort())
  })
})

/** 0.1 % of segments lost, 1 % in other order, 1 % seen twice. */
describe('loss', () => {
  test('a snap length that cuts bodies costs no pair, no status and no later message', async () => {
    // Of the others a segment holds several heads.
    const all = NAMES.filter((name) => !name.startsWith('pipelined')).map(framesOf)
    const clean = await replay(all)
    const cut = await replay(all.map((frames) => truncate(54 + 12 + 400)(frames)))
    const pair = (line: TransactionLine) => `${line.client_port} ${line.method} ${line.path} ${line.status}`
    expectNoWrongPair(cut, clean)
    const chunkless = (line: TransactionLine) => line.response_body_bytes === 0 || line.state === 'complete'
    expect(cut.some((line) => line.state === 'gap')).toBe(true)
    expect(difference(clean.filter(chunkless).map(pair), cut.map(pair)).left).toEqual([])
  })

  test('any one data segment lost touches its own connection only, and never makes a wrong pair', async () => {
    const frames = framesOf('interleaved')
    const clean = await replay([frames])
    const data = frames.flatMap((frame, i) => {
      const at = tcpParts(frame)
      return at !== null && payloadLength(at) > 0 ? [i] : []
    })
    for (const lost of data.filter((_, i) => i % 4 === 0)) {
      const port = portOf(frames[lost]!)
      const others = (line: TransactionLine) => line.client_port !== port
      const read = await replay([drop((_, i) => i === lost)(frames)])
      expect(read.filter(others).map(whole).sort()).toEqual(clean.filter(others).map(whole).sort())
      expectNoWrongPair(read, clean)
    }
  })

  test('one side alone gives every message of that side and no pair', async () => {
    const clean = await replay([framesOf('keep-alive-paced')])
    const requests = await replay([oneSide(8080, 'client')(framesOf('keep-alive-paced'))])
    expect(requests.map((line) => `${line.path} ${line.state}`)).toEqual(
      clean.map((line) => `${line.path} request_only`),
    )
    const responses = await replay([oneSide(8080, 'server')(framesOf('keep-alive-paced'))])
    expect(responses.map((line) => `${line.status} ${line.state}`)).toEqual(
      clean.map((line) => `${line.status} response_only`),
    )
  })

  test('a dirty mirror: no wrong pair, 99.5 percent recovered', async () => {
    const clean = slowed(readCapture(readFileSync(syntheticCapture(folder, 4000).path)), 50n)
    const truth = await replay([clean])
    expect(paired(truth).length).toBe(4000)
    let recovered = 0
    for (const seed of [1, 2, 3]) {
      const dirty = chain(loseData(seed, 0.001), reorder(seed, 0.01), duplicate(seed, 0.01))(clean)
      const read = await replay([dirty])
      expectNoWrongPair(read, truth)
      recovered += paired(read).length
    }
    expect(recovered / 12_000).toBeGreaterThanOrEqual(0.995)
  })
})

function paired(all: readonly TransactionLine[]): TransactionLine[] {
  return all.filter((line) => line.method !== null && line.status !== null)
}

/**
 * The same frames over a longer time: the bench capture is a link at its limit, where a whole connection lasts less
 * than a hole is waited for.
 */
function slowed(frames: readonly CapturedFrame[], times: bigint): CapturedFrame[] {
  const start = frames[0]!.time
  return frames.map((frame) => ({ ...frame, time: start + (frame.time - start) * times }))
}

/** Both halves of a printed pair must belong together in the clean reading. A request is known by connection and target. */
function expectNoWrongPair(read: readonly TransactionLine[], clean: readonly TransactionLine[]): void {
  const key = (line: TransactionLine) =>
    `${line.client_ip} ${line.client_port} ${line.method} ${line.path}?${line.query}`
  const answers = new Map<string, Set<string>>()
  for (const line of clean) {
    if (!answers.has(key(line))) answers.set(key(line), new Set())
    answers.get(key(line))!.add(`${line.status} ${line.response_body_bytes}`)
  }
  const wrong = read.filter((line) => {
    if (line.method === null || line.status === null) return false
    const known = [...(answers.get(key(line)) ?? [])]
    // A body with a hole of unknown framing has no certain size; its status still has to be right.
    const exact = line.state === 'complete' ? `${line.status} ${line.response_body_bytes}` : `${line.status} `
    return !known.some((answer) => answer.startsWith(exact))
  })
  expect(wrong).toEqual([])
}

function portOf(frame: CapturedFrame): number {
  const key = connectionKey(tcpParts(frame)!)
  return Number(/:(\d+)/.exec(key.split(' ').find((end) => !end.endsWith(':8080'))!)![1])
}
