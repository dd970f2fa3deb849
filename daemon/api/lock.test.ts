import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock.ts'
import { identityOf, isAlive } from './process-identity.ts'

let folder = ''
const started: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-lock-'))
})
afterEach(async () => {
  for (const child of started.splice(0)) await killed(child)
  rmSync(folder, { recursive: true, force: true })
})

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** A process that locks the folder it is sent, and says how that went. */
async function starter(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, '../../test/api/lock-starter.mjs'), [], { execArgv: [] })
  started.push(child)
  await once(child, 'message')
  return child
}

async function tryLock(child: ChildProcess, path: string): Promise<string> {
  const answer = once(child, 'message')
  child.send(path)
  return (await answer)[0] as string
}

test('the second is refused and told by whom; released, it is free again', async () => {
  const lock = await lockFolder(folder)
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'OFFPATH_E_RUNNING',
    at: folder,
    message: expect.stringContaining(`process ${process.pid}`),
  })
  await lock.release()
  await lock.release()
  await (await lockFolder(folder)).release()
  expect(readdirSync(join(folder, 'lock'))).toEqual([])
})

test('of two processes that start at the same time one holds it, twenty times, also over what a kill left', async () => {
  const pair = [await starter(), await starter()]
  for (let round = 0; round < 20; round++) {
    const path = join(folder, String(round))
    mkdirSync(join(path, 'lock'), { recursive: true })
    const { boot } = identityOf(process.pid)
    // A process that is gone: this number belongs to us, but since another time.
    if (round % 2 === 1)
      for (const end of ['', '.held']) writeFileSync(join(path, 'lock', `${process.pid}_1_${boot}_00000000${end}`), '')
    const answers = await Promise.all(pair.map((child) => tryLock(child, path)))
    expect(answers.sort()).toEqual(['OFFPATH_E_RUNNING', 'held'])
  }
})

test('after kill -9 the lock is free', async () => {
  const child = await starter()
  expect(await tryLock(child, folder)).toBe('held')
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'OFFPATH_E_RUNNING' })
  await killed(child)
  await (await lockFolder(folder)).release()
})

test.each([
  ['of an earlier boot', () => ({ ...identityOf(process.pid), boot: '00000000-0000-0000-0000-000000000000' })],
  ['whose number another process has now', () => ({ ...identityOf(process.pid), start: '1' })],
  ['that is gone', () => ({ ...identityOf(process.pid), pid: 2 ** 31 - 2 })],
])('a claim of a process %s is no claim', async (_, of) => {
  const { pid, start, boot } = of()
  mkdirSync(join(folder, 'lock'))
  const name = join(folder, 'lock', `${pid}_${start}_${boot}_0123abcd`)
  for (const path of [name, `${name}.held`]) writeFileSync(path, '')
  await (await lockFolder(folder)).release()
  expect(readdirSync(join(folder, 'lock'))).toEqual([])
})

test('a running process is known by its start', () => {
  expect(isAlive(identityOf(process.pid))).toBe(true)
  expect(isAlive(identityOf(process.ppid))).toBe(true)
})
