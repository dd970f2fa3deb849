import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TEST_KEY } from '../../daemon/identity/privacy-key.ts'
import { readCapture, writePcap } from '../mutate/capture-file.ts'
import { encapsulate } from '../mutate/encapsulate.ts'
import { chain, duplicate, loseData, reorder } from '../mutate/mutators.ts'
import { captureNotes } from './capture-notes.ts'
import { ensureBuilt, offpath, ROOT } from './program.ts'

/** The built program with real threads: the number of flow workers changes no byte of what it prints. */
const folder = mkdtempSync(join(tmpdir(), 'offpath-flow-workers-'))
const captures = captureNotes().map(({ path }) => path)
const config = (workers: number) => join(folder, `workers-${workers}.yaml`)

beforeAll(() => {
  ensureBuilt()
  for (const workers of [0, 1, 2]) writeFileSync(config(workers), `limits: { workers: ${workers} }\n`)
})
afterAll(() => rmSync(folder, { recursive: true }))

async function printed(args: readonly string[], workers: number, stdin?: Buffer): Promise<string> {
  const ran = await offpath(['replay', ...args, '--config', config(workers)], stdin)
  expect(`${ran.status} ${ran.stderr}`).toMatch(/^0 /)
  return ran.stdout
}

async function expectSame(args: readonly string[], stdin?: Buffer): Promise<string> {
  const alone = await printed(args, 0, stdin)
  expect(await printed(args, 1, stdin)).toBe(alone)
  expect(await printed(args, 2, stdin)).toBe(alone)
  return alone
}

test('every capture, as one timeline', async () => {
  const output = await expectSame([...captures, '--emit', 'transactions'])
  expect(output.split('\n').length).toBeGreaterThan(500)
})

/** Together they take seconds, since their times are days apart and detectors count every second between. */
const telling = captures.filter((path) => /(attacks|credentials|lost-pair|vxlan|midstream)\.pcap$/.test(path))

test.each([
  ['--emit', 'transactions', '--bodies', 'none'],
  ['--emit', 'signals'],
  ['--emit', 'incidents'],
  ['--emit', 'summary', '-o', 'json'],
])('captures that tell something: %s %s', async (...options) => {
  const output = await expectSame([...telling, ...options])
  expect(output.length).toBeGreaterThan(500)
})

test('the attacks of the demo, with all detectors', async () => {
  const output = await expectSame([join(ROOT, 'demo/scene.pcap.gz'), '--emit', 'signals'])
  expect(output.split('\n').length).toBeGreaterThan(50)
})

test('a mirror that loses, reorders, doubles and encapsulates', async () => {
  const busy = captures.filter((path) => /(attacks|interleaved|parallel-ab|keep-alive)\.pcap$/.test(path))
  const mutate = chain(loseData(1, 0.02), reorder(2, 0.3), duplicate(3, 0.2))
  const paths = busy.map((path, index) => {
    const dirty = join(folder, `dirty-${index}.pcap`)
    const frames = mutate(readCapture(readFileSync(path)))
    writeFileSync(dirty, writePcap(index % 2 === 0 ? frames : encapsulate('vxlan')(frames)))
    return dirty
  })
  await expectSame([...paths, '--emit', 'transactions'])
})

test('standard input, and a file that is none', async () => {
  const bytes = readFileSync(captures.find((path) => path.endsWith('/attacks.pcap'))!)
  await expectSame(['-', '--emit', 'signals'], bytes)
  const wrong = await offpath(['replay', config(1), '--config', config(2)])
  expect(wrong.status).toBe(1)
})

test('interrupted, a paced replay prints what came before and ends', async () => {
  const apart = ['keep-alive', 'attacks', 'vxlan'].map(
    (name) => captures.find((path) => path.endsWith(`/${name}.pcap`))!,
  )
  const ended = (workers: number) =>
    new Promise<{ readonly code: number | null; readonly out: string }>((resolve, reject) => {
      const args = ['replay', ...apart, '--emit', 'transactions', '--speed', '0.01', '--config', config(workers)]
      const child = spawn(process.execPath, [join(ROOT, 'dist', 'offpath.js'), ...args], {
        env: { PATH: process.env.PATH, OFFPATH_PRIVACY_KEY: TEST_KEY.bytes.toString('hex') },
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      let out = ''
      // Once it has printed what came first and waits: how soon that is depends on the machine.
      let timer = setTimeout(() => child.kill('SIGINT'), 15_000)
      child.stdout.on('data', (chunk: Buffer) => {
        out += String(chunk)
        clearTimeout(timer)
        timer = setTimeout(() => child.kill('SIGINT'), 1500)
      })
      child.on('error', reject)
      child.on('close', (code) => {
        clearTimeout(timer)
        resolve({ code, out })
      })
    })
  const start = performance.now()
  const [alone, beside] = await Promise.all([ended(0), ended(2)])
  expect(performance.now() - start).toBeGreaterThan(1490)
  expect(beside.out).not.toBe('')
  expect(beside.code).toBe(alone.code)
  expect(beside.code).toBe(0)
  expect(beside.out).toBe(alone.out)
})
