import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, expect, test } from 'vitest'

/** Runs in a process of its own whose disk is small: seals until it is full, frees room, goes on. Prints what happened. */
const PROGRAM = `
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Counters } from './daemon/telemetry/counters.ts'
import { Spool } from './sinks/spool/spool.ts'

const [folder, filler] = process.argv.slice(2)
const counters = new Counters()
const open = () => Spool.open({ folder: join(folder, 'spool'), maxBytes: 1 << 30, counters, nowMs: Date.now })
const batch = (token, bytes) => ({
  token, table: 'transactions', day: '2026-11-21', columns: ['id'], format: 'TabSeparated', rows: 10, rereadIds: null, bytes: Buffer.alloc(bytes, 'x'),
})
const spool = await open()
if (filler !== undefined) writeFileSync(join(folder, 'filler'), Buffer.alloc(Number(filler)))
const out = { sealed: [], refused: [], told: null }
const seal = async (token, bytes, rereadIds = null) => {
  await spool.seal({ ...batch(token, bytes), rereadIds }).then(() => out.sealed.push(token), (error) => out.refused.push([token, error.reason]))
}
for (let i = 0; i < 12; i++) await seal('t' + i, 200_000)
out.told = spool.diskFull
await seal('file', 200_000, ['a'])
// Together in one write: the small one fits, the large one does not.
await Promise.all([seal('large', 200_000), seal('small', 500)])
if (filler !== undefined) {
  rmSync(join(folder, 'filler'))
  await seal('after', 200_000)
  out.toldAfter = spool.diskFull
}
await spool.close()
const again = await open()
out.left = []
for (const waiting of [...again.backlog]) out.left.push((await again.read(waiting)).token)
out.counters = Object.fromEntries(counters.entries())
console.log(JSON.stringify(out))
`

const home = mkdtempSync(join(tmpdir(), 'offpath-full-'))
const program = join(home, 'program.mjs')
afterAll(() => rmSync(home, { recursive: true, force: true }))

async function run(command: string[], args: string[]): Promise<Record<string, unknown>> {
  await build({
    stdin: { contents: PROGRAM, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
    logLevel: 'error',
  })
  const [name, ...rest] = [...command, process.execPath, program, ...args]
  const ended = spawnSync(name!, rest, { encoding: 'utf8', timeout: 30_000 })
  expect(ended.stderr).toBe('')
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

/** Root of a container may not mount either. */
const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0

test.runIf(canMount)(
  'a full disk costs what does not fit, counted and told; sealing goes on when there is room',
  async () => {
    const folder = mkdtempSync(join(home, 'mount-'))
    // A file system of 2 MiB that only this process sees.
    const mount = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=2m none "$0" && exec "$@"', folder]
    const out = await run(mount, [folder, '1000000'])
    expect(out.told).toMatch(/ENOSPC/)
    expect(out.sealed).toEqual(['t0', 't1', 't2', 't3', 't4', 'small', 'after'])
    expect(out.refused).toHaveLength(9)
    // It waits, and is not counted.
    expect(out.refused).toContainEqual(['file', 'disk_full'])
    expect(out.refused).toContainEqual(['large', 'disk_full'])
    expect(out.toldAfter).toBeNull()
    expect(out.left).toEqual(out.sealed)
    expect(out.counters).toEqual({
      'spool.disk_full': 8,
      'spool.disk_full.rows': 80,
      'spool.disk_full.rows.transactions': 80,
    })
  },
)

test('a file that takes no more is followed by another', async () => {
  const folder = mkdtempSync(join(home, 'limit-'))
  // 300 KiB a file, by a soft limit; Node ignores SIGXFSZ only if told so before it starts.
  const out = await run(['sh', '-c', `trap '' XFSZ; ulimit -f 600; exec "$0" "$@"`], [folder])
  expect(out.sealed).toHaveLength(15)
  expect(out.left).toEqual(out.sealed)
  expect(out.counters).toEqual({})
})
