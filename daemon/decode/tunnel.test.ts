import { expect, test } from 'vitest'
import { type CapturedFrame, ETHERNET } from '../../test/mutate/capture-file.ts'
import { encapsulate, TUNNELS, type Tunnel } from '../../test/mutate/encapsulate.ts'
import { batchOf } from '../../test/mutate/frame-batch.ts'
import { ipFrame } from '../../test/mutate/ip-packet.ts'
import { tagged } from '../../test/mutate/tcp-frame.ts'
import { Counters } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { formatAddress } from './address.ts'
import { Decoder } from './decoder.ts'
import { Segment } from './segment.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const GET = bytesOf('c350 0050 00000001 00000002 5018 0200 0000 0000 47455420')

/** 10.0.0.1:50000 -> 10.0.0.2:80, or the same in IPv6. */
function innermost(family: 4 | 6): CapturedFrame {
  const packet =
    family === 4
      ? '0800 4500002c123440004006 0000 0a000001 0a000002'
      : '86dd 60000000 0018 06 40 20010db80000000000000000000000a1 20010db80000000000000000000000a2'
  const bytes = Buffer.concat([bytesOf('000000000001 000000000002'), bytesOf(packet), GET])
  return { time: 0n, bytes, original: bytes.length, linkType: ETHERNET }
}

function decode(frame: CapturedFrame): { result: string; payload: string; segment: Segment } {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const segment = new Segment()
  const ok = new Decoder(telemetry).decode(batchOf(frame, 0), 0, segment)
  return {
    result: ok ? 'ok' : Object.keys(telemetry.funnel.frames.totals().dropped).join(),
    payload: segment.bytes.toString('latin1', segment.payloadStart, segment.payloadEnd),
    segment,
  }
}

/** `tunnels` from the inside out. */
function wrapped(frame: CapturedFrame, ...tunnels: readonly Tunnel[]): CapturedFrame {
  return tunnels.reduce((inner, tunnel, depth) => encapsulate(tunnel, { vni: 100 + depth })([inner])[0]!, frame)
}

const cases = TUNNELS.flatMap((tunnel) => [4, 6].flatMap((inner) => [4, 6].map((outer) => [tunnel, inner, outer])))
test.each(cases as [Tunnel, 4 | 6, 4 | 6][])('%s: the inner segment of IPv%i in IPv%i', (tunnel, inner, outer) => {
  const [frame] = encapsulate(tunnel, { vni: 0xabcdef, outer })([innermost(inner)])
  const { result, payload, segment } = decode(frame!)
  expect([result, payload]).toEqual(['ok', 'GET '])
  expect(formatAddress(segment.src0, segment.src1, segment.src2, segment.src3)).toBe(
    inner === 4 ? '10.0.0.1' : '2001:db8::a1',
  )
  expect(segment).toMatchObject({ family: inner, srcPort: 50_000, dstPort: 80, payloadMissing: 0, vlan: -1 })
  expect(segment.vni).toBe(/vxlan|geneve/.test(tunnel) ? 0xabcdef : -1)
})

test('what was read of one frame does not stick to the next', () => {
  const telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const decoder = new Decoder(telemetry)
  const segment = new Segment()
  decoder.decode(batchOf(wrapped(tagged(innermost(4), [12]), 'vxlan'), 0), 0, segment)
  expect(segment).toMatchObject({ vlan: 12, vni: 100 })
  decoder.decode(batchOf(innermost(4), 0), 0, segment)
  expect(segment).toMatchObject({ vlan: -1, vni: -1 })
})

test('VXLAN inside GENEVE: the innermost identifier and tag', () => {
  const frame = tagged(wrapped(tagged(innermost(4), [12]), 'vxlan', 'geneve-ip'), [900])
  expect(decode(frame)).toMatchObject({ result: 'ok', payload: 'GET ', segment: { vni: 100, vlan: 12 } })
})

test('ERSPAN tells the VLAN that the switch took the frame from; a tag in the frame is nearer', () => {
  const erspan = encapsulate('erspan', { vlan: 33 })
  expect(decode(erspan([innermost(4)])[0]!).segment.vlan).toBe(33)
  expect(decode(erspan([tagged(innermost(4), [12])])[0]!).segment.vlan).toBe(12)
})

test('ERSPAN I: GRE without a sequence number, the frame follows at once', () => {
  const inner = innermost(4)
  const frame = ipFrame(0n, 4, 47, 1, Buffer.concat([bytesOf('0000 88be'), inner.bytes]), 4 + inner.bytes.length)
  expect(decode(frame)).toMatchObject({ result: 'ok', payload: 'GET ' })
})

test('four tunnels are followed, a fifth is not', () => {
  const four = wrapped(innermost(4), 'gre', 'vxlan', 'ip-in-ip', 'geneve')
  expect(decode(four)).toMatchObject({ result: 'ok', payload: 'GET ' })
  expect(decode(wrapped(four, 'gre')).result).toBe('tunnel_depth')
})

test('bytes that a mirror cut off a wrapped frame are missing from the inner payload', () => {
  const whole = wrapped(innermost(4), 'vxlan')
  const cut = { ...whole, bytes: whole.bytes.subarray(0, -3), original: whole.bytes.length - 3 }
  const { payload, segment } = decode(cut)
  expect(payload).toBe('G')
  expect(segment.payloadMissing).toBe(3)
})

/** An IPv4 packet of a protocol around these bytes, and how many of them were captured. */
function carrying(protocol: number, hex: string, kept?: number): CapturedFrame {
  const bytes = bytesOf(hex)
  return ipFrame(0n, 4, protocol, 1, bytes.subarray(0, kept), bytes.length)
}

const INNER = innermost(4).bytes.toString('hex')
const vxlanPort = 'c351 12b5 0000 0000'
const genevePort = 'c351 17c1 0000 0000'
test.each<[string, string, CapturedFrame]>([
  ['not_tcp', 'UDP to another port', carrying(17, `c351 0035 0000 0000 0800000000000500 ${INNER}`)],
  ['not_tcp', 'UDP from the VXLAN port to another', carrying(17, `12b5 c351 0000 0000 0800000000000500 ${INNER}`)],
  ['not_tcp', 'VXLAN without the I flag', carrying(17, `${vxlanPort} 0000000000000500 ${INNER}`)],
  ['not_tcp', 'GENEVE of another version', carrying(17, `${genevePort} 4000655800000500 ${INNER}`)],
  ['not_tcp', 'a GENEVE control message', carrying(17, `${genevePort} 0080655800000500 ${INNER}`)],
  ['not_tcp', 'GRE with source routing', carrying(47, `4000 6558 ${INNER}`)],
  ['not_tcp', 'GRE version 1, which is PPTP', carrying(47, `2001 880b 00000000 ${INNER}`)],
  ['not_tcp', 'ERSPAN III under the type of II', carrying(47, `1000 88be 00000001 2000000000000000 ${INNER}`)],
  ['not_ip', 'GRE with something else', carrying(47, '0000 0000')],
  ['not_ip', 'GENEVE with something else', carrying(17, `${genevePort} 0000894f00000500 ${INNER}`)],
  ['not_ip', 'ARP in VXLAN', carrying(17, `${vxlanPort} 0800000000000500 ffffffffffff 000000000002 0806 0001`)],
  ['not_tcp', 'UDP in VXLAN', wrapped(ipFrame(0n, 4, 17, 1, Buffer.alloc(12), 12), 'vxlan')],
  ['malformed', 'UDP without room for its header', carrying(17, '12b5')],
  ['malformed', 'VXLAN that ends in its header', carrying(17, `${vxlanPort} 08000000`)],
  ['malformed', 'GENEVE whose options run out of the packet', carrying(17, `${genevePort} 3f00655800000500 0000`)],
  ['malformed', 'GRE whose fields run out of the packet', carrying(47, 'b000 0800 00000000')],
  ['malformed', 'ERSPAN that ends in its header', carrying(47, '1000 88be 00000001 1000')],
  ['malformed', 'an inner frame that is a runt', carrying(17, `${vxlanPort} 0800000000000500 ffff`)],
  ['truncated', 'UDP header cut', carrying(17, `${vxlanPort} 0800000000000500 ${INNER}`, 3)],
  ['truncated', 'VXLAN header cut', carrying(17, `${vxlanPort} 0800000000000500 ${INNER}`, 12)],
  ['truncated', 'inner frame cut', carrying(17, `${vxlanPort} 0800000000000500 ${INNER}`, 25)],
])('%s: %s', (cause, _, frame) => {
  expect(decode(frame).result).toBe(cause)
})
