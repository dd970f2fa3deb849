import { expect, test } from 'vitest'
import { FakeHead } from '../../test/fake-exchange.ts'
import type { Header } from '../model/transaction.ts'
import { CERTIFICATE_HEADERS, CertificateReader, isRefusedCertificate } from './certificate.ts'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'

const reader = new CertificateReader([...CERTIFICATE_HEADERS, 'Ssl-Client-Subject-Dn'], new Pseudonyms(TEST_KEY))

function displayOf(...headers: readonly Header[]): string | null {
  const header = reader.headerOf(new FakeHead('GET', '/', 0, headers))
  return header === null ? null : (reader.read(header, 'configured')?.principal.display ?? null)
}
const xfcc = (value: string): Header => ['X-Forwarded-Client-Cert', value]

test('Envoy: the URI, else the subject, of what the nearest proxy saw', () => {
  expect(
    displayOf(xfcc('By=spiffe://a/b;Hash=0a1b;Subject="CN=web,O=\\"x;y\\"";URI=spiffe://mesh/ns/shop/sa/web')),
  ).toBe('spiffe://mesh/ns/shop/sa/web')
  expect(displayOf(xfcc('Hash=0a;Subject="CN=billing,OU=a;b,O=Shop"'))).toBe('billing')
  expect(displayOf(xfcc('URI=spiffe://mesh/forged,By=x;URI=spiffe://mesh/edge'))).toBe('spiffe://mesh/edge')
  expect(displayOf(xfcc('URI=spiffe://mesh/forged,Hash=0b'))).toBeNull()
  expect(displayOf(xfcc('URI=spiffe://mesh/forged'), xfcc('URI=spiffe://mesh/edge'))).toBe('spiffe://mesh/edge')
})

test('nginx and HAProxy: the subject; none, a refused one and a huge one name nobody', () => {
  const dn = (value: string): Header => ['ssl-client-subject-dn', value]
  expect(displayOf(dn('CN=partner-7,O=Acme'))).toBe('partner-7')
  expect(displayOf(dn('/C=DE/O=Acme/CN=partner-7'))).toBe('partner-7')
  for (const none of ['', '-', '(null)', 'x'.repeat(513), `CN=${'y'.repeat(9000)}`])
    expect(displayOf(dn(none))).toBeNull()
  const refused = (value: string | null) =>
    isRefusedCertificate((name) => (name === 'ssl-client-verify' ? value : null))
  expect([null, 'SUCCESS', '0', 'NONE', 'FAILED:expired', '21'].map(refused)).toEqual([
    false,
    false,
    false,
    true,
    true,
    true,
  ])
})

test('a name that is an e-mail address stays hidden; one subject is one caller, and how it was trusted shows', () => {
  const mail = reader.read({ name: 'ssl-client-subject-dn', value: 'CN=jo@shop.test' }, 'configured')!
  expect(mail.principal).toMatchObject({
    kind: 'consumer',
    via: 'certificate',
    display: expect.stringMatching(/^hmac:/),
  })
  const other = reader.read({ name: 'x-forwarded-client-cert', value: 'Subject="CN=jo@shop.test"' }, 'default')!
  expect(other.principal).toMatchObject({ id: mail.principal.id, via: 'certificate.default' })
})

test.each(['', '=', ';;;', ',,,', 'Subject="', 'URI="\\', `${'a='.repeat(4000)}`, `Subject="${'\\"'.repeat(4000)}`])(
  'hostile value %#: ends, and names nobody',
  (value) => {
    expect(displayOf(xfcc(value))).toBeNull()
  },
)
