import { expect, test } from 'vitest'
import { SECOND_US } from '../model/time.ts'
import { captureQuality } from './capture-quality.ts'
import { LossFunnel } from './funnel.ts'
import { lossShare, SensorWindows } from './sensor-windows.ts'
import { mergeSamples } from './source-tallies.ts'

const START = 1_700_000_000 * SECOND_US
const ETH1 = { kind: 'pcap', name: 'eth1' }
const ETH2 = { kind: 'pcap', name: 'eth2' }

/** So many frames of the source that is being read, of 100 bytes each. */
function frames(funnel: LossFunnel, count: number): void {
  funnel.frames.in += count
  funnel.frames.delivered += count
  funnel.bytes.in += 100 * count
}

test('what passes is given to the source it came from, whoever is read in between', () => {
  const funnel = new LossFunnel()
  funnel.from(ETH1)
  frames(funnel, 3)
  funnel.from(ETH2)
  frames(funnel, 5)
  funnel.lostOutside(ETH1, 7, 2)
  frames(funnel, 1)
  funnel.from(ETH1)
  frames(funnel, 1)
  expect(funnel.bySource()).toMatchObject([
    { name: 'eth1', frames: 13, segments: 4, bytes: 400, kernelDrops: 7, interfaceDrops: 2 },
    { name: 'eth2', frames: 6, segments: 6, bytes: 600, kernelDrops: 0 },
  ])
  const all = funnel.bySource().reduce((sum, source) => sum + source.frames, 0)
  expect(all).toBe(funnel.frames.in)
})

test('windows slide: ten seconds, sixty, and all; a long silence empties them', () => {
  const funnel = new LossFunnel()
  const windows = new SensorWindows()
  const tally = funnel.sources.of(ETH1)
  funnel.from(ETH1)
  for (let second = 1; second <= 100; second++) {
    frames(funnel, 1)
    if (second <= 50) tally.lostBehind(1_000_000, 100)
    windows.take(funnel.bySource(), START + second * SECOND_US)
  }
  const [source] = windows.reading.sources
  expect(source).toMatchObject({
    state: 'reading',
    short: { frames: 10, unseenBytes: 0 },
    long: { frames: 60, unseenBytes: 1000 },
    total: { frames: 100, unseenBytes: 5000, holes: 50 },
  })
  expect(captureQuality(windows.reading)).toMatchObject({
    loss: { last_10s: 0, last_60s: 0.142857, total: 0.333333 },
    sources: [{ kind: 'pcap', name: 'eth1', unseen_bytes: 5000 }],
  })
  windows.take(funnel.bySource(), START + 1000 * SECOND_US)
  expect(windows.reading.sources[0]).toMatchObject({
    short: { frames: 0 },
    long: { frames: 0 },
    total: { frames: 100 },
  })
  expect(lossShare(windows.reading.sources[0]!.long)).toBe(null)
})

test('the parts of several workers add up to what one would have seen, links too', () => {
  const parts = [new LossFunnel(), new LossFunnel()].map((funnel, index) => {
    funnel.from(ETH1)
    frames(funnel, 10 + index)
    funnel.sources.of(ETH1).judged(12, -1, 'first')
    funnel.sources.of(ETH1).judged(-1, index, 'both')
    return funnel.bySource()
  })
  expect(mergeSamples(parts)).toMatchObject([
    {
      name: 'eth1',
      frames: 21,
      links: [
        { vlan: 12, vni: -1, first: 2 },
        { vlan: -1, vni: 0, both: 1 },
        { vlan: -1, vni: 1, both: 1 },
      ],
    },
  ])
})

test('sources and links that traffic makes up are bounded, and nothing is lost from the sums', () => {
  const funnel = new LossFunnel()
  for (let i = 0; i < 1000; i++) {
    funnel.from({ kind: 'kafka', name: `topic ${i}` })
    frames(funnel, 1)
    funnel.sources.of(ETH1).judged(i % 4096, i, 'both')
  }
  const samples = funnel.bySource()
  expect(samples.length).toBeLessThanOrEqual(257)
  expect(samples.reduce((sum, source) => sum + source.frames, 0)).toBe(1000)
  const { links } = samples.find(({ name }) => name === 'eth1') ?? funnel.sources.of(ETH1).sample()
  expect(links.length).toBeLessThanOrEqual(65)
  expect(links.reduce((sum, link) => sum + link.both, 0)).toBe(1000)
})
