import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCapture, writePcap } from '../mutate/capture-file.ts'
import { payloadLength, tcpParts } from '../mutate/tcp-frame.ts'
import { CAPTURES, captureNotes } from './capture-notes.ts'
import { ensureBuilt, lines } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-determinism-'))
const busy = [
  'attacks',
  'keep-alive',
  'credentials',
  'interleaved',
  'parallel-ab',
  'secret-in-target',
  'lost-request',
  'methods',
]
const pathOf = (name: string) => captureNotes().find((capture) => capture.name === name)!.path

beforeAll(ensureBuilt)
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(['transactions', 'signals', 'incidents'])('--emit %s', (emit) => {
  test('two replays of several files give the same bytes', async () => {
    const command = ['replay', ...busy.map(pathOf), '--emit', emit]
    expect(await lines(command)).toEqual(await lines(command))
  })
})

test.each(['keep-alive', 'gzipped', 'pcapng-two-interfaces'])(
  '%s on standard input gives the same transactions',
  async (name) => {
    const named = await lines(['replay', pathOf(name), '--emit', 'transactions'])
    const piped = await lines(['replay', '-', '--emit', 'transactions'], readFileSync(pathOf(name)))
    const withoutSource = (line: string) => line.replace(/"source":\{.*\}\}$/, '')
    expect(piped.map(withoutSource)).toEqual(named.map(withoutSource))
  },
)

test.each(busy)('%s: the order of lines is (end_ts, id)', async (name) => {
  const keys = (await lines(['replay', pathOf(name), '--emit', 'transactions'])).map((line) => {
    const { end_ts: end, id } = JSON.parse(line) as { end_ts: string; id: string }
    return `${end} ${id}`
  })
  expect(keys).toEqual(keys.toSorted())
  expect(new Set(keys).size).toBe(keys.length)
})

test.each(['signals', 'incidents'])('native transactions piped back give the same %s', async (emit) => {
  const files = busy.map(pathOf)
  const native = join(folder, 'native.jsonl')
  writeFileSync(native, `${(await lines(['replay', ...files, '--emit', 'transactions'])).join('\n')}\n`)
  const direct = await lines(['replay', ...files, '--emit', emit])
  expect(direct.length).toBeGreaterThan(0)
  expect(await lines(['replay', native, '--emit', emit])).toEqual(direct)
  expect(await lines(['replay', '-', '--emit', emit], readFileSync(native))).toEqual(
    await lines(['replay', native, '--emit', emit]),
  )
})

test('native transactions piped back print as they came', async () => {
  const native = await lines(['replay', pathOf('credentials'), '--emit', 'transactions'])
  const again = await lines(['replay', '-', '--emit', 'transactions'], Buffer.from(`${native.join('\n')}\n`))
  expect(again).toEqual(native)
})

test('a bogus timestamp changes no other line', async () => {
  const frames = readCapture(readFileSync(join(CAPTURES, 'interleaved.pcap')))
  const clean = new Map(byId(await lines(['replay', join(CAPTURES, 'interleaved.pcap'), '--emit', 'transactions'])))
  const data = frames.flatMap((frame, i) => {
    const at = tcpParts(frame)
    return at !== null && payloadLength(at) > 0 && i > 20 ? [i] : []
  })
  for (const index of [data[0]!, data[data.length >> 1]!, data.at(-1)!]) {
    const path = join(folder, 'interleaved.pcap')
    const moved = frames.map((frame, i) => (i === index ? { ...frame, time: frame.time + 10n ** 18n } : frame))
    writeFileSync(path, writePcap(moved))
    const read = byId(await lines(['replay', path, '--emit', 'transactions']))
    expect(read.length).toBe(clean.size)
    const changed = read.filter(([id, line]) => clean.get(id) !== line)
    expect(changed.length).toBeLessThanOrEqual(1)
    for (const [, line] of changed) expect(line).toContain('clock.jump')
  }
})

function byId(all: readonly string[]): [string, string][] {
  return all.map((line) => [(JSON.parse(line) as { id: string }).id, line])
}
