import { expect, test } from 'vitest'
import { START, transaction, user } from '../../../test/conformance/traffic.ts'
import { sourceOf } from './source-name.ts'

const mark = { kind: 'login', field: 'header:authorization', account: 'hmac:victim', guess: 'new' } as const

test('behind two hops the source is who asked the first of them, not the hop that all have in common', () => {
  const tx = transaction({
    time: START,
    principal: user('victim').principal,
    clientIp: '10.0.0.5',
    forwarded: ['10.0.0.9', '203.0.113.7'],
  })
  expect(sourceOf(tx, mark)).toEqual({
    key: '203.0.113.7',
    kind: 'ip',
    shown: '203.0.113.7',
    voter: '203.0.113',
  })
})
