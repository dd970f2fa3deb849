import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyedTable } from '../../analyzers/baselines/keyed-table.ts'
import { BoundedMap } from '../identity/bounded-map.ts'
import { type Linked, RecencyList } from './recency-list.ts'

class Member implements Linked<Member> {
  readonly name: number
  older: Member | null = null
  newer: Member | null = null

  constructor(name: number) {
    this.name = name
  }
}

test('the order is that of a list that moves what is used to its end', () => {
  const step = fc.record({ action: fc.constantFrom('append', 'remove', 'refresh'), name: fc.nat(7) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const list = new RecencyList<Member>()
      const members = Array.from({ length: 8 }, (_, name) => new Member(name))
      const model: number[] = []
      for (const { action, name } of steps) {
        const at = model.indexOf(name)
        const member = members[name]!
        if (action === 'append' && at < 0) {
          list.append(member)
          model.push(name)
        } else if (action !== 'append' && at >= 0) {
          model.splice(at, 1)
          if (action === 'refresh') {
            list.refresh(member)
            model.push(name)
          } else list.remove(member)
        }
      }
      const order: number[] = []
      for (let member = list.oldest; member !== null; member = member.newer) order.push(member.name)
      expect(order).toEqual(model)
    }),
  )
})

/** CPU of `work`, the least of three, in microseconds. */
function cost(work: () => void): number {
  return Math.min(
    ...[0, 1, 2].map(() => {
      const before = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(before)
      return user + system
    }),
  )
}

test.each([
  ['BoundedMap', (keys: number) => void flood(new BoundedMap<string, number>(100_000), keys)],
  ['KeyedTable', (keys: number) => void use(new KeyedTable<object>(100_000, () => ({})), keys)],
])('new keys over a full %s cost the same however many came before', (_, fill) => {
  // What is dropped must be found at once, not behind all that was dropped before it.
  expect(cost(() => fill(600_000))).toBeLessThan(10 * cost(() => fill(150_000)))
})

function flood(map: BoundedMap<string, number>, keys: number): void {
  for (let key = 0; key < keys; key++) map.set(`key ${key}`, key)
}

function use(table: KeyedTable<object>, keys: number): void {
  for (let key = 0; key < keys; key++) table.use(`key ${key}`)
}
