import { expect, test } from 'vitest'
import { hashText } from '../../analyzers/baselines/lookup-hash.ts'
import { MainCalls, type Operation } from './main-calls.ts'

const operation = (service: string, endpoint: string): Operation => ({ service, endpoint, hash: hashText(endpoint) })
const of = (path: string) => operation('a.test', `GET ${path}`)

test('what a caller asks most is named with its share, the rest is not', () => {
  const calls = new MainCalls()
  for (let i = 0; i < 100; i++) calls.add(of(i % 10 < 6 ? '/orders' : i % 10 < 9 ? '/items' : `/rare/${i}`))
  expect(calls.list()).toEqual([
    { service: 'a.test', endpoint: 'GET /orders', share: 0.6 },
    { service: 'a.test', endpoint: 'GET /items', share: 0.3 },
  ])
})

test('of a flood of operations nothing is named that was not asked so often, and eight places are kept', () => {
  const calls = new MainCalls()
  for (let i = 0; i < 5000; i++) calls.add(of(i % 5 === 0 ? '/orders' : `/made-up/${i}`))
  for (const { endpoint, share } of calls.list()) {
    expect(endpoint).toBe('GET /orders')
    expect(share).toBeLessThanOrEqual(0.2)
  }
  expect(calls.toState()[1]).toHaveLength(8)
})

test('it goes on from what was kept as if it had never stopped', () => {
  const path = (i: number) => of(`/${(i * i) % 11}`)
  const whole = new MainCalls()
  const first = new MainCalls()
  for (let i = 0; i < 60; i++) {
    whole.add(path(i))
    first.add(path(i))
  }
  const second = new MainCalls()
  second.restore(first.toState(), operation)
  for (let i = 60; i < 120; i++) {
    whole.add(path(i))
    second.add(path(i))
  }
  expect(second.toState()).toEqual(whole.toState())
  expect(second.list()).toEqual(whole.list())
})
