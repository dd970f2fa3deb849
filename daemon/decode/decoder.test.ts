import { expect, test } from 'vitest'
import type { FrameBatch } from '../model/frame.ts'
import { Counters, type Telemetry } from '../telemetry/counters.ts'
import { LossFunnel } from '../telemetry/funnel.ts'
import { WeirdCounts } from '../telemetry/weirds.ts'
import { formatAddress } from './address.ts'
import { Decoder } from './decoder.ts'
import { ACK, PSH, Segment } from './segment.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
const be16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

/** 50000 -> 80, seq 0x80000001, ack 2, PSH ACK, window 512. */
function tcpOf(payload: string, options = ''): Buffer {
  const offset = (5 + options.length / 8) << 4
  const head = `c350 0050 80000001 00000002 ${offset.toString(16)}18 0200 0000 0000`
  return Buffer.concat([bytesOf(head + options), Buffer.from(payload)])
}

function ipv4Of(
  inner: Buffer,
  change: { totalLength?: number; fragment?: number; options?: string; protocol?: number } = {},
) {
  const options = bytesOf(change.options ?? '')
  const total = change.totalLength ?? 20 + options.length + inner.length
  return Buffer.concat([
    Buffer.from([0x45 + options.length / 4, 0]),
    be16(total),
    be16(0x1234),
    be16(change.fragment ?? 0x4000),
    Buffer.from([64, change.protocol ?? 6, 0, 0, 203, 0, 113, 9, 192, 0, 2, 1]),
    options,
    inner,
  ])
}

function ipv6Of(next: number, inner: Buffer, payloadLength = inner.length): Buffer {
  return Buffer.concat([
    bytesOf('60000000'),
    be16(payloadLength),
    Buffer.from([next, 64]),
    bytesOf('20010db8 00000000 00000000 00000001 20010db8 00000000 00000000 000000ff'),
    inner,
  ])
}

const ethernetOf = (inner: Buffer, type = '0800'): Buffer =>
  Buffer.concat([bytesOf(`000000000001 000000000002 ${type}`), inner])

interface Decoded {
  readonly segment: Segment
  /** `ok` or the cause it was dropped under. */
  readonly result: string
  readonly payload: string
}

/** Decodes one frame that stands at an odd offset between other bytes, as in a batch. */
function decode(frame: Buffer, linkType = 1, cut: { captured?: number; original?: number } = {}): Decoded {
  const captured = cut.captured ?? frame.length
  const telemetry: Telemetry = { funnel: new LossFunnel(), weirds: new WeirdCounts(), counters: new Counters() }
  const batch: FrameBatch = {
    bytes: Buffer.concat([Buffer.alloc(3, 0xff), frame.subarray(0, captured), Buffer.alloc(50, 0xee)]),
    count: 1,
    offset: Uint32Array.of(3),
    captured: Uint32Array.of(captured),
    original: Uint32Array.of(cut.original ?? frame.length),
    time: Float64Array.of(0),
    clock: Float64Array.of(0),
    linkType: Uint16Array.of(linkType),
    flags: Uint8Array.of(0),
  }
  const segment = new Segment()
  const decoder = new Decoder(telemetry)
  const ok = decoder.decode(batch, 0, segment)
  decoder.close()
  const dropped = Object.keys(telemetry.funnel.frames.totals().dropped)
  return {
    segment,
    result: ok ? 'ok' : dropped.join(),
    payload: segment.bytes.toString('latin1', segment.payloadStart, segment.payloadEnd),
  }
}

test('every field of a segment in IPv4 over Ethernet is read', () => {
  const { segment, payload, result } = decode(ethernetOf(ipv4Of(tcpOf('GET / '))))
  expect(result).toBe('ok')
  expect(payload).toBe('GET / ')
  expect(formatAddress(segment.src0, segment.src1, segment.src2, segment.src3)).toBe('203.0.113.9')
  expect(formatAddress(segment.dst0, segment.dst1, segment.dst2, segment.dst3)).toBe('192.0.2.1')
  expect(segment).toMatchObject({
    family: 4,
    srcPort: 50_000,
    dstPort: 80,
    seq: 0x80000001 | 0,
    ack: 2,
    flags: ACK | PSH,
    window: 512,
    ipId: 0x1234,
    payloadMissing: 0,
    vlan: -1,
    vni: -1,
  })
})

test('IPv6 addresses are read and there is no IP id', () => {
  const { segment, payload } = decode(ethernetOf(ipv6Of(6, tcpOf('six')), '86dd'))
  expect(payload).toBe('six')
  expect(segment).toMatchObject({ family: 6, ipId: -1 })
  expect(formatAddress(segment.dst0, segment.dst1, segment.dst2, segment.dst3)).toBe('2001:db8::ff')
})

const v4 = ipv4Of(tcpOf('payload'))
const v6 = ipv6Of(6, tcpOf('payload'))
test.each<[string, number, Buffer]>([
  ['NULL, little end first', 0, Buffer.concat([bytesOf('02000000'), v4])],
  ['NULL, big end first', 0, Buffer.concat([bytesOf('00000002'), v4])],
  ['NULL, Darwin IPv6', 0, Buffer.concat([bytesOf('1e000000'), v6])],
  ['LOOP', 108, Buffer.concat([bytesOf('00000018'), v6])],
  ['raw IPv4', 101, v4],
  ['raw IPv6', 101, v6],
  ['raw, one version', 228, v4],
  ['raw, the other version', 229, v6],
  ['cooked v1', 113, Buffer.concat([bytesOf('0000 0001 0006 000000000001 0000 0800'), v4])],
  ['cooked v2', 276, Buffer.concat([bytesOf('0800 0000 00000002 0001 00 06 000000000001 0000'), v4])],
  ['IPv4 with options', 101, ipv4Of(tcpOf('payload'), { options: '01010101 01010100' })],
  ['TCP with options', 101, ipv4Of(tcpOf('payload', '0101080a 00000001 00000002'))],
  [
    'hop-by-hop, routing, destination options',
    101,
    ipv6Of(
      0,
      Buffer.concat([bytesOf('2b00000000000000 3c00000000000000 0601000000000000 0000000000000000'), tcpOf('payload')]),
    ),
  ],
  [
    'authentication header',
    101,
    ipv6Of(51, Buffer.concat([bytesOf('0604000000000001 00000001 000000000000000000000000'), tcpOf('payload')])),
  ],
  ['atomic fragment', 101, ipv6Of(44, Buffer.concat([bytesOf('0600 0000 00000001'), tcpOf('payload')]))],
  ['TSO in IPv4: total length 0', 101, ipv4Of(tcpOf('payload'), { totalLength: 0 })],
  ['TSO in IPv6: payload length 0', 101, ipv6Of(6, tcpOf('payload'), 0)],
])('the payload is found in: %s', (_, linkType, frame) => {
  expect(decode(frame, linkType)).toMatchObject({ result: 'ok', payload: 'payload' })
})

test('the innermost VLAN id is kept through three tags, a priority tag names none, a fourth is not IP', () => {
  expect(decode(ethernetOf(v4, '8100 200c 0800')).segment.vlan).toBe(12)
  expect(decode(ethernetOf(v4, '88a8 0001 9100 0002 8100 0003 0800')).segment.vlan).toBe(3)
  expect(decode(ethernetOf(v4, '8100 e000 0800')).segment.vlan).toBe(-1)
  expect(decode(ethernetOf(v4, '8100 0001 8100 0002 8100 0003 8100 0004 0800')).result).toBe('not_ip')
})

test('Ethernet padding is not payload', () => {
  expect(decode(Buffer.concat([ethernetOf(ipv4Of(tcpOf(''))), Buffer.alloc(6)]))).toMatchObject({
    result: 'ok',
    payload: '',
  })
})

test('payload that the snap length cut is missing, as is what a mirror cut without saying', () => {
  const frame = ethernetOf(ipv4Of(tcpOf('0123456789')))
  const bySnap = decode(frame, 1, { captured: frame.length - 4 })
  expect(bySnap).toMatchObject({ result: 'ok', payload: '012345' })
  expect(bySnap.segment.payloadMissing).toBe(4)
  const byMirror = decode(frame, 1, { captured: frame.length - 4, original: frame.length - 4 })
  expect(byMirror.segment.payloadMissing).toBe(4)
})

test.each<[string, string, Buffer, number, { captured?: number; original?: number }?]>([
  ['link_type', 'a link type that nobody decodes', v4, 147],
  ['truncated', 'Ethernet header cut', ethernetOf(v4), 1, { captured: 13 }],
  ['truncated', 'IP header cut', ethernetOf(v4), 1, { captured: 14 + 19 }],
  ['truncated', 'TCP header cut', ethernetOf(v4), 1, { captured: 14 + 20 + 19 }],
  ['truncated', 'IPv6 extension cut', ipv6Of(0, bytesOf('0600000000000000')), 101, { captured: 44 }],
  ['malformed', 'a runt', Buffer.alloc(10), 1],
  ['malformed', 'an empty frame', Buffer.alloc(0), 101],
  ['malformed', 'IPv4 header length below 20', Buffer.concat([bytesOf('44'), v4.subarray(1)]), 101],
  ['malformed', 'IPv4 total length below its header', ipv4Of(tcpOf(''), { totalLength: 19 }), 101],
  ['malformed', 'IPv4 that says IPv6', ethernetOf(v6), 1],
  [
    'malformed',
    'TCP data offset below 5',
    ipv4Of(Buffer.concat([tcpOf('').subarray(0, 12), bytesOf('4018000000000000')])),
    101,
  ],
  [
    'malformed',
    'TCP data offset past the packet',
    ipv4Of(Buffer.concat([tcpOf('').subarray(0, 12), bytesOf('f018000000000000')])),
    101,
  ],
  [
    'malformed',
    'IPv6 extension headers without end',
    ipv6Of(60, Buffer.concat(Array.from({ length: 40 }, () => bytesOf('3c00000000000000')))),
    101,
  ],
  ['not_ip', 'ARP', ethernetOf(Buffer.alloc(28), '0806'), 1],
  ['not_tcp', 'UDP', ipv4Of(Buffer.alloc(8), { protocol: 17 }), 101],
  ['not_tcp', 'ESP in IPv6', ipv6Of(50, Buffer.alloc(40)), 101],
  ['fragment', 'first IPv4 fragment alone', ipv4Of(tcpOf('four'), { fragment: 0x2000 }), 101],
  ['fragment', 'later IPv4 fragment alone', ipv4Of(tcpOf('x'), { fragment: 0x0001 }), 101],
  ['fragment', 'IPv6 fragment alone', ipv6Of(44, Buffer.concat([bytesOf('0600 0001 00000001'), tcpOf('four')])), 101],
])('%s: %s', (cause, _, frame, linkType, cut) => {
  expect(decode(frame, linkType, cut).result).toBe(cause)
})
