import { expect, test } from 'vitest'
import { KeyedTable, type TableRow } from './keyed-table.ts'

const LIMIT = 40
const MOST_RESIDENTS = 30
const PROTECT_AFTER = 4

interface Slot {
  readonly key: string
  readonly value: { readonly made: number }
  uses: number
  touched: boolean
}

/** What the table promises, as plain lists in the order in which their members leave. */
class Model {
  residents: Slot[] = []
  newcomers: Slot[] = []
  readonly gone: unknown[] = []
  #made = 0

  use(key: string): Slot['value'] {
    const resident = this.residents.find((slot) => slot.key === key)
    if (resident !== undefined) {
      resident.touched = true
      return resident.value
    }
    let slot = this.newcomers.find((each) => each.key === key)
    if (slot === undefined) {
      if (this.residents.length + this.newcomers.length >= LIMIT) {
        if (this.newcomers.length > 0) this.gone.push(this.newcomers.shift()!.value)
        else this.#evictResident()
      }
      slot = { key, value: { made: ++this.#made }, uses: 0, touched: false }
      this.newcomers.push(slot)
    }
    if (++slot.uses >= PROTECT_AFTER) {
      this.newcomers = this.newcomers.filter((each) => each !== slot)
      if (this.residents.length >= MOST_RESIDENTS) this.#evictResident()
      this.residents.push(slot)
    }
    return slot.value
  }

  entries(): unknown[] {
    const of = (isResident: boolean) => (slot: Slot) => [isResident, slot.key, slot.uses, slot.touched, slot.value]
    return [...this.residents.map(of(true)), ...this.newcomers.map(of(false))]
  }

  #evictResident(): void {
    for (let tries = 0; tries < 8 && this.residents[0]!.touched; tries++) {
      const first = this.residents.shift()!
      first.touched = false
      this.residents.push(first)
    }
    this.gone.push(this.residents.shift()!.value)
  }
}

/** A generator of whole numbers below a bound, the same in every run. */
function numbers(): (below: number) => number {
  let random = 7
  return (below) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0
    return (random >>> 8) % below
  }
}

test('keys come, stay and leave as they would in plain lists, by key and by row', () => {
  const next = numbers()
  const model = new Model()
  const gone: unknown[] = []
  let made = 0
  const newTable = () =>
    new KeyedTable<{ readonly made: number }>(
      LIMIT,
      () => ({ made: ++made }),
      { addTable: () => 0 },
      { evicted: (value) => gone.push(value) },
    )
  let table = newTable()
  let rows = new Map<string, TableRow>()
  const rowOf = (key: string) => {
    const row = rows.get(key) ?? { key, values: [null] }
    rows.set(key, row)
    return row
  }
  const entries = () => [...table.entries((value) => value)]
  for (let i = 0; i < 30_000; i++) {
    // Times of more busy keys than there is room for, and of a flood.
    const key = `k${i % 3000 < 1000 ? next(45) : next(10) < 7 ? next(25) : next(5000)}`
    expect(next(3) === 0 ? table.use(key) : table.useOf(rowOf(key))).toEqual(model.use(key))
    expect(table.size).toBe(model.residents.length + model.newcomers.length)
    if (i % 97 === 0) expect(entries()).toEqual(model.entries())
    if (i % 9000 !== 8999) continue
    const kept = entries()
    table = newTable()
    rows = new Map()
    for (const entry of kept) table.restore(entry, entry[4] as { readonly made: number })
    expect(entries()).toEqual(model.entries())
  }
  expect(gone).toEqual(model.gone)
  expect(gone.length).toBeGreaterThan(1000)
})

test('entries that are asked for while keys come and go are those that are still held, as they are then', () => {
  const table = new KeyedTable(LIMIT, (key) => ({ key }))
  for (let i = 0; i < LIMIT; i++) table.use(`k${i}`)
  const kept: unknown[] = []
  let more = 0
  for (const [, key, uses, , state] of table.entries((value) => value)) {
    expect([table.peek(key), state]).toEqual([{ key }, { key }])
    kept.push([key, uses])
    // Each that comes pushes out the oldest, and takes its row: every second is gone before it is asked for.
    for (let i = 0; i < 2; i++) table.use(`more${more++}`)
    if (key === 'k2') table.use('k38')
  }
  expect(kept).toContainEqual(['k38', 2])
  expect(kept).toHaveLength(LIMIT / 2)
  expect(kept.every((entry) => !String(entry).startsWith('more'))).toBe(true)
})

test('a key that is not put back for lack of room is given to the owner, and counted', () => {
  const gone: string[] = []
  const table = new KeyedTable<string>(2, (key) => key, null, { evicted: (value) => gone.push(value) })
  for (const key of ['a', 'b', 'c']) table.restore([false, key, 1, false, key], key)
  expect([gone, table.evicted, table.size]).toEqual([['c'], 1, 2])
})
