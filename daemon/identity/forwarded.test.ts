import { expect, test } from 'vitest'
import { TrustedHops } from './forwarded.ts'

test('a peer has its address in canonical form, and is remembered', () => {
  const hops = new TrustedHops()
  const peer = hops.peer('FD00:0:0::1')
  expect(peer).toEqual({ address: 'fd00::1', trust: 'default' })
  expect(hops.peer('FD00:0:0::1')).toBe(peer)
  expect(hops.peer('203.0.113.9')).toEqual({ address: '203.0.113.9', trust: 'none' })
  expect(hops.peer('no address')).toEqual({ address: 'no address', trust: 'none' })
})
