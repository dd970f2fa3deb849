import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerTotals } from '../../daemon/telemetry/funnel.ts'
import { type CapturedFrame, ETHERNET, readCapture, writePcap } from '../mutate/capture-file.ts'
import { encapsulate, fragment, fragmentShuffled, TUNNELS, type Tunnel } from '../mutate/encapsulate.ts'
import { chain, type Mutator, seeded } from '../mutate/mutators.ts'
import { captureNotes } from './capture-notes.ts'
import { ensureBuilt, lines } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-tunnels-'))
const VNI = 909

/** Plain Ethernet captures with honest timestamps, bodies cut by the snap length included. */
const plain = captureNotes()
  .map(({ name, path }) => ({ name, frames: framesOf(path) }))
  .filter(({ name, frames }) => frames.length > 0 && name !== 'bogus-time' && frames.every(isEthernet))

/** The lines of the captures as they are. */
let unwrapped: Promise<string[]>

beforeAll(() => {
  ensureBuilt()
  unwrapped = transactions((frames) => [...frames])
})
afterAll(() => rmSync(folder, { recursive: true }))

function framesOf(path: string): CapturedFrame[] {
  return /\.zst$/.test(path) ? [] : readCapture(readFileSync(path))
}

function isEthernet(frame: CapturedFrame): boolean {
  return frame.linkType === ETHERNET
}

const WAYS: readonly (readonly [string, Mutator, number | null])[] = [
  ...TUNNELS.map((tunnel) => [tunnel, encapsulate(tunnel, { vni: VNI }), vniOf(tunnel)] as const),
  ['VXLAN over IPv6', encapsulate('vxlan', { vni: VNI, outer: 6 }), VNI],
  ['VXLAN in GENEVE', chain(encapsulate('vxlan', { vni: VNI }), encapsulate('geneve-ip', { vni: 1 })), VNI],
  ['VXLAN on a path of 600 bytes', chain(encapsulate('vxlan', { vni: VNI }), fragment(600)), VNI],
  [
    'GENEVE over IPv6 on a path of 1280 bytes, pieces shuffled and doubled',
    chain(encapsulate('geneve', { vni: VNI, outer: 6 }), fragmentShuffled(1280, 1)),
    VNI,
  ],
  ['every frame again behind VXLAN, as when both ends of a link are mirrored', againBehind('vxlan'), null],
  ['no tunnel, a path of 576 bytes, pieces shuffled and doubled', fragmentShuffled(576, 2), null],
]

function againBehind(tunnel: Tunnel): Mutator {
  const wrap = encapsulate(tunnel, { vni: VNI })
  return (frames) => frames.flatMap((frame) => [frame, ...wrap([frame])])
}

function vniOf(tunnel: Tunnel): number | null {
  return /vxlan|geneve/.test(tunnel) ? VNI : null
}

/** Every capture, mutated, under its own name. */
function written(mutate: Mutator): string[] {
  const place = mkdtempSync(join(folder, 'way-'))
  return plain.map(({ name, frames }) => {
    const path = join(place, `${name}.pcap`)
    writeFileSync(path, writePcap(mutate(frames)))
    return path
  })
}

const transactions = (mutate: Mutator) => lines(['replay', ...written(mutate), '--emit', 'transactions'])

describe('what a mirror wraps or a path cuts: the same lines, but for the vni of what had none', () => {
  test.concurrent.each(WAYS)('%s', async (_, mutate, vni) => {
    const clean = await unwrapped
    const expected = vni === null ? clean : clean.map((line) => line.replace('"vni":null', `"vni":${vni}`))
    expect(clean.length).toBeGreaterThan(150)
    const read = await transactions(mutate)
    const differing = read.filter((line, at) => line !== expected[at])
    expect({ count: read.length, differing }).toEqual({ count: clean.length, differing: [] })
  })
})

test('with fragments lost every frame is still counted once', async () => {
  const random = seeded(9)
  const cut = fragmentShuffled(300, 3)
  const files = written((frames) => cut(encapsulate('vxlan')(frames)).filter(() => random() < 0.97))
  const sent = files.reduce((sum, path) => sum + readCapture(readFileSync(path)).length, 0)
  const summary = JSON.parse((await lines(['replay', ...files, '-o', 'json']))[0]!) as { frames: LedgerTotals }
  const { delivered, dropped } = summary.frames
  expect(summary.frames.in).toBe(sent)
  expect(Object.values(dropped).reduce((sum, count) => sum + count, delivered)).toBe(sent)
  expect(dropped.fragment).toBeGreaterThan(50)
})
