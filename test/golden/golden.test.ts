import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { captureNotes } from '../integration/capture-notes.ts'
import { ensureBuilt, lines } from '../integration/program.ts'

/**
 * The exact lines of every capture under the published test key, ids and all. What is true is settled by the ledgers
 * (test/integration/captures.test.ts); this catches what they do not speak of, and shows it in review as a diff.
 * `npm run golden:update` writes them anew.
 */
const UPDATE = process.env.OFFPATH_GOLDEN_UPDATE === '1'
const captures = captureNotes()
const goldenPath = (name: string) => join(import.meta.dirname, `${name}.jsonl`)

beforeAll(() => {
  ensureBuilt()
  if (UPDATE) mkdirSync(import.meta.dirname, { recursive: true })
})

test.concurrent.each(captures)('$name prints the lines it printed before', async ({ name, path }) => {
  const printed = (await lines(['replay', path, '--emit', 'transactions'])).map(cutLongBodies)
  if (UPDATE) writeFileSync(goldenPath(name), printed.map((line) => `${line}\n`).join(''))
  else expect(printed).toEqual(readFileSync(goldenPath(name), 'utf8').split('\n').slice(0, -1))
})

test('no golden file is left over from a capture that is gone', () => {
  const known = captures.map(({ name }) => `${name}.jsonl`).sort()
  expect(
    readdirSync(import.meta.dirname)
      .filter((file) => file.endsWith('.jsonl'))
      .sort(),
  ).toEqual(known)
  expect(known.every((file) => existsSync(join(import.meta.dirname, file)))).toBe(true)
})

/** Long runs of one letter, which the captures use as bodies, are written as `<letter>{count}`. */
function cutLongBodies(line: string): string {
  return line.replace(/([a-z])\1{199,}/g, (run, letter: string) => `${letter}{${run.length}}`)
}
