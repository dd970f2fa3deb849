import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Transaction } from '../../../daemon/model/transaction.ts'
import { transaction } from '../../../test/conformance/traffic.ts'
import { NO_ROW } from '../../baselines/place-rows.ts'
import { Place, Places } from '../../baselines/places.ts'
import { EvidenceTrail } from '../../finding.ts'
import { unpackId } from '../../packed-id.ts'
import { Caller } from './caller.ts'
import { Reach } from './reach.ts'
import { ANSWERED, MAX_REACHES_PER_CALLER, ReachColumns } from './reach-columns.ts'

const PLACES = Array.from({ length: 30 }, (_, i) => new Place('shop', `GET /things-${i}/{id}`, 0))

interface Expected {
  readonly place: Place
  at: number
  readonly numbers: number[]
  readonly trail: EvidenceTrail
}

/** With an id of our own making, or of somebody else's. */
function transactionAt(now: number, id: number): Transaction {
  const time = 1.7e15 + now
  return transaction({ time, id: id % 4 === 0 ? `other ${now}` : unpackId(time, now, id), status: id })
}

const step = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({
      who: fc.nat(3),
      where: fc.oneof(fc.constant(0), fc.nat(PLACES.length - 1)),
      id: fc.nat(200),
    }),
  },
  { weight: 1, arbitrary: fc.record({ gone: fc.nat(3) }) },
)

test('the rows of callers hold what lists of their own would, whoever leaves in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const columns = new ReachColumns(1)
      const reach = new Reach(columns)
      const callers = Array.from({ length: 4 }, () => new Caller())
      const expected = callers.map(() => [] as Expected[])
      for (const [now, each] of steps.entries()) {
        if ('gone' in each) {
          columns.evicted(callers[each.gone]!)
          expected[each.gone] = []
          continue
        }
        const place = PLACES[each.where]!
        const held = expected[each.who]!
        let one = held.find((known) => known.place === place)
        if (one === undefined) {
          if (held.length >= MAX_REACHES_PER_CALLER) {
            const oldest = held.reduce((found, known) => (known.at < found.at ? known : found))
            held.splice(held.indexOf(oldest), 1)
          }
          one = { place, at: 0, numbers: [], trail: new EvidenceTrail() }
          held.push(one)
        }
        reach.at(columns.rowOf(callers[each.who]!, place))
        const tx = transactionAt(now, each.id)
        if (each.id > 195) expect(reach.takeEvidence()).toEqual(one.trail.take())
        reach.addEvidence(tx)
        one.trail.add(tx)
        if (reach.see(each.id, true) === 0) continue
        reach.touch(now + 1)
        reach.raise(ANSWERED, 1)
        reach.isNeighbour([String(each.id)])
        one.at = now + 1
        one.numbers.push(each.id)
      }
      for (const [i, caller] of callers.entries()) {
        const rows = rowsOf(columns, caller)
        expect(rows.map((row) => columns.places[row])).toEqual(expected[i]!.map(({ place }) => place))
        for (const [at, row] of rows.entries()) {
          const { numbers, trail } = expected[i]![at]!
          const state = reach.at(row).toState()
          expect(state[3][0]).toEqual(numbers.slice(-64))
          expect(state[7]).toEqual([false, trail.toState()])
          if (reach.exact) expect([reach.answered, reach.total]).toEqual([numbers.length, numbers.length])
        }
        const kept = caller.toState(columns)
        const again = new ReachColumns(1)
        expect(Caller.fromState(kept, new Places(), again).toState(again)).toEqual(kept)
      }
    }),
    { numRuns: 15 },
  )
})

test('what a caller leaves behind is used again', () => {
  const columns = new ReachColumns(1)
  const reach = new Reach(columns)
  for (let round = 0; round < 60; round++) {
    const caller = new Caller()
    for (const place of PLACES) {
      reach.at(columns.rowOf(caller, place))
      for (let id = 0; id < 10; id++) {
        reach.see(id, true)
        reach.isNeighbour([String(id)])
        reach.addEvidence(transactionAt(round, id))
      }
    }
    columns.evicted(caller)
  }
  expect(columns.places.length).toBe(MAX_REACHES_PER_CALLER)
  expect(columns.lists.numbers.length).toBeLessThanOrEqual(4096)
})

function rowsOf(columns: ReachColumns, { first }: Caller): number[] {
  const rows: number[] = []
  for (let row = first; row !== NO_ROW; row = columns.next(row)) rows.push(row)
  return rows
}
