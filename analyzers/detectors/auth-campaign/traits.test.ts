import { expect, test } from 'vitest'
import { START, transaction } from '../../../test/conformance/traffic.ts'
import { sourceOf } from '../auth-bruteforce/source-name.ts'
import { traitsOf } from './traits.ts'

const mark = { kind: 'login', field: 'body:/password', account: 'hmac:a', guess: 'new' } as const
const attempt = (more: object) => {
  const tx = transaction({
    time: START,
    principal: { kind: 'ip', id: '198.51.100.7', display: '198.51.100.7', via: 'peer', app: null },
    requestHeaders: [['User-Agent', 'curl/8.11.0']],
    ...more,
  })
  return traitsOf(tx, mark, sourceOf(tx, mark)).map(({ text }) => text)
}

test('attempts from the networks of one operator have that in common, before anything their programs have', () => {
  expect(attempt({ asn: { number: 64_498, organisation: 'Example Hosting' } }).slice(0, 4)).toEqual([
    'source 198.51.100.7',
    'network 198.51.100',
    'networks of AS64498 Example Hosting',
    'user agent curl/8.11.0',
  ])
  for (const asn of [undefined, null]) expect(attempt({ asn }).join()).not.toContain('networks of')
})

test('where a log has the fingerprint of the handshake, it is one of them', () => {
  const ja4 = 't13d1516h2_8daaf6152771_02713d6af862'
  expect(attempt({ tls: { sni: null, ja4 } })).toContain(`TLS fingerprint (JA4) ${ja4}`)
  expect(attempt({}).join()).not.toContain('JA4')
})
