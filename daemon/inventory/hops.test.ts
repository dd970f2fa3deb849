import { expect, test } from 'vitest'
import { fakeExchange, fakeTelemetry } from '../../test/fake-exchange.ts'
import { TEST_KEY } from '../identity/privacy-key.ts'
import { IDENTITY_DEFAULTS, Recorder } from '../identity/recorder.ts'
import type { Transaction } from '../model/transaction.ts'
import { HopTally } from './hops.ts'

function tallying() {
  const hops = new HopTally()
  const recorder = new Recorder({
    ...{ key: TEST_KEY, options: IDENTITY_DEFAULTS, bodies: false, telemetry: fakeTelemetry() },
    emit: (tx: Transaction) => hops.observe(tx),
  })
  const send = (client: string, list: string) =>
    recorder.exchange(fakeExchange({ client, headers: [['X-Forwarded-For', list]] }))
  return { hops, send }
}

test('an edge in front of a trusted hop that nobody named is a hop that is not believed', () => {
  const { hops, send } = tallying()
  for (let i = 0; i < 3; i++) send('10.0.0.7', `198.51.100.${i}, 192.0.2.19`)
  send('10.0.0.7', '198.51.100.9')
  expect(hops.list()).toEqual([
    { address: '10.0.0.7', trust: 'default', requests: 4 },
    { address: '192.0.2.19', trust: 'none', requests: 3 },
  ])
})

test('a flood of liars pushes out liars, and no hop', () => {
  const { hops, send } = tallying()
  for (let i = 0; i < 100; i++) send('10.0.0.7', `198.51.100.9, 192.0.2.19`)
  for (let i = 0; i < 2000; i++) send('10.0.0.7', `198.51.100.9, 203.0.${i >> 8}.${i & 255}`)
  const list = hops.list()
  expect(list).toHaveLength(64)
  expect(list.slice(0, 2)).toEqual([
    { address: '10.0.0.7', trust: 'default', requests: 2100 },
    { address: '192.0.2.19', trust: 'none', requests: 100 },
  ])
})
