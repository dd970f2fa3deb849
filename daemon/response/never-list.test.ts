import { expect, test } from 'vitest'
import { incident } from '../../test/response/harness.ts'
import type { Selector } from '../model/action.ts'
import { OffpathError } from '../telemetry/errors.ts'
import { NeverList, neverFault } from './never-list.ts'
import { addressSelector, selectorsOf } from './selectors.ts'

test.each<[string, Selector, boolean]>([
  ['ip:203.0.113.9', { kind: 'ip', value: '203.0.113.9' }, true],
  ['ip:::ffff:203.0.113.9', { kind: 'ip', value: '203.0.113.9' }, true],
  ['ip:203.0.113.9', { kind: 'ip', value: '203.0.113.90' }, false],
  ['cidr:10.0.0.0/8', { kind: 'ip', value: '10.255.0.1' }, true],
  ['cidr:10.0.0.0/8', { kind: 'ip', value: '11.0.0.1' }, false],
  // Blocks: the entry holds the target, the target holds the entry, neither.
  ['cidr:2001:db8::/32', { kind: 'cidr', value: '2001:db8:1:2::/64' }, true],
  ['ip:2001:db8:1:2::77', { kind: 'cidr', value: '2001:db8:1:2::/64' }, true],
  ['ip:2001:db8:1:3::77', { kind: 'cidr', value: '2001:db8:1:2::/64' }, false],
  ['user:u_17', { kind: 'user', value: 'u_17' }, true],
  ['user:u_17', { kind: 'session', value: 'u_17' }, false],
  ['user:u_17', { kind: 'user', value: 'u_171' }, false],
  // What is no address cannot be cleared of being one.
  ['ip:203.0.113.9', { kind: 'ip', value: 'localhost' }, true],
])('%s and %j', (entry, target, held) => {
  expect(new NeverList([entry]).match(target) !== null).toBe(held)
})

test('an entry that is none is told', () => {
  for (const entry of ['ip:x', 'cidr:10.0.0.0/33', 'host:x', 'user:', 'x', '']) {
    expect([entry, neverFault(entry)]).not.toEqual([entry, null])
    expect(() => new NeverList([entry])).toThrow(OffpathError)
  }
  expect(neverFault('service:pay.shop.test')).toBeNull()
})

test('targets are what the step asks for, once, in one way of writing', () => {
  const about = incident([], {
    subject: { kind: 'user', value: 'u_1', members: [] },
    targets: [
      { kind: 'ip', value: '::ffff:203.0.113.9' },
      { kind: 'ip', value: '203.0.113.9' },
      { kind: 'ip', value: '2001:DB8::/64' },
      { kind: 'ip', value: 'not-an-address' },
      { kind: 'user', value: 'u_1' },
      { kind: 'device', value: 'd_1' },
    ],
  })
  expect(selectorsOf('ip', about)).toEqual([
    { kind: 'ip', value: '203.0.113.9' },
    { kind: 'cidr', value: '2001:db8::/64' },
  ])
  expect(selectorsOf('principal', about)).toEqual([{ kind: 'user', value: 'u_1' }])
  expect(selectorsOf('endpoint', about)).toEqual([{ kind: 'endpoint', value: 'POST /login' }])
  expect(selectorsOf('service', about)).toEqual([{ kind: 'service', value: 'api.shop.test' }])
  expect(addressSelector('::ffff:10.0.0.0/104')).toBeNull()
})
