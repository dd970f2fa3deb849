import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TEST_KEY } from './privacy-key.ts'
import { Pseudonyms } from './pseudonym.ts'
import { redactBody } from './redact-body.ts'
import { redactJson, unescapeJson } from './redact-json.ts'
import { secrecyOf } from './secret-names.ts'

const pseudonyms = new Pseudonyms(TEST_KEY)
const VALUE = 'made-up value'

const name = fc.oneof(
  fc.constantFrom(
    'password',
    'passwore',
    'cardnumber',
    'token',
    'tokem',
    'notes',
    'pass\\u0077ord',
    'p\\u0061ss',
    'tökén',
  ),
  fc.stringMatching(/^[a-z]{1,3}$/),
  fc.stringMatching(/^[a-z_]{60,130}$/),
)

test('whether a value is hidden depends on its own name, whatever names came before', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 40 }), (names) => {
      for (const each of names) {
        const hidden = !redactJson(`{"${each}":"${VALUE}"}`, 'request', pseudonyms).includes(VALUE)
        const secrecy = secrecyOf(unescapeJson(each))
        expect([each, hidden]).toEqual([each, secrecy === 'token' || secrecy === 'erase'])
      }
    }),
  )
})

test.each([
  [`{"pin' OR '1'='1":"${VALUE}"}`, 'application/json'],
  [`pin%27+OR+1=${VALUE}&a=1`, 'application/x-www-form-urlencoded'],
  [`pin');DROP TABLE x--=${VALUE}&a=1`, 'application/x-www-form-urlencoded'],
  [`<a><user id="1" password="${VALUE}"/></a>`, 'application/xml'],
  [`<a><s:password>x<b>y</b>${VALUE}</s:password></a>`, 'application/xml'],
])('what stands behind a secret name that has more behind it, or in a tag, does not stay: %s', (body, type) => {
  const redacted = redactBody(body, type, 'request', pseudonyms)
  expect(redacted).not.toContain(VALUE)
  expect(redactBody(body.replace(/pin|password/g, 'notes'), type, 'request', pseudonyms)).toContain(VALUE)
})
