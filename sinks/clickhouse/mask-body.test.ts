import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maskBody } from './mask-body.ts'

test.each([
  ['{"email":"ada.l+x@mail.example.org","id":7}', '{"email":"masked-email","id":7}'],
  ['write to ada@example.org.', 'write to masked-email.'],
  ['a@b.co,c@d.eu', 'masked-email,masked-email'],
  ['mail%40example.org', 'mail%40example.org'],
  ['user@localhost', 'user@localhost'],
  ['@example.org and a@', '@example.org and a@'],
  ['{"phone":"+49 (30) 901820"}', '{"phone":"masked-phone"}'],
  ['"+14155552671"', '"masked-phone"'],
  ['total=12+34567890', 'total=12+34567890'],
  ['+123 and +1234567890123456', '+123 and +1234567890123456'],
  ['"iban":"DE89370400440532013000"', '"iban":"masked-iban"'],
  ['"GB82WEST12345698765432"', '"masked-iban"'],
  ['"DE89370400440532013001"', '"DE89370400440532013001"'],
  ['ID00ABCDEFGHIJKLMNOP', 'ID00ABCDEFGHIJKLMNOP'],
])('%s', (text, expected) => {
  expect(maskBody(text)).toBe(expected)
})

test('no address is left, whatever stands around it, and JSON stays JSON', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/)
  fc.assert(
    fc.property(word, word, fc.jsonValue(), fc.jsonValue(), (local, host, before, after) => {
      const json = JSON.stringify({ before, mail: `${local}@${host}.test`, after })
      const masked = maskBody(json)
      expect(masked).not.toContain(`"${local}@${host}.test"`)
      expect(() => JSON.parse(masked)).not.toThrow()
    }),
  )
})

test('hostile text costs no more than its length', () => {
  for (const piece of ['@', '+', 'a@', '+1-', 'AA00', 'a.', '+1 2 ']) {
    const startedMs = performance.now()
    maskBody(piece.repeat(1_000_000 / piece.length))
    expect(performance.now() - startedMs).toBeLessThan(1500)
  }
})
