import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import { OffpathError } from '../../daemon/telemetry/errors.ts'
import { BatchRefused, type Inserter, type SealedBatch, StoreDown } from './inserter.ts'
import { type LocalStoreOptions, openStore, type TokenStore } from './local-store.ts'
import type { Store } from './store.ts'

/** A database in memory that fails as told. */
class FakeDatabase implements Inserter {
  readonly where = 'memory'
  readonly rows = new Map<string, string[]>()
  readonly tokens = new Set<string>()
  readonly order: string[] = []
  /** Thrown by the next calls of each kind, in turn; `null` lets one through. */
  failures: (Error | null)[] = []
  openFailures: (Error | null)[] = []
  down = false
  inserts = 0
  /** Stored, but the answer is lost. */
  loseAnswer = false
  hangs = false
  /** A table that takes nothing. */
  stuck = ''

  /** The database answers the first opening when this does. */
  opens: Promise<unknown> = Promise.resolve()

  async open() {
    await this.opens
    const failure = this.down ? new StoreDown('refused to connect') : this.openFailures.shift()
    if (failure) throw failure
    return { schemaVersion: 7 }
  }

  async insert(batch: SealedBatch) {
    this.inserts++
    await new Promise((resolve) => setImmediate(resolve))
    if (this.hangs) await new Promise(() => undefined)
    const failure = this.down ? new StoreDown('gone') : this.failures.shift()
    if (failure) throw failure
    if (batch.table === this.stuck) throw new StoreDown('too many parts')
    if (!this.tokens.has(batch.token)) {
      this.tokens.add(batch.token)
      const rows = this.rows.get(batch.table) ?? []
      rows.push(...Buffer.from(batch.bytes).toString().trimEnd().split('\n'))
      this.rows.set(batch.table, rows)
      this.order.push(`${batch.table} ${rows.at(-1)}`)
    }
    if (this.loseAnswer) {
      this.loseAnswer = false
      throw new StoreDown('connection reset')
    }
  }

  async knownIds(table: string, _day: string, ids: readonly string[]) {
    if (this.down) throw new StoreDown('gone')
    const stored = new Set(this.rows.get(table))
    return new Set(ids.filter((id) => stored.has(id)))
  }

  async query() {
    return { columns: [], rows: [], cut: false, elapsedMs: 0 }
  }

  async close() {}
}

let folder = ''
let database = new FakeDatabase()
let clock = Date.UTC(2026, 10, 21, 20)
const stores: Store[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-store-'))
  database = new FakeDatabase()
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close(0)
  rmSync(folder, { recursive: true, force: true })
})

async function open(options: Partial<LocalStoreOptions> = {}): Promise<TokenStore> {
  // Each pause takes no time here, and as long as it says on the clock.
  const sleep = async (ms: number) => {
    clock += ms
    await new Promise((resolve) => setImmediate(resolve))
  }
  const store = await openStore({
    folder,
    inserter: database,
    spoolMaxBytes: 16 * 1024 * 1024,
    nowMs: () => clock,
    sleep,
    ...options,
  })
  stores.push(store)
  return store
}

function batch(ids: readonly string[], table = 'transactions', reread = false): RowBatch {
  return {
    table,
    day: '2026-11-21',
    columns: ['id'],
    format: 'TabSeparated',
    rows: ids.length,
    bytes: Buffer.from(ids.map((id) => `${id}\n`).join('')),
    rereadIds: reread ? ids : null,
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error('it never came to pass')
}

const drained = (store: Store) => until(async () => (await store.status()).spool.batches === 0)

test('sealed rows arrive in order, and the status says how many', async () => {
  const store = await open()
  for (let i = 0; i < 10; i++) await store.seal(batch([`t${i}`]))
  await store.seal(batch(['s0', 's1'], 'signals'))
  await drained(store)
  expect(database.rows.get('transactions')).toEqual(Array.from({ length: 10 }, (_, i) => `t${i}`))
  const status = await store.status()
  expect(status).toMatchObject({ where: 'memory', down: null, schemaVersion: 7 })
  expect(status.rowsStored).toEqual({ transactions: 10, signals: 2 })
  expect(status.counters).toEqual({})
})

test('a small table does not wait behind a backlog of another', async () => {
  database.down = true
  const store = await open()
  for (let i = 0; i < 50; i++) await store.seal(batch([`t${i}`]))
  await store.seal(batch(['i0'], 'incidents'))
  database.down = false
  await drained(store)
  expect(database.order.indexOf('incidents i0')).toBeLessThan(5)
})

test('an hour without a database loses nothing, asks about every 15 s, and says so', async () => {
  const store = await open()
  await store.seal(batch(['t0']))
  await drained(store)
  database.down = true
  database.inserts = 0
  const from = clock
  await store.seal(batch(['t1']))
  await until(() => clock - from > 3_600_000)
  const during = await store.status()
  expect(during.down).toBe('gone')
  expect(during.spool).toMatchObject({ batches: 1, rows: 1, droppedRows: 0 })
  expect(during.spool.oldestSeconds).toBeGreaterThan(3000)
  expect(database.inserts).toBeGreaterThan(3600 / 15)
  expect(database.inserts).toBeLessThan(3600 / 5)
  for (let i = 2; i < 100; i++) await store.seal(batch([`t${i}`]))
  database.down = false
  await drained(store)
  expect(database.rows.get('transactions')).toHaveLength(100)
  expect((await store.status()).down).toBeNull()
})

test('a database that is down at the start is opened later; batches are sealed meanwhile', async () => {
  database.down = true
  const store = await open()
  await store.seal(batch(['t0']))
  expect(await store.status()).toMatchObject({ down: 'refused to connect', schemaVersion: null })
  await expect(store.query({ sql: 'SELECT 1' })).rejects.toMatchObject({ code: 'OFFPATH_E_STORE' })
  database.down = false
  await drained(store)
  expect(await store.status()).toMatchObject({ down: null, schemaVersion: 7 })
  await store.query({ sql: 'SELECT 1' })
})

test('a first opening that takes long holds up no start; a question waits for it', async () => {
  let tablesMade = () => {}
  database.opens = new Promise<void>((resolve) => {
    tablesMade = resolve
  })
  const waits: number[] = []
  const sleep = (ms: number) => (waits.push(ms) === 1 ? Promise.resolve() : new Promise(() => undefined))
  const store = await open({ sleep })
  const asked = store.query({ sql: 'SELECT 1' })
  expect((await store.status()).down).toBe('not connected yet')
  tablesMade()
  expect((await asked).rows).toEqual([])
  expect(waits).toEqual([5000, 30_000])
})

test('a failure that needs a person ends the start; later it is only told', async () => {
  const failure = new OffpathError('OFFPATH_E_MIGRATION', 'newer than this version')
  database.openFailures = [failure]
  await expect(open()).rejects.toBe(failure)
  database.openFailures = [new StoreDown('starting'), failure, failure, null]
  const store = await open()
  await until(async () => (await store.status()).schemaVersion === 7)
})

test('an insert whose answer was lost is stored once', async () => {
  database.loseAnswer = true
  const store = await open()
  await store.seal(batch(['t0', 't1']))
  await drained(store)
  expect(database.inserts).toBe(2)
  expect(database.rows.get('transactions')).toEqual(['t0', 't1'])
})

test('what is not stored at the end is stored by the next process, once', async () => {
  database.down = true
  const store = await open()
  for (let i = 0; i < 5; i++) await store.seal(batch([`t${i}`]))
  await store.close(50)
  database.down = false
  const next = await open()
  await drained(next)
  expect(database.rows.get('transactions')).toEqual(['t0', 't1', 't2', 't3', 't4'])
})

test('a batch the database refuses is laid aside, and the next goes on', async () => {
  database.failures = [new BatchRefused('Cannot parse')]
  const store = await open()
  await store.seal(batch(['bad']))
  await store.seal(batch(['good']))
  await drained(store)
  expect(database.rows.get('transactions')).toEqual(['good'])
  expect(readdirSync(join(folder, 'spool', 'refused'))).toHaveLength(1)
  expect((await store.status()).counters['store.refused.rows.transactions']).toBe(1)
})

test('an insert that hangs does not hold up the end; its batch is stored by the next process', async () => {
  const store = await open()
  database.hangs = true
  await store.seal(batch(['t0']))
  await until(() => database.inserts === 1)
  const startedAt = performance.now()
  await store.close(0)
  expect(performance.now() - startedAt).toBeLessThan(4000)
  database.hangs = false
  const next = await open()
  await drained(next)
  expect(database.rows.get('transactions')).toEqual(['t0'])
})

test('a batch that the database cannot take now holds up its own table only', async () => {
  const store = await open()
  database.stuck = 'signals'
  await store.seal(batch(['s0'], 'signals'))
  for (let i = 0; i < 20; i++) await store.seal(batch([`t${i}`]))
  await until(async () => (await store.status()).rowsStored.transactions === 20)
  await until(async () => (await store.status()).spool.batches === 1)
  expect(await store.status()).toMatchObject({ down: 'too many parts' })
  database.stuck = ''
  await drained(store)
  expect((await store.status()).down).toBeNull()
})

test('an error of no known kind is tried some times, then the batch is laid aside', async () => {
  database.failures = Array.from({ length: 8 }, () => new Error('odd'))
  const store = await open()
  await store.seal(batch(['bad']))
  await store.seal(batch(['good']))
  await drained(store)
  expect(database.rows.get('transactions')).toEqual(['good'])
  expect(database.inserts).toBe(9)
})

test('rows read again are left out: those stored, those that wait, those twice in one batch', async () => {
  const store = await open()
  await store.seal(batch(['a', 'b'], 'transactions', true))
  await Promise.all([
    store.seal(batch(['b', 'c', 'c'], 'transactions', true)),
    store.seal(batch(['c', 'd'], 'transactions', true)),
    store.seal(batch(['a'], 'signals', true)),
  ])
  await store.seal(batch(['a', 'b', 'c', 'd'], 'transactions', true))
  await drained(store)
  expect(database.rows.get('transactions')).toEqual(['a', 'b', 'c', 'd'])
  expect(database.rows.get('signals')).toEqual(['a'])
  expect((await store.status()).counters['store.reread.rows']).toBe(7)
})

test('a file waits while the database is down, live rows do not; closing ends the wait', async () => {
  const store = await open()
  database.down = true
  await store.seal(batch(['live']))
  let sealed = false
  const waiting = store.seal(batch(['a'], 'transactions', true)).then(() => {
    sealed = true
  })
  await store.seal(batch(['live2']))
  expect(sealed).toBe(false)
  database.down = false
  await waiting
  await drained(store)
  database.down = true
  const cut = store.seal(batch(['z'], 'transactions', true))
  await new Promise((resolve) => setTimeout(resolve, 5))
  const closing = store.close(0)
  await expect(cut).rejects.toMatchObject({ reason: 'closed' })
  await closing
})

test('a token that was sealed before is acknowledged and not stored again, by another process too', async () => {
  const store = await open()
  const sealed: SealedBatch = { ...batch(['t0']), token: 'one' }
  await store.seal(sealed)
  await drained(store)
  await store.seal(sealed)
  const next = await open()
  await next.seal(sealed)
  await drained(next)
  expect(database.rows.get('transactions')).toEqual(['t0'])
})

test('how long the spool lasts follows the rate of what comes in', async () => {
  database.down = true
  const store = await open({ sleep: () => new Promise((resolve) => setTimeout(resolve, 5)) })
  expect((await store.status()).spool.lastsSeconds).toBeNull()
  for (let i = 0; i < 20; i++) {
    clock += 1000
    await store.seal({ ...batch(['t']), bytes: Buffer.alloc(8192) })
  }
  const { lastsSeconds, bytes, maxBytes } = (await store.status()).spool
  expect(lastsSeconds).toBeCloseTo((maxBytes - bytes) / 8192, -2)
})
