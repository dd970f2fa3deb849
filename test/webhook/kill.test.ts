import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Receiver, until } from './receiver.ts'

let folder = ''
let children: ChildProcess[] = []
let receiver: Receiver

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-kill-'))
  receiver = await Receiver.listen()
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  await receiver.close()
  rmSync(folder, { recursive: true, force: true })
})

async function program(): Promise<string> {
  const outfile = join(folder, 'child.mjs')
  await build({
    entryPoints: [join(import.meta.dirname, 'outbox-child.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'silent',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  })
  return outfile
}

function start(file: string, mode: string): { child: ChildProcess; said: (word: string) => Promise<void> } {
  const child = spawn(process.execPath, [file, join(folder, 'outbox'), receiver.url, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let out = ''
  child.stdout!.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  return { child, said: (word) => until(() => out.includes(word), word) }
}

test('a process killed in the middle of a delivery loses nothing: the same ids go out again, in order', async () => {
  const file = await program()
  receiver.behave = () => undefined
  const first = start(file, 'publish')
  await first.said('durable')
  await until(() => receiver.received.length === 1)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  expect(existsSync(join(folder, 'outbox'))).toBe(true)
  receiver.answer()
  const second = start(file, 'go on')
  await second.said('delivered')
  expect(receiver.received.map(({ id }) => id)).toEqual([
    'offpath.incident.opened.v1',
    'offpath.incident.opened.v1',
    'offpath.incident.updated.v1',
    'offpath.incident.closed.v1',
  ])
})
