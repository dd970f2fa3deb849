import { expect, test } from 'vitest'
import { createLogger } from './log.ts'

function logger(now: () => number = () => 0) {
  const records: Record<string, unknown>[] = []
  return { log: createLogger('debug', { write: (line) => void records.push(JSON.parse(line)) }, now), records }
}

test('a record has the level as a word and the time as RFC 3339', () => {
  const { log, records } = logger()
  log.info({ interface: 'eth1' }, 'capture started')
  expect(records).toEqual([
    { level: 'info', time: '1970-01-01T00:00:00.000Z', interface: 'eth1', msg: 'capture started' },
  ])
})

test('keys that could carry a secret are redacted, one level down too', () => {
  const { log, records } = logger()
  log.warn({ token: 'made-up', request: { authorization: 'Bearer made-up' } }, 'odd')
  expect(JSON.stringify(records)).not.toContain('made-up')
})

test('a repeated warning is held back after five a minute, and the next minute says how many were', () => {
  let now = 0
  const { log, records } = logger(() => now)
  for (let i = 0; i < 100; i++) log.warn('the source stalls')
  log.error('another')
  expect(records.map((record) => record.msg)).toEqual([...Array(5).fill('the source stalls'), 'another'])
  now = 60_000
  log.warn('the source stalls')
  expect(records.slice(-2)).toMatchObject([{ msg: 'the source stalls' }, { heldBack: 95 }])
})

test('information is never held back', () => {
  const { log, records } = logger()
  for (let i = 0; i < 20; i++) log.info('incident opened')
  expect(records).toHaveLength(20)
})
