import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fuzzInput } from './fuzz-input.ts'
import { TARGETS } from './targets/registry.ts'

const SEED = 7
const INPUTS_MS = 700
const ROOT = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'offpath-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe.each(TARGETS)('$name', (target) => {
  const corpus = target.corpus()

  test('an input is decided by its seed and its index', () => {
    const index = corpus.length + 3
    expect(fuzzInput(target, corpus, SEED, index)).toEqual(fuzzInput(target, corpus, SEED, index))
    expect(fuzzInput(target, corpus, SEED + 1, index)).not.toEqual(fuzzInput(target, corpus, SEED, index))
  })

  test('every seed and some of what is made of them: nothing throws, and the ledgers add up', async () => {
    expect(corpus.length).toBeGreaterThan(10)
    const until = performance.now() + INPUTS_MS
    let index = 0
    for (; index < corpus.length || performance.now() < until; index += index < corpus.length ? 7 : 1) {
      await target.run(fuzzInput(target, corpus, SEED, index))
    }
    expect(index).toBeGreaterThan(corpus.length)
  })
})

describe('a find', () => {
  const fuzz = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'scripts', 'fuzz.mjs'), '--seed', '3', '--finds', folder, ...args], {
      encoding: 'utf8',
    })

  test('that throws is written down once, with the command that throws again', () => {
    const ran = fuzz('--target', 'planted-throw', '--seconds', '1')
    expect(ran.status).toBe(1)
    const [file, ...more] = readdirSync(join(folder, 'planted-throw'))
    expect(more).toEqual([])
    const again = fuzz('--target', 'planted-throw', '--replay', join(folder, 'planted-throw', file!))
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('TypeError: planted')
  }, 20_000)

  test('that never ends is told by the clock, and the next inputs are tried', () => {
    const ran = fuzz('--target', 'planted-hang', '--seconds', '3', '--hang-ms', '400')
    expect(ran.status).toBe(1)
    expect(ran.stderr).toContain('planted-hang: no end after 400 ms')
    expect(readdirSync(join(folder, 'planted-hang')).length).toBeGreaterThan(1)
  }, 20_000)
})
