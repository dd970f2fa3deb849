import { expect, test } from 'vitest'
import { type Held, Quarantine } from './quarantine.ts'

const CALLERS = ['a', 'b', 'c', 'd']

test('what is left is what a list without the dropped would hold, in its order', () => {
  const quarantine = new Quarantine<number>(100)
  let list: Held<number>[] = []
  let evicted = 0
  let random = 7
  const next = (below: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
    return (random >>> 8) % below
  }
  for (let i = 0; i < 20_000; i++) {
    const step = next(400)
    const before = list.length
    if (step === 0) {
      const caller = CALLERS[next(4)]!
      expect(quarantine.takeCaller(caller)).toEqual(list.filter((held) => held.caller === caller))
      list = list.filter((held) => held.caller !== caller)
    } else if (step === 1) {
      const since = i - next(30)
      list = list.filter((held) => held.at < since)
      expect(quarantine.dropSince(since)).toBe(before - list.length)
    } else if (step < 150) {
      expect(quarantine.oldestAt).toBe(list[0]?.at ?? null)
      expect(quarantine.shift()).toEqual(list.shift() ?? null)
    } else {
      const held = { caller: CALLERS[next(4)]!, voter: `v${i % 9}`, at: i, summary: i }
      quarantine.push(held.caller, held.voter, held.at, held.summary)
      list.push(held)
      if (list.length > 100) {
        list.shift()
        evicted++
      }
    }
    expect(quarantine.length).toBe(list.length)
  }
  expect([...quarantine]).toEqual(list)
  expect(quarantine.evicted).toBe(evicted)
  expect(evicted).toBeGreaterThan(100)
})

test('incidents of as many callers as wait cost what they drop, not what waits', () => {
  const quarantine = new Quarantine<null>(65_536)
  for (let i = 0; i < 65_536; i++) quarantine.push(`caller ${i}`, 'v', i, null)
  const began = process.cpuUsage()
  for (let i = 0; i < 65_536; i++) expect(quarantine.takeCaller(`caller ${i % 60_000}`).length).toBe(i < 60_000 ? 1 : 0)
  expect(quarantine.length).toBe(5536)
  // A search of everything for each of them took minutes.
  expect(process.cpuUsage(began).user).toBeLessThan(1_500_000)
})
