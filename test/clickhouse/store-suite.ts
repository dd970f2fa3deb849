import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RowBatch } from '../../daemon/model/row-batch.ts'
import type { ClickHouseStore } from '../../sinks/clickhouse/clickhouse.ts'
import type { Engine } from '../../sinks/clickhouse/engine.ts'
import { encodeTransaction } from '../../sinks/native-json.ts'
import { BatchRefused } from '../../sinks/store/inserter.ts'
import { DAY, PROBER, sampleBatches, sampleIncident, sampleTransactions } from './sample.ts'

/** What holds for a store wherever it is. `make` gives one on an empty database; `scratch` is a folder for files nobody may write. */
export function storeSuite(make: () => Promise<{ store: ClickHouseStore; engine: Engine; scratch: string }>): void {
  let store: ClickHouseStore
  let engine: Engine
  let scratch: string
  beforeAll(async () => {
    ;({ store, engine, scratch } = await make())
    await store.open()
    for (const [index, batch] of sampleBatches().entries()) await store.insert({ ...batch, token: `sample-${index}` })
  })
  afterAll(async () => {
    await engine.close()
    await store.close()
  })
  const one = async (sql: string) => (await store.query({ sql })).rows[0]

  test('is opened again and again, and says its version', async () => {
    expect(await store.open()).toEqual({ schemaVersion: 6 })
    expect(await store.plan()).toEqual({ from: 6, to: 6, statements: [] })
  })

  test('gives back what was put in', async () => {
    const row = await one(
      `SELECT toString(ts), client_address, status, principal_id, endpoint, login_account, duration_us FROM transactions WHERE path = '/login' ORDER BY id LIMIT 1`,
    )
    expect(row).toEqual([
      '2026-11-20 12:00:40.000000',
      '198.51.100.9',
      401,
      '198.51.100.9',
      'POST /login',
      'hmac:acc1',
      '2000',
    ])
    const [tx] = sampleTransactions()
    expect(await one(`SELECT transaction FROM evidence WHERE id = '${tx!.id}'`)).toEqual([encodeTransaction(tx!)])
    expect(await one('SELECT status, signal_count, title, closed_at FROM incidents FINAL')).toEqual([
      'resolved',
      2,
      sampleIncident(sampleTransactions()).title,
      '2026-11-20 13:00:00.000000',
    ])
    expect(await one('SELECT state FROM actions FINAL')).toEqual(['reverted'])
    expect(await one("SELECT sum(count) FROM capture_quality WHERE stage = 'frames' AND name = 'kernel'")).toEqual([
      '10',
    ])
  })

  test('a batch sent twice is stored once, roll-ups included', async () => {
    const counts = `SELECT (SELECT count() FROM transactions), (SELECT sum(requests) FROM endpoint_minute), (SELECT sum(requests) FROM principal_hour),
      (SELECT sum(requests) FROM endpoints), (SELECT uniqCombined64Merge(12)(callers) FROM endpoints), (SELECT sum(count) FROM capture_quality)`
    const before = await one(counts)
    expect(before).toEqual(['100', '100', '100', '100', '3', '3002'])
    for (const [index, batch] of sampleBatches().entries()) await store.insert({ ...batch, token: `sample-${index}` })
    expect(await one(counts)).toEqual(before)
    // The same rows under another token are other rows: what tells repeats is the token.
    const [batch] = sampleBatches()
    await store.insert({ ...batch!, token: 'other' })
    expect((await one(counts))?.slice(1, 4)).toEqual(['200', '200', '200'])
    expect(await one('SELECT count() FROM transactions FINAL')).toEqual(['100'])
  })

  test('a large batch is one block, whatever its size', async () => {
    const rows = 60_000
    const line = (i: number) =>
      `big${String(i).padStart(23, '0')}\t2026-01-02 00:00:00.000000\tbig\t${'x'.repeat(300)}\n`
    const batch: RowBatch = {
      table: 'transactions',
      day: '2026-01-02',
      columns: ['id', 'ts', 'service', 'path'],
      format: 'TabSeparated',
      rows,
      bytes: Buffer.from(Array.from({ length: rows }, (_, i) => line(i)).join('')),
      rereadIds: null,
    }
    for (let i = 0; i < 2; i++) await store.insert({ ...batch, token: 'big' })
    expect(await one("SELECT count() FROM transactions WHERE service = 'big'")).toEqual([String(rows)])
    expect(await one("SELECT sum(requests) FROM endpoint_minute WHERE service = 'big'")).toEqual([String(rows)])
  })

  test('says which ids it holds', async () => {
    const [tx] = sampleTransactions()
    const asked = [tx!.id, `${'0'.repeat(26)}`, "x' OR 1=1 --"]
    expect(await store.knownIds('transactions', DAY, asked)).toEqual(new Set([tx!.id]))
    expect(await store.knownIds('transactions', '2026-11-19', asked)).toEqual(new Set())
    expect(await store.knownIds('evidence', DAY, [tx!.id])).toEqual(new Set([tx!.id]))
    await expect(store.knownIds('transactions; DROP TABLE x', DAY, asked)).rejects.toThrow(TypeError)
  })

  test('keeps ids of foreign records whatever they hold, and knows them again', async () => {
    const ids = ['short', '0b7c1e1e-4f5d-4a7e-9d3c-1d6a3f0a9b11', "x' OR 1=1 --", 'back\\slash', 'ümlaut']
    const lines = ids.map((id) => `${id.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}\t2026-11-18 00:00:00\n`)
    const batch: RowBatch = {
      table: 'transactions',
      day: '2026-11-18',
      columns: ['id', 'ts'],
      format: 'TabSeparated',
      rows: ids.length,
      bytes: Buffer.from(lines.join('')),
      rereadIds: null,
    }
    await store.insert({ ...batch, token: 'foreign ids' })
    expect(await store.knownIds('transactions', '2026-11-18', [...ids, 'another'])).toEqual(new Set(ids))
  })

  test.each([
    ['a number that is none', ['id', 'ts', 'status'], 'x\t2026-11-20 00:00:00\tmany\n'],
    ['an unknown column', ['id', 'ts', 'moon'], 'x\t2026-11-20 00:00:00\t1\n'],
    ['a row cut short', ['id', 'ts', 'status'], 'x\t2026-11-20 00:00:00\n'],
    ['an address that is none', ['id', 'ts', 'client_ip'], 'x\t2026-11-20 00:00:00\tsecret-row\n'],
  ])('bytes that can never be taken are refused as such: %s', async (_, columns, text) => {
    const batch: RowBatch = {
      table: 'transactions',
      day: DAY,
      columns,
      format: 'TabSeparated',
      rows: 1,
      bytes: Buffer.from(text),
      rereadIds: null,
    }
    const error = await store.insert({ ...batch, token: `bad ${text}` }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(BatchRefused)
    // What the database quotes are rows.
    expect((error as Error).message).not.toMatch(/secret-row|many/)
    expect((error as Error).cause).toBeUndefined()
  })

  test('a table that is not there refuses its batch', async () => {
    const batch: RowBatch = {
      table: 'nothing',
      day: DAY,
      columns: ['a'],
      format: 'TabSeparated',
      rows: 1,
      bytes: Buffer.from('1\n'),
      rereadIds: null,
    }
    await expect(store.insert({ ...batch, token: 'x' })).rejects.toThrow(BatchRefused)
  })

  test('an answer says its types, and is cut where it was asked to', async () => {
    const answer = await store.query({
      sql: `SELECT number, toUInt8(number) AS small, {name:String} AS name, {list:Array(String)} AS list, toUInt64({n:UInt64}) AS n, NULL AS nothing, nan AS bad
            FROM numbers(10) -- ten`,
      params: { name: "it's\ta \\ ü", list: ["a'b", ''], n: 7 },
      maxRows: 3,
    })
    expect(answer).toMatchObject({
      columns: [
        { name: 'number', type: 'UInt64' },
        { name: 'small', type: 'UInt8' },
        { name: 'name', type: 'String' },
        { name: 'list', type: 'Array(String)' },
        { name: 'n', type: 'UInt64' },
        { name: 'nothing', type: 'Nullable(Nothing)' },
        { name: 'bad', type: 'Float64' },
      ],
      cut: true,
    })
    expect(answer.rows).toHaveLength(3)
    expect(answer.rows[1]).toEqual(['1', 1, "it's\ta \\ ü", ["a'b", ''], '7', null, null])
    expect((await store.query({ sql: 'SELECT number FROM numbers(3)', maxRows: 3 })).cut).toBe(false)
    expect(answer.elapsedMs).toBeGreaterThan(0)
  })

  test('what a question may ask of the schema', async () => {
    expect((await store.query({ sql: 'SHOW TABLES' })).rows.flat()).toContain('transactions')
    expect((await store.query({ sql: 'DESCRIBE TABLE incidents;' })).rows[0]![0]).toBe('id')
    expect((await store.query({ sql: 'EXPLAIN SELECT count() FROM transactions' })).rows.length).toBeGreaterThan(0)
    expect(
      (await store.query({ sql: "SELECT count() > 5 FROM system.columns WHERE table = 'transactions'" })).rows,
    ).toEqual([[1]])
  })

  test.each([
    ['SELECT moon FROM transactions', 'DESCRIBE'],
    ['SELECT * FROM moon', 'SHOW TABLES'],
    ['SELECT {a:String}', '--param'],
    ['SELEC 1', 'only SELECT'],
  ])('a wrong question has a remedy: %s', async (sql, remedy) => {
    await expect(store.query({ sql })).rejects.toMatchObject({
      code: 'OFFPATH_E_QUERY',
      remedy: expect.stringContaining(remedy),
    })
  })

  test('a question that takes too much is stopped', async () => {
    await expect(store.query({ sql: 'SELECT groupArray(number) FROM numbers(1000000000)' })).rejects.toMatchObject({
      code: 'OFFPATH_E_QUERY',
      remedy: expect.stringContaining('1 GiB'),
    })
  })

  test('no table function of this engine gets past the guard, wherever it stands', async () => {
    const file = join(scratch, 'written.csv')
    const { rows } = await store.query({ sql: 'SELECT 1' })
    expect(rows).toEqual([[1]])
    const names = (await engine.ask('SELECT name FROM system.table_functions')).data.map(([name]) => String(name))
    expect(names.length).toBeGreaterThan(50)
    const harmless = new Set(['numbers', 'zeros', 'values', 'generate_series', 'generateSeries'])
    for (const name of names.filter((each) => !harmless.has(each))) {
      for (const sql of [
        `SELECT * FROM ${name}('a')`,
        `SELECT * FROM \`${name}\`('a')`,
        `SELECT * FROM transactions, ${name}('a')`,
        `SELECT * FROM transactions AS t LEFT JOIN ${name}('a') AS u ON 1`,
        `SELECT * FROM transactions WHERE id IN (SELECT 1 FROM ${name}('a'))`,
        `DESCRIBE ${name}('a')`,
        `EXPLAIN SELECT * FROM ${name}('a')`,
      ]) {
        await expect(store.query({ sql }), sql).rejects.toThrow('the query is refused')
      }
    }
    for (const sql of [
      `SELECT 1 INTO OUTFILE '${file}'`,
      `SELECT * FROM file('${file}')`,
      `INSERT INTO FUNCTION file('${file}') SELECT 1`,
      'DROP TABLE transactions',
      'SYSTEM SHUTDOWN',
      'SELECT 1 SETTINGS max_execution_time = 0',
    ]) {
      await expect(store.query({ sql }), sql).rejects.toThrow('the query is refused')
    }
    expect(existsSync(file)).toBe(false)
  })

  test('behind the guard the session itself only reads', async () => {
    const settings = { max_execution_time: 10 }
    for (const sql of [
      "INSERT INTO transactions (id) VALUES ('x')",
      'ALTER TABLE transactions DELETE WHERE 1',
      'DROP TABLE transactions',
    ]) {
      await expect(engine.read('offpath', sql, {}, settings), sql).rejects.toThrow(/readonly/)
    }
    expect(await one("SELECT count() FROM transactions FINAL WHERE service = 'api.shop.test'")).toEqual(['100'])
  })

  test('questions do not wait for inserts, nor for each other', async () => {
    const slow = store.query({ sql: 'SELECT sum(sipHash64(number)) FROM numbers(40000000)' })
    const started = performance.now()
    expect(await one(`SELECT count() FROM signals WHERE principal_id = '${PROBER}'`)).toEqual(['2'])
    await store.insert({ ...sampleBatches()[0]!, token: 'during' })
    const between = performance.now() - started
    await slow
    expect(between).toBeLessThan(performance.now() - started)
  })
}
