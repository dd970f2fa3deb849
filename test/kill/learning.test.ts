import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outlineOf } from '../../daemon/topology/learning-file.ts'
import { ensureBuilt, PROGRAM, ROOT } from '../integration/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-learning-kill-'))
const learning = join(folder, 'data', 'state', 'learning')
const config = join(folder, 'offpath.yaml')
const env = { PATH: process.env.PATH, HOME: folder, OFFPATH_PRIVACY_KEY: randomBytes(32).toString('hex') }

beforeAll(() => {
  ensureBuilt()
  const capture = join(ROOT, 'test', 'captures', 'large-response.pcap')
  writeFileSync(
    config,
    `sources: [{kind: exec, name: feed, command: [sh, -c, "cat ${capture}; sleep 30"]}]
state: {folder: ${join(folder, 'data')}, snapshot_seconds: 5}
store: {enabled: false}
server: {listen: null}
`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A daemon that is killed when it has written a snapshot anew. */
async function lifeAndDeath(): Promise<string> {
  const since = existsSync(learning) ? statSync(learning).mtimeMs : 0
  const daemon = spawn(process.execPath, [PROGRAM, 'run', '--config', config], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  daemon.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const ended = once(daemon, 'exit')
  for (let i = 0; i < 150 && !(existsSync(learning) && statSync(learning).mtimeMs > since); i++) await sleep(100)
  daemon.kill('SIGKILL')
  await ended
  return said
}

test('a daemon that is killed leaves a whole snapshot, and the next one goes on with it', async () => {
  await lifeAndDeath()
  const first = await outlineOf({ path: learning })
  expect(first.now).toBeGreaterThan(0)
  expect(first.parts.map(({ name }) => name)).toContain('scan.probing')
  expect(await lifeAndDeath()).not.toMatch(/learnt/)
  const second = await outlineOf({ path: learning })
  expect(second.now).toBeGreaterThan(first.now!)
  writeFileSync(learning, 'torn')
  expect(await lifeAndDeath()).toMatch(/what was learnt is not used.*the snapshot before it is tried/)
}, 60_000)
