import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type FlowThread, startThread } from './flow-thread.ts'
import type { FlowWorkerSettings } from './flow-worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'offpath-thread-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SETTINGS = { done: new Int32Array(new SharedArrayBuffer(4)) } as unknown as FlowWorkerSettings
const BATCH = { kind: 'batch', batch: null, length: 0, upTo: 0, spare: [] } as const

/** A thread that does this with each message, and how it is heard to fail. */
function started(reaction: string): { readonly thread: FlowThread; readonly failed: Promise<Error> } {
  const script = join(folder, `${reaction.length}.mjs`)
  writeFileSync(
    script,
    `import { parentPort, workerData } from 'node:worker_threads'\nparentPort.on('message', () => { ${reaction} })`,
  )
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const thread = startThread(script, SETTINGS, { message: () => {}, failed: (error) => fail(error) })
  thread.post(BATCH, [])
  return { thread, failed }
}

test('a thread that throws, or ends, is heard to fail, once', async () => {
  expect((await started("throw new Error('broken')").failed).message).toBe('broken')
  expect((await started('process.exit(3)').failed).message).toBe('a flow worker ended by itself (exit 3)')
})

test('a thread that was told to end is not, even while it waits for its owner', async () => {
  const { thread, failed } = started('Atomics.wait(workerData.done, 0, 0)')
  await new Promise((resolve) => setTimeout(resolve, 100))
  thread.terminate()
  const outcome = await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 200, 'quiet'))])
  expect(outcome).toBe('quiet')
})
