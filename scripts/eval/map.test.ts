import { expect, test } from 'vitest'
import { HOUR_US } from '../../daemon/model/time.ts'
import { attackNamed } from '../../world/attacks/registry.ts'
import { scheduled } from '../../world/plan.ts'
import { DEFAULT_START_US, World } from '../../world/world.ts'
import { MapJudge } from './map-score.ts'
import { Pairs } from './pairs.ts'
import { judgePackets, judgeRecords } from './run-world.ts'
import { Templates } from './templates.ts'

test('pairs put together by both partitions count, and no others', () => {
  const pairs = new Pairs()
  for (const [actor, principal] of ['aA', 'aA', 'aB', 'bB'].map((each) => [...each] as [string, string]))
    pairs.add(actor, principal)
  // Real pairs: 3 of a. Found: 1 of A, 1 of B. Both: 1.
  expect(pairs.score()).toEqual({ precision: 1 / 2, recall: 1 / 3, f1: 0.4 })
  expect(pairs.merges()).toEqual([{ principal: 'B', actors: 2, wrong: 1 }])
  expect(pairs.splits()).toEqual([{ actor: 'a', principals: ['A', 'B'], wrong: 1 }])
})

test('templates are the same whatever their segments are called', () => {
  const templates = new Templates()
  templates.add('shop', 'GET /a/{order}/b/{item}', 'GET /a/{id}/b/{id2}')
  templates.add('shop', 'GET /a/{order}/b/{item}', 'GET /a/red/b/{id}')
  templates.add('shop', 'GET /a/{order}/b/{item}', null)
  expect(templates.share).toBe(1 / 3)
  expect(templates.underMerges()[0]!.wrong).toBe(2)
  expect(templates.overMerges()[0]!.name).toBe('shop GET /a/red/b/{id}')
})

const NOISE = ['scan.probing', 'scan.probing.refused'] as const

function exchangesOf(world: World, most: number, order: 'end' | 'start') {
  const days = most / 40 / 86_400
  const wanted = NOISE.map((name) => ({ attack: attackNamed(name)!, intensity: 'moderate' as const }))
  const startUs = DEFAULT_START_US + 8 * HOUR_US
  return world.run({ startUs, days: 2 * days, rate: 40, most, order, assaults: scheduled(wanted, 'x', startUs, days) })
}

test('endpoints of a world are found, none is made of probing, and no secret comes out', async () => {
  const world = new World({ seed: 'short', users: 1500 })
  const judge = new MapJudge(6000, world.secrets.traces)
  await judgeRecords(exchangesOf(world, 12_000, 'end'), 'short', (transaction, truth) => judge.take(transaction, truth))
  const score = judge.score()
  expect(score.templates.share).toBeGreaterThanOrEqual(0.985)
  expect(score.junk).toEqual([])
  expect(score.leaks).toBe(0)
  expect(score.principals.score().precision).toBeGreaterThan(0.8)
})

test('packets and records of the same traffic give the same endpoints', async () => {
  const seen = async (packets: boolean): Promise<Map<string, number>> => {
    const world = new World({ seed: 'both', users: 400 })
    const counts = new Map<string, number>()
    const take: Parameters<typeof judgePackets>[1] = ({ endpoint, principal }) => {
      const key = `${endpoint} ${principal.kind}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    const exchanges = exchangesOf(world, 2500, packets ? 'start' : 'end')
    await (packets ? judgePackets(exchanges, take) : judgeRecords(exchanges, 'both', take))
    return counts
  }
  const records = await seen(false)
  const packets = await seen(true)
  const total = [...records.values()].reduce((sum, count) => sum + count, 0)
  let same = 0
  for (const [key, count] of records) same += Math.min(count, packets.get(key) ?? 0)
  // The two runs hold the same requests but for the last few, which end in another order.
  expect(same / total).toBeGreaterThan(0.99)
})
