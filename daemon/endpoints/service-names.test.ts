import { expect, test } from 'vitest'
import type { Transaction } from '../model/transaction.ts'
import { ServiceNames, type ServiceRule } from './service-names.ts'

const RULES: readonly ServiceRule[] = [
  { name: 'admin', hosts: ['admin.shop.test', '*:8443'] },
  { name: 'shop', hosts: ['shop.test', '*.shop.test', '10.0.0.5:8080', '[2001:db8::5]'] },
]

test.each([
  ['api.shop.test', 'shop'],
  ['API.Shop.Test:8080', 'shop'],
  ['shop.test', 'shop'],
  ['admin.shop.test', 'admin'],
  ['other.test:8443', 'admin'],
  ['10.0.0.5:8080', 'shop'],
  ['10.0.0.5:8081', '10.0.0.5:8081'],
  ['[2001:db8::5]:81', 'shop'],
  ['notshop.test', 'notshop.test'],
  ['shop.test.evil.test', 'shop.test.evil.test'],
])('%s is of the service %s, the first time and later', (host, service) => {
  const names = new ServiceNames(RULES, 16)
  for (const scheme of ['http', 'https', 'http']) expect(names.of({ host, scheme } as Transaction)).toBe(service)
})

test('without a host that is one, the address and port count', () => {
  const names = new ServiceNames(RULES, 16)
  const tx = { host: '<none>', scheme: 'http', serverIp: '10.0.0.5', serverPort: 8080 }
  expect(names.of(tx as Transaction)).toBe('shop')
  expect(names.of({ ...tx, serverPort: 9 } as Transaction)).toBe('10.0.0.5:9')
})

test('made-up hosts push one another out', () => {
  const names = new ServiceNames(RULES, 4)
  for (let i = 0; i < 1000; i++) names.of({ host: `h${i}.test`, scheme: 'https' } as Transaction)
  expect(names.of({ host: 'api.shop.test', scheme: 'https' } as Transaction)).toBe('shop')
})
