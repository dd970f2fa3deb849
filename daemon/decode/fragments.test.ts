import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CapturedFrame } from '../../test/mutate/capture-file.ts'
import { encapsulate } from '../../test/mutate/encapsulate.ts'
import { batchOf } from '../../test/mutate/frame-batch.ts'
import { fragmented, ipFrame } from '../../test/mutate/ip-packet.ts'
import { type EventTime, SECOND_US } from '../model/time.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { Decoder } from './decoder.ts'
import type { FragmentLimits } from './fragments.ts'
import { Segment } from './segment.ts'

const TCP = Buffer.from('c350005000000001000000025018020000000000', 'hex')

/** Bytes that are different at every place nearby. */
const textOf = (length: number): string =>
  Array.from({ length }, (_, at) => String.fromCharCode(33 + (at % 89))).join('')

/** The fragments of one datagram that carries `length` bytes over TCP. */
function pieces(length: number, { id = 7, family = 4 as 4 | 6, mtu = 100, protocol = 6 } = {}): CapturedFrame[] {
  const packet = Buffer.concat([TCP, Buffer.from(textOf(length), 'latin1')])
  return fragmented(ipFrame(0n, family, protocol, id, packet, packet.length), mtu, id)
}

class Run {
  readonly telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  readonly segment = new Segment()
  readonly payloads: string[] = []
  readonly decoder: Decoder

  constructor(limits: Partial<FragmentLimits> = {}) {
    this.decoder = new Decoder(this.telemetry, limits)
  }

  /** The ledger counts a segment as reassembly does. */
  take(frames: readonly CapturedFrame[], now: EventTime = 0): this {
    const { segment, decoder } = this
    const ledger = this.telemetry.funnel.frames
    for (const frame of frames) {
      ledger.in++
      if (!decoder.decode(batchOf(frame, now), 0, segment)) continue
      ledger.delivered++
      this.payloads.push(segment.bytes.toString('latin1', segment.payloadStart, segment.payloadEnd))
    }
    return this
  }

  /** Delivered frames and causes, at the end of input. */
  close(): Record<string, number> {
    this.decoder.close()
    const { delivered, dropped } = this.telemetry.funnel.frames.totals()
    expect(this.telemetry.funnel.frames.unexplained()).toBe(0)
    expect(this.decoder.heldBytes).toBe(0)
    return { delivered, ...dropped }
  }
}

test('the fragments of a datagram give its segment in any order, doubled or not, and every frame is counted', () => {
  const sent = fc.record({
    length: fc.integer({ min: 100, max: 3000 }),
    family: fc.constantFrom<4 | 6>(4, 6),
    seeds: fc.array(fc.nat(1000), { minLength: 64, maxLength: 64 }),
  })
  fc.assert(
    fc.property(sent, ({ length, family, seeds }) => {
      const frames = pieces(length, { family })
      const doubled = frames.flatMap((frame, at) => (seeds[at]! % 3 === 0 ? [frame, frame] : [frame]))
      const order = doubled
        .map((frame, at) => ({ frame, rank: seeds[(at * 7) % 64]! }))
        .sort((a, b) => a.rank - b.rank)
        .map(({ frame }) => frame)
      const run = new Run().take(order)
      expect(run.payloads).toEqual([textOf(length)])
      const copies = doubled.length - frames.length
      expect(run.close()).toEqual({ delivered: frames.length, ...(copies > 0 ? { duplicate: copies } : {}) })
    }),
    { numRuns: 300 },
  )
})

test('a datagram that is not TCP takes all its frames with it', () => {
  expect(new Run().take(pieces(500, { protocol: 17 })).close()).toEqual({ delivered: 0, not_tcp: 7 })
})

test('what can be nothing for us is not held at all', () => {
  const run = new Run().take(pieces(500, { protocol: 1 }).slice(1))
  expect(run.decoder.heldFrames).toBe(0)
  expect(run.close()).toEqual({ delivered: 0, not_tcp: 6 })
})

test('a missing fragment costs its datagram: after 30 s, or at the end of input', () => {
  const run = new Run().take(pieces(500).slice(1))
  expect(run.decoder.heldFrames).toBe(6)
  run.decoder.tick(29 * SECOND_US)
  expect(run.decoder.heldFrames).toBe(6)
  run.decoder.tick(30 * SECOND_US)
  expect(run.decoder.heldFrames).toBe(0)
  run.take(pieces(500).slice(0, 1), 30 * SECOND_US)
  expect(run.close()).toEqual({ delivered: 0, fragment: 7 })
})

test('IPv4: the first copy of overlapping bytes wins, and the overlap is a weird', () => {
  const [first, second, ...rest] = pieces(500)
  const liar = { ...second!, bytes: Buffer.from(second!.bytes) }
  liar.bytes.fill(0x21, 14 + 20)
  const run = new Run().take([first!, second!, liar, ...rest])
  expect(run.payloads).toEqual([textOf(500)])
  expect(run.telemetry.weirds.entries()).toEqual([['ip.fragment_overlap', 1]])
  expect(run.close()).toEqual({ delivered: 7, fragment: 1 })
})

test('IPv4: a fragment that overlaps in part fills what was missing and changes nothing else', () => {
  // 80 bytes each. The liar brings the third, which never came, and another fourth.
  const frames = pieces(500)
  const wide = pieces(500, { mtu: 20 + 160 })[1]!
  const liar = { ...wide, bytes: Buffer.from(wide.bytes) }
  liar.bytes.fill(0x21, 14 + 20 + 80)
  const run = new Run().take([...frames.filter((_, at) => at !== 2), liar])
  expect(run.payloads).toEqual([textOf(500)])
  expect(run.close()).toEqual({ delivered: 7 })
})

test('IPv6: a datagram with an overlap is given up, with what still comes of it (RFC 5722)', () => {
  const [first, second, ...rest] = pieces(500, { family: 6 })
  const liar = { ...second!, bytes: Buffer.from(second!.bytes) }
  liar.bytes.fill(0x21, 14 + 48)
  const run = new Run().take([first!, second!, liar, ...rest, first!, second!])
  expect(run.payloads).toEqual([])
  expect(run.close()).toEqual({ delivered: 0, fragment: rest.length + 5 })
})

test.each<4 | 6>([4, 6])('fragments that disagree on the length give the datagram up (teardrop), IPv%i', (family) => {
  const frames = pieces(500, { family })
  const short = pieces(150, { family }).at(-1)!
  const run = new Run().take([...frames.slice(0, -1), short, frames.at(-1)!])
  expect(run.payloads).toEqual([])
  expect(run.close()).toEqual({ delivered: 0, fragment: frames.length + 1 })
})

test('a fragment that reaches past the largest datagram, has no bytes, or an odd length, is malformed', () => {
  const change = (at: number, value: number, frame = pieces(500)[1]!) => {
    const bytes = Buffer.from(frame.bytes)
    bytes.writeUInt16BE(value, at)
    return { ...frame, bytes }
  }
  const frames = [change(20, 0x1fff), change(16, 20), change(16, 20 + 71)]
  expect(new Run().take(frames).close()).toEqual({ delivered: 0, malformed: 3 })
})

test('the smallest fragments there are still give their segment, up to 64', () => {
  const frames = pieces(64 * 8 - 20, { mtu: 28 })
  expect(frames.length).toBe(64)
  expect(new Run().take(frames).payloads).toEqual([textOf(64 * 8 - 20)])
  const more = new Run().take(pieces(65 * 8 - 20, { mtu: 28 }))
  expect(more.payloads).toEqual([])
  expect(more.close()).toEqual({ delivered: 0, fragment: 65 })
})

test('over the limits the oldest datagram goes first', () => {
  const run = new Run({ sets: 2 })
  const [one, two, three] = [1, 2, 3].map((id) => pieces(100, { id }))
  run.take([one![0]!, two![0]!, three![0]!, two![1]!, three![1]!, one![1]!])
  expect(run.payloads.length).toBe(2)
  expect(run.telemetry.counters.get('fragments.evicted')).toBe(1)
  expect(run.close()).toEqual({ delivered: 4, fragment: 2 })
})

test('a flood of fragments stays within the byte limit', () => {
  const run = new Run({ bytes: 20_000 })
  for (let id = 1; id <= 300; id++) {
    run.take(pieces(900, { id, mtu: 500 }).slice(1))
    expect(run.decoder.heldBytes).toBeLessThanOrEqual(20_000)
  }
  expect(run.close()).toEqual({ delivered: 0, fragment: 300 })
})

test('a mirrored copy of all fragments is duplicates for 2 s; another datagram under the same id is not', () => {
  const frames = pieces(200)
  const other = frames.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes) }))
  for (const { bytes } of other) bytes[bytes.length - 1]! ^= 1
  const run = new Run().take(frames).take(frames, SECOND_US).take(other, SECOND_US)
  expect(run.payloads.length).toBe(2)
  expect(run.close()).toEqual({ delivered: 6, duplicate: 3 })
})

test('bytes that the capture cut off are missing, as is what stands behind them', () => {
  const frames = pieces(200)
  const cut = { ...frames[1]!, bytes: frames[1]!.bytes.subarray(0, -10) }
  const run = new Run().take([frames[0]!, cut, frames[2]!])
  // The first fragment has the 20 bytes of the TCP header and 60 of the payload; each carries 80.
  expect(run.payloads).toEqual([textOf(200).slice(0, 60 + 70)])
  expect(run.segment.payloadMissing).toBe(70)
})

test('fragments in a tunnel whose packets are fragments too', () => {
  const wrapped = encapsulate('geneve', { vni: 9 })(pieces(400, { mtu: 300 }))
  const frames = wrapped.flatMap((frame, at) => fragmented(frame, 120, at))
  const run = new Run().take(frames)
  expect(run.payloads).toEqual([textOf(400)])
  expect(run.segment.vni).toBe(9)
  expect(run.close()).toEqual({ delivered: frames.length })
})

test('the fragments of two tenants with the same addresses and id stay apart', () => {
  const [first, second] = pieces(100)
  const inVni = (vni: number, frame: CapturedFrame) => encapsulate('vxlan', { vni })([frame])
  const run = new Run().take([...inVni(1, first!), ...inVni(2, second!)])
  expect(run.payloads).toEqual([])
  run.take([...inVni(1, second!), ...inVni(2, first!)])
  expect(run.payloads.length).toBe(2)
})

/** An IPv6 fragment of a datagram whose first header behind the fragment header is `next`. */
function ip6Piece(next: number, offset: number, more: boolean, id: number, hex: string): CapturedFrame {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  const header = Buffer.from([next, 0, 0, offset | (more ? 1 : 0), 0, 0, 0, id])
  return ipFrame(0n, 6, 44, 0, Buffer.concat([header, bytes]), 8 + bytes.length)
}

test('IPv6: extension headers inside the datagram are stepped over', () => {
  const first = ip6Piece(60, 0, true, 1, '0600 0000 0000 0000 c350 0050 0000 0001')
  const second = ip6Piece(60, 16, false, 1, '0000 0002 5018 0200 0000 0000 47455420')
  expect(new Run().take([first, second]).payloads).toEqual(['GET '])
})

test('IPv6: fragments of a datagram that says it is a fragment again are malformed', () => {
  const inner = '0600 0001 0000 0009' // a fragment header: offset 0, more to come
  const frames = [
    ip6Piece(44, 0, true, 1, `${inner} c350 0050 0000 0001`),
    ip6Piece(44, 16, false, 1, '0000 0002 5018 0200 0000 0000 47455420'),
  ]
  expect(new Run().take(frames).close()).toEqual({ delivered: 0, malformed: 2 })
})
