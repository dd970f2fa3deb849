import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DaemonFolder, until } from './daemon-process.ts'
import { ensureBuilt, ROOT } from './program.ts'

const SCENE = join(ROOT, 'demo', 'scene.pcap.gz')
const folders = [new DaemonFolder(), new DaemonFolder()] as const

beforeAll(ensureBuilt)
afterAll(() => Promise.all(folders.map((folder) => folder.remove())))

interface Status {
  readonly tables: Record<string, { readonly entries: number }>
}

test('what another daemon learnt, exported and merged, is known from the start', { timeout: 60_000 }, async () => {
  const [there, here] = folders
  for (const folder of folders) folder.configure({ store: { enabled: false } })
  expect(await there.start('--file', SCENE).ended).toBe(0)
  const file = join(there.path, 'site.gz')
  expect((await there.offpath('baseline', 'export', file)).status).toBe(0)
  const merged = await here.offpath('baseline', 'import', '--merge', file)
  expect([merged.status, merged.stderr]).toEqual([0, ''])

  const fifo = join(here.path, 'capture')
  execFileSync('mkfifo', [fifo])
  const daemon = here.start('--file', fifo)
  const writer = createWriteStream(fifo)
  try {
    await daemon.ready()
    const others = async () => (await here.json<Status>('status')).tables['endpoints/endpoints_of_others']?.entries ?? 0
    await until(
      async () => (await others()) > 10,
      20_000,
      () => daemon.stderr.slice(-1000),
    )
  } finally {
    writer.destroy()
    await daemon.stop()
  }
})
