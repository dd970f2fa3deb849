import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DescriptionFiles } from './description-files.ts'

const LOOK_EVERY_MS = 20
let folder: string
let file: string
let files: DescriptionFiles | null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'offpath-descriptions-'))
  file = join(folder, 'shop.json')
  files = null
})
afterEach(() => {
  files?.close()
  rmSync(folder, { recursive: true })
})

function describing(...paths: string[]): string {
  return JSON.stringify({ openapi: '3.1.0', paths: Object.fromEntries(paths.map((path) => [path, { get: {} }])) })
}

/** As whoever releases one does it: never half of it. */
function replace(text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

function opened(told: string[]): DescriptionFiles {
  files = new DescriptionFiles(
    { endpoints: { services: [], descriptions: [{ file, services: ['shop'] }] } },
    (message) => told.push(message),
  )
  return files
}

const paths = (of: DescriptionFiles) => of.current.map(({ operations }) => operations.map(({ path }) => path))

test('a file that changes is read anew, and one that breaks leaves the one before in force', async () => {
  const told: string[] = []
  writeFileSync(file, describing('/a'))
  const descriptions = opened(told)
  expect(descriptions.current).toMatchObject([{ file, services: ['shop'] }])
  expect(paths(descriptions)).toEqual([['/a']])
  const changed = vi.fn()
  descriptions.watch(changed, LOOK_EVERY_MS)

  replace(describing('/a', '/b'))
  await vi.waitFor(() => expect(paths(descriptions)).toEqual([['/a', '/b']]))
  expect(changed).toHaveBeenCalledWith(descriptions.current)

  replace('nothing of the kind')
  await vi.waitFor(() => expect(told.at(-1)).toMatch(/^.*shop\.json: .*; the one before stays in force$/))
  expect(paths(descriptions)).toEqual([['/a', '/b']])
  expect(changed).toHaveBeenCalledTimes(1)
})

test('a file that is not there stops nothing, and counts from when it is', async () => {
  const told: string[] = []
  const descriptions = opened(told)
  expect(descriptions.current).toEqual([])
  expect(told).toEqual([expect.stringMatching(/cannot be read: ENOENT.*; nothing counts as described by it$/)])
  descriptions.watch(() => undefined, LOOK_EVERY_MS)
  replace(describing('/a'))
  await vi.waitFor(() => expect(paths(descriptions)).toEqual([['/a']]))
})
