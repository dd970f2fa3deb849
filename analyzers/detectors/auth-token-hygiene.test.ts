import { expect, test } from 'vitest'
import type { Signal } from '../../daemon/model/signal.ts'
import { MINUTE_US } from '../../daemon/model/time.ts'
import { order, play, START } from '../../test/conformance/traffic.ts'
import { authTokenHygiene } from './auth-token-hygiene.ts'

test('each client that puts a credential into the URL is named once, and again after an hour', () => {
  const shown = (minute: number, name: string) => ({
    ...order(START + minute * MINUTE_US, name, 1),
    query: 'page=1&access_token=hmac:1',
  })
  const detector = authTokenHygiene.create(authTokenHygiene.options.parse({}))
  const signals: Signal[] = []
  const list = [shown(0, 'ada'), shown(1, 'ada'), shown(2, 'ben'), shown(3, 'ben'), shown(70, 'ada')]
  play(list, detector, (signal) => signal !== null && signals.push(signal))
  expect(signals.map(({ evidence }) => [evidence['requests'], evidence['callers'], evidence['seen_from']])).toEqual([
    [1, 1, ['ada']],
    [3, 2, ['ben']],
    [5, 2, ['ada']],
  ])
})
