import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openEmbedded } from '../../sinks/clickhouse/embedded-engine.ts'

const scratch = mkdtempSync(join(tmpdir(), 'offpath-dying-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

test('a process that is about to lose its folder is waited for', async () => {
  const folder = join(scratch, 'clickhouse')
  const hold = `import('chdb/connection').then(({ createChdbConnection }) => {
    globalThis.held = createChdbConnection({ path: ${JSON.stringify(folder)} })
    console.log('held')
    setInterval(() => {}, 1000)
  })`
  const root = join(import.meta.dirname, '..', '..')
  const holder = spawn(process.execPath, ['-e', hold], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  setTimeout(() => holder.kill('SIGKILL'), 500)
  const engine = await openEmbedded(folder)
  expect(holder.killed).toBe(true)
  expect((await engine.ask('SELECT 1')).data).toEqual([[1]])
})
