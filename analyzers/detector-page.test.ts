import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { detectorIndex, detectorPage, missedPage } from './detector-page.ts'
import { DETECTORS } from './registry.ts'

const folder = join(import.meta.dirname, '../docs/detectors')

test.each(DETECTORS.map((declaration) => [declaration.id, declaration] as const))(
  'docs/detectors/%s.md is what the detector says of itself (OFFPATH_DOCS_UPDATE=1 rewrites it)',
  (id, declaration) => {
    const path = join(folder, `${id}.md`)
    if (process.env.OFFPATH_DOCS_UPDATE === '1') {
      mkdirSync(folder, { recursive: true })
      writeFileSync(path, detectorPage(declaration))
    }
    expect(readFileSync(path, 'utf8')).toBe(detectorPage(declaration))
  },
)

test.each([
  ['detectors/README.md', detectorIndex(DETECTORS)],
  ['missed.md', missedPage(DETECTORS)],
])('docs/%s is what all of them say (OFFPATH_DOCS_UPDATE=1 rewrites it)', (name, page) => {
  const path = join(folder, '..', name)
  if (process.env.OFFPATH_DOCS_UPDATE === '1') writeFileSync(path, page)
  expect(readFileSync(path, 'utf8')).toBe(page)
})

test('options are named as in offpath.yaml', () => {
  for (const declaration of DETECTORS) expect(detectorPage(declaration)).not.toMatch(/\| `\w*[A-Z]/)
})

test('no page is left of a detector that is gone', () => {
  expect(readdirSync(folder).sort()).toEqual(['README.md', ...DETECTORS.map(({ id }) => `${id}.md`)].sort())
})
