import { expect, test } from 'vitest'
import { dropsIn } from './socket-drops.ts'
import { listenAddress, MAX_OUTER_PACKET, protocolOfPort, vniOf, vniRange, wrapDatagram } from './tunnel-frame.ts'

test('a datagram gets the headers its socket took off', () => {
  const out = Buffer.alloc(MAX_OUTER_PACKET, 0xff)
  expect(wrapDatagram('geneve', 0x0a000007, Buffer.from('abcd'), out)).toBe(32)
  expect(out.subarray(0, 32).toString('hex')).toBe(
    `45000020${'00000000'}40110000${'0a000007'}${'00000000'}${'000017c1'}${'000c0000'}61626364`,
  )
})

test('the longest datagram fits, and one that is longer is cut to the longest packet', () => {
  const out = Buffer.alloc(MAX_OUTER_PACKET)
  expect(wrapDatagram('vxlan', 0xffffffff, Buffer.alloc(65_507), out)).toBe(65_535)
  expect(wrapDatagram('vxlan', 0, Buffer.alloc(65_535), out)).toBe(65_535)
  expect(out.readUInt16BE(2)).toBe(65_535)
  expect(out.readUInt16BE(24)).toBe(65_515)
})

test('a network identifier is read where the header says it has one', () => {
  const header = (first: number) => Buffer.from([first, 0, 0x65, 0x58, 0xff, 0, 1, 0])
  expect(vniOf('vxlan', header(0x08))).toBe(0xff0001)
  expect(vniOf('vxlan', header(0))).toBe(-1)
  expect(vniOf('geneve', header(0x02))).toBe(0xff0001)
  expect(vniOf('geneve', header(0x40))).toBe(-1)
  expect(vniOf('geneve', header(0).subarray(0, 7))).toBe(-1)
})

test('what the configuration says is read', () => {
  expect(listenAddress('10.0.0.5:4789')).toEqual({ address: '10.0.0.5', port: 4789 })
  expect(listenAddress('[2001:db8::5]:6081')).toEqual({ address: '2001:db8::5', port: 6081 })
  expect([4789, 8472, 6081, 80].map(protocolOfPort)).toEqual(['vxlan', 'vxlan', 'geneve', null])
  expect([17, '100-199', '5'].map(vniRange)).toEqual([
    [17, 17],
    [100, 199],
    [5, 5],
  ])
})

test('drops are those of the socket with this inode', () => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  411: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000 65534        0 77123 2 0000000000000000 4096
  412: 0500000A:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 77124 2 0000000000000000 7
`
  expect(dropsIn(table, '77124')).toBe(7)
  expect(dropsIn(table, '77123')).toBe(4096)
  expect(dropsIn(table, '7712')).toBeNull()
})
