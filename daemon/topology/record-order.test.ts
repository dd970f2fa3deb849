import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OrderLane, RecordOrder } from './record-order.ts'

interface Arrived {
  readonly clock: number
  readonly lane: number
  /** Lets go of what is earlier than the latest, less this. */
  readonly flush: number | null
}

const arrived: fc.Arbitrary<Arrived> = fc.record({
  clock: fc.integer({ min: 0, max: 40 }),
  lane: fc.integer({ min: 0, max: 3 }),
  flush: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, fc.integer({ min: 0, max: 20 })),
})

test('whatever lane they come from, and in order there or not, the earliest goes first, and the first of equals', () => {
  fc.assert(
    fc.property(fc.array(arrived, { maxLength: 200 }), (arrivals) => {
      const out: string[] = []
      const expected: string[] = []
      let held: { clock: number; name: string; number: number }[] = []
      const leave = (before: number) => {
        const due = held.filter(({ clock }) => clock < before)
        held = held.filter(({ clock }) => clock >= before)
        due.sort((a, b) => a.clock - b.clock || a.number - b.number)
        expected.push(...due.map(({ name }) => name))
      }
      const lanes = Array.from({ length: 4 }, () => new OrderLane<string>())
      const order = new RecordOrder<string>((name) => out.push(name))
      for (const [number, { clock, lane, flush }] of arrivals.entries()) {
        const name = `${lane}:${number}`
        order.push(name, clock, 10, lanes[lane]!)
        held.push({ clock, name, number })
        if (flush === null) continue
        const before = order.latest - flush
        order.flush(before)
        leave(before)
      }
      expect(order.held).toBe(held.length)
      order.flush()
      leave(Number.POSITIVE_INFINITY)
      expect(out).toEqual(expected)
      expect(order.held).toBe(0)
    }),
  )
})
