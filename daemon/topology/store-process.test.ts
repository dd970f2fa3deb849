import { fork, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { identityOf } from '../api/process-identity.ts'
import type { RowBatch } from '../model/row-batch.ts'
import { effectiveCapabilities, unprivilegedUser } from './privileges.ts'
import { takeOverStore } from './store-owner.ts'
import { type StoreProcess, type StoreProcessOptions, startStoreProcess } from './store-process.ts'

const home = mkdtempSync(join(tmpdir(), 'offpath-store-process-'))
const programs = join(home, 'programs')
let folder = ''
const running: StoreProcess[] = []

beforeAll(async () => {
  // @ts-expect-error a script, without types
  const { bundle } = await import('../../scripts/kill/bundle.mjs')
  await bundle(programs, { fake: 'test/kill/fake-store.ts', store: 'daemon/topology/store-main.ts' })
})
beforeEach(() => {
  folder = mkdtempSync(join(home, 'data-'))
})
afterEach(async () => {
  delete process.env.OFFPATH_TEST_DIE
  for (const store of running.splice(0)) await store.close(1000)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const logged: string[] = []
const log = (_: unknown, message?: string) => void logged.push(message ?? '')

function options(more: Partial<StoreProcessOptions> = {}): StoreProcessOptions {
  const keepDays = { transactions: 1, evidence: 1, signals: 1, incidents: 1 }
  return {
    folder,
    clickhouse: { kind: 'embedded', folder: join(folder, 'clickhouse'), database: 'offpath', keepDays },
    spoolMaxBytes: 64 * 1024 * 1024,
    logger: { info: log, warn: log, error: log } as StoreProcessOptions['logger'],
    script: join(programs, 'fake.mjs'),
    ...more,
  }
}

async function start(more: Partial<StoreProcessOptions> = {}): Promise<StoreProcess> {
  const store = await startStoreProcess(options(more))
  running.push(store)
  return store
}

function batch(text: string): RowBatch {
  const rows = text.split('\n').length - 1
  return {
    table: 'transactions',
    day: '2026-11-21',
    columns: ['id'],
    format: 'TabSeparated',
    rows,
    bytes: Buffer.from(text),
    rereadIds: null,
  }
}

async function rows(): Promise<string[]> {
  const path = join(folder, 'rows')
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await holds()) return
    await delay(5)
  }
  throw new Error('it never came to pass')
}

test('batches go to the process and are stored; what is left is drained at the end', async () => {
  const store = await start()
  await Promise.all([store.seal(batch('a\n')), store.seal(batch('b\nc\n'))])
  await store.close(2000)
  expect((await rows()).sort()).toEqual(['a', 'b', 'c'])
  await expect(store.seal(batch('d\n'))).rejects.toMatchObject({ reason: 'closed' })
})

test.each(['write', 'written', 'mark', 'marked'])(
  'killed at "%s", it is started again, and each row is there once',
  async (phase) => {
    process.env.OFFPATH_TEST_DIE = `${phase} ${join(folder, 'died')}`
    const store = await start()
    const wanted = Array.from({ length: 10 }, (_, i) => `r${i}`)
    await Promise.all(wanted.map((row) => store.seal(batch(`${row}\n`))))
    await until(async () => (await rows()).length >= 10 && (await store.status()).spool.batches === 0)
    expect((await rows()).sort()).toEqual(wanted)
    expect(store.restarts).toBe(1)
    expect((await store.status()).counters['store.restarted']).toBe(1)
  },
)

test('what was counted outlives the process that counted it', async () => {
  const store = await start()
  await store.seal(batch('bad\n'))
  await store.seal(batch('a\nb\n'))
  await until(async () => (await store.status()).rowsStored.transactions === 2)
  const question = store.query({ sql: 'die' })
  await expect(question).rejects.toMatchObject({ code: 'OFFPATH_E_STORE' })
  expect((await store.status()).down).toMatch(/does not answer/)
  await store.seal(batch('c\n'))
  await until(async () => (await store.status()).rowsStored.transactions === 3)
  expect(await store.status()).toMatchObject({ down: null, where: 'a file' })
  expect((await store.status()).counters).toMatchObject({ 'store.refused.rows': 1, 'store.restarted': 1 })
})

test('of batches that a standing process does not take, the oldest is given up over the limit, counted', async () => {
  const store = await start({ maxPendingBytes: 1000 })
  await store.seal(batch('first\n'))
  process.kill(store.pid!, 'SIGSTOP')
  const sealed = Array.from({ length: 5 }, (_, i) =>
    store.seal(batch(`${`${i}`.repeat(299)}\n`)).then(
      () => i,
      () => -1,
    ),
  )
  process.kill(store.pid!, 'SIGCONT')
  expect(await Promise.all(sealed)).toEqual([-1, -1, 2, 3, 4])
  expect((await store.status()).counters).toMatchObject({ 'store.shed': 2, 'store.shed.rows.transactions': 2 })
})

test('a process that stands still is killed and started again, and what it held is sealed', async () => {
  const store = await start({ maxSilentMs: 2500 })
  process.kill(store.pid!, 'SIGSTOP')
  await store.seal(batch('a\n'))
  expect(store.restarts).toBe(1)
  // One that only has nothing to do is left alone.
  await delay(3000)
  expect(store.restarts).toBe(1)
})

test('failures cross the channel with their code and remedy', async () => {
  const store = await start()
  await expect(store.query({ sql: 'SELECT' })).rejects.toMatchObject({
    code: 'OFFPATH_E_QUERY',
    remedy: 'Ask otherwise.',
  })
  await expect(store.seal({ ...batch(''), bytes: Buffer.alloc(65 * 1024 * 1024) })).rejects.toMatchObject({
    reason: 'shed',
  })
})

test('a start that a person must see to is refused, a folder that cannot be used too', async () => {
  writeFileSync(join(folder, 'unfit'), '')
  await expect(start()).rejects.toMatchObject({ code: 'OFFPATH_E_MIGRATION', remedy: 'Upgrade.' })
  rmSync(join(folder, 'unfit'))
  rmSync(join(folder, 'spool'), { recursive: true })
  writeFileSync(join(folder, 'spool'), 'a file')
  await expect(start()).rejects.toMatchObject({ code: 'OFFPATH_E_DATA_FOLDER' })
})

test('signals of a terminal do not end it', async () => {
  const store = await start()
  const { pid } = store
  process.kill(pid!, 'SIGINT')
  process.kill(pid!, 'SIGTERM')
  await store.seal(batch('a\n'))
  expect([store.pid, store.restarts]).toEqual([pid, 0])
})

test('when control is gone, it seals what it was handed and ends', async () => {
  const child = fork(join(programs, 'fake.mjs'), { serialization: 'advanced' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  writeFileSync(join(folder, 'down'), '')
  const { logger: _, script: __, ...start } = options()
  const ready = new Promise((resolve) => child.once('message', resolve))
  child.send({ ...start, kind: 'start', user: null })
  await ready
  for (let id = 1; id <= 50; id++) child.send({ kind: 'seal', id, batch: { ...batch(`r${id}\n`), token: `t${id}` } })
  await new Promise((resolve) => child.send({ kind: 'status', id: -1 }, resolve))
  child.disconnect()
  expect(await ended).toBe(0)
  rmSync(join(folder, 'down'))
  const next = await startStoreProcess(options())
  await next.close(30_000)
  expect(await rows()).toHaveLength(50)
})

test('a new process waits for the orphan of the last one to end', async () => {
  const orphan = spawn('sleep', ['30'])
  writeFileSync(join(folder, 'store.pid'), JSON.stringify(identityOf(orphan.pid!)))
  await expect(takeOverStore(folder, 50)).rejects.toMatchObject({ code: 'OFFPATH_E_RUNNING' })
  const taken = takeOverStore(folder)
  orphan.kill('SIGKILL')
  await taken
  expect(JSON.parse(readFileSync(join(folder, 'store.pid'), 'utf8'))).toMatchObject({ pid: process.pid })
})

const isRoot = process.getuid?.() === 0

test.runIf(isRoot)(
  'started by root it becomes the owner of the data folder, and the embedded engine works',
  async () => {
    const { uid, gid } = unprivilegedUser()
    chmodSync(home, 0o711)
    // Nobody else may read the program: it must have loaded itself before.
    chmodSync(programs, 0o700)
    chownSync(folder, uid, gid)
    const store = await start({ script: join(programs, 'store.mjs') })
    const { pid } = store
    expect(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]).toBe(String(uid))
    expect(effectiveCapabilities(pid!)).toBe(0n)
    expect(await store.query({ sql: 'SELECT count() AS n FROM transactions' })).toMatchObject({ rows: [['0']] })
    expect(statSync(join(folder, 'spool')).uid).toBe(uid)
  },
)

test.runIf(isRoot)('with a folder of root it stays root in name, without any capability', async () => {
  mkdirSync(join(folder, 'clickhouse'))
  process.env.OFFPATH_PRIVACY_KEY = 'a secret'
  const store = await start({ script: join(programs, 'store.mjs') })
  delete process.env.OFFPATH_PRIVACY_KEY
  expect(readFileSync(`/proc/${store.pid}/environ`, 'latin1')).not.toContain('a secret')
  expect(effectiveCapabilities(store.pid!)).toBe(0n)
  expect(await store.query({ sql: 'SELECT count() AS n FROM transactions' })).toMatchObject({ rows: [['0']] })
})
