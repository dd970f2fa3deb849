import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { effectiveConfig } from '../../daemon/config/effective.ts'
import { sealedParts } from '../../daemon/durable/sealed-lines.ts'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import type { Principal } from '../../daemon/model/transaction.ts'
import { createLogger } from '../../daemon/telemetry/log.ts'
import { type Assembly, assemble, nativeReader } from '../../daemon/topology/assemble.ts'
import { learningLines, restoreLearning } from '../../daemon/topology/learning-file.ts'
import { SnapshotKeeper } from '../../daemon/topology/snapshot-keeper.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-callers-restart-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const SOURCE = { kind: 'file', name: 'records' } as const
const START = Date.UTC(2026, 10, 20, 9)

/** A process that reads records, and tells who made each. */
class Life {
  readonly callers: Principal[] = []
  readonly assembly: Assembly
  #line = 0

  constructor() {
    const { config } = effectiveConfig(CONFIG_SCHEMA, null)
    this.assembly = assemble({
      config: { ...config, limits: { ...config.limits, workers: 0 } },
      key: TEST_KEY,
      bodies: true,
      detect: null,
      listeners: { transaction: ({ principal }) => this.callers.push(principal) },
      detectorFailed: () => undefined,
    })
  }

  read(fields: Readonly<Record<string, unknown>>): Principal {
    const ms = START + 1000 * this.#line++
    const base = { ts: new Date(ms).toISOString(), method: 'GET', host: 'a.test', path: '/me', status: 200 }
    const record = { ...base, client_ip: '203.0.113.7', redacted: false, ...fields }
    const transaction = nativeReader(this.assembly, SOURCE).read(record, this.#line, ms * 1000, false)!
    this.assembly.chain.transaction(transaction, ms * 1000)
    this.assembly.chain.settle()
    return this.callers.at(-1)!
  }
}

test('a session that was tied to its user is the same user after a restart', async () => {
  const before = new Life()
  before.read({
    ...{ method: 'POST', path: '/login', status: 303 },
    request_headers: [
      ['Host', 'a.test'],
      ['Content-Type', 'application/json'],
    ],
    request_body: '{"email":"jo@shop.test","password":"correct horse"}',
    response_headers: [
      ['Set-Cookie', 'sid=session-1; Path=/'],
      ['Location', '/me'],
    ],
  })
  const shown = {
    request_headers: [
      ['Host', 'a.test'],
      ['Cookie', 'sid=session-1'],
    ],
  }
  const user = before.read(shown)
  expect(user).toMatchObject({ kind: 'user', via: 'login' })

  const path = join(folder, 'learning')
  const logger = createLogger('info', { write: () => undefined })
  const keeper = new SnapshotKeeper({ path, what: 'learning', maxBytes: 1e8, packed: true, logger })
  const covers = () => ({ now: START * 1000, topics: [] })
  const parts = [...sealedParts(learningLines(before.assembly.learning, 'k', covers), 65_536)]
  for (const [i, text] of parts.entries()) keeper.take({ text, first: i === 0, last: i === parts.length - 1 })
  await keeper.close()
  expect(parts.join('')).not.toMatch(/session-1|correct|jo@/)

  const after = new Life()
  expect((await restoreLearning({ path }, after.assembly.learning, { id: 'k', previous: [] })).refused).toEqual([])
  expect(after.read(shown)).toEqual(user)
  const damaged = join(folder, 'damaged')
  writeFileSync(damaged, 'no learning')
  await expect(
    restoreLearning({ path: damaged }, new Life().assembly.learning, { id: 'k', previous: [] }),
  ).rejects.toThrow()
  expect(new Life().read(shown).kind).toBe('session')
})
