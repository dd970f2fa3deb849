import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fakeHead } from '../../test/payload/fake-head.ts'
import { Counters } from '../telemetry/counters.ts'
import { PAYLOAD_CHECKS } from './checks.ts'
import { NO_EVIDENCE, type PayloadCheck } from './payload.ts'
import { PayloadScanner } from './scanner.ts'

/** Finds the word itself. */
const check: PayloadCheck = {
  class: 'jndi',
  literals: ['jndi:ldap'],
  side: 'request',
  check: ({ text }) => {
    const at = text.toLowerCase().indexOf('jndi:ldap')
    return at < 0 ? NO_EVIDENCE : [{ rule: 'jndi.word', logOdds: 9, excerpt: text.slice(at, at + 9), tokens: 'w' }]
  },
}

const counters = new Counters()
const scanner = new PayloadScanner([check], counters)
const suspects = (text: string) => scanner.suspects(Buffer.from(text, 'latin1'), 0, text.length)

test('clean bytes are passed over; every way of hiding the literal is looked at', () => {
  expect(suspects('GET /v1/orders/1042?q=a+b%20c HTTP/1.1')).toBe(false)
  for (const hidden of ['JnDi:LdAp', '%6andi:ldap', '%256andi', '&#106;ndi', '\\u006andi']) {
    expect(suspects(`q=${hidden}`), hidden).toBe(true)
  }
  for (let before = 0; before < 3; before++) {
    const encoded = Buffer.from(`${'x'.repeat(before)}jndi:ldap://a`).toString('base64')
    expect(suspects(encoded), encoded).toBe(true)
  }
})

test('findings name the field, what was taken off, and the piece', () => {
  const found = scanner.request(
    fakeHead('GET', '/?q=%25%36%61ndi:ldap', [['X-Api-Version', 'am5kaTpsZGFwOi8vYQ==']]),
    '',
  )
  expect(found).toMatchObject([
    {
      class: 'jndi',
      rule: 'jndi.word',
      field: 'query:q',
      logOdds: 9,
      layers: ['percent', 'percent'],
      excerpt: 'jndi:ldap',
      tokens: 'w',
    },
    {
      class: 'jndi',
      rule: 'jndi.word',
      field: 'header:x-api-version',
      logOdds: 9,
      layers: ['base64'],
      excerpt: 'jndi:ldap',
      tokens: 'w',
    },
  ])
})

test('far inside a long value it is found, too', () => {
  const body = `a=${'x'.repeat(30_000)}jndi:ldap`
  const form = fakeHead('POST', '/', [['Content-Type', 'application/x-www-form-urlencoded']])
  expect(scanner.request(form, body)).toHaveLength(1)
})

test('more than it looks at is counted', () => {
  const value = Array.from({ length: 8 }, () => `${'x'.repeat(8000)}jndi:ldap`).join('')
  scanner.request(fakeHead('POST', '/', [['Content-Type', 'application/x-www-form-urlencoded']]), `a=${value}`)
  expect(counters.entries()).toContainEqual(['payload.value_cut', 1])
})

test('text that is read as bytes is judged like text that is not: one character that is no ASCII makes no difference', () => {
  const shipped = new PayloadScanner(PAYLOAD_CHECKS, counters)
  const piece = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      "' or 1=1",
      '<script>',
      '\\n',
      '\n',
      '\\u0027',
      '%27',
      '../../etc',
      'am5kaTpsZGFwOi8vYQ==',
      'java.lang.',
      '&#106;',
    ),
  )
  const text = fc
    .tuple(fc.constantFrom('', '{', '['), fc.array(piece, { maxLength: 6 }))
    .map(([first, rest]) => first + rest.join(''))
  fc.assert(
    fc.property(text, (each) => {
      expect(shipped.suspectsText(each)).toBe(shipped.suspectsText(`${each}é`))
      if (!shipped.suspectsAnswerText(each, 30)) expect(shipped.response(each.slice(0, 30))).toEqual([])
    }),
    { numRuns: 500 },
  )
  expect(shipped.suspectsAnswerText(`${'x'.repeat(20)} at java.lang.Thread.run(Thread.java:748)`, 60)).toBe(true)
})
