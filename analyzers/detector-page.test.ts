import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { detectorPage } from './detector-page.ts'
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

test('options are named as in offpath.yaml', () => {
  for (const declaration of DETECTORS) expect(detectorPage(declaration)).not.toMatch(/\| `\w*[A-Z]/)
})

test('no page is left of a detector that is gone', () => {
  expect(readdirSync(folder).sort()).toEqual(DETECTORS.map(({ id }) => `${id}.md`).sort())
})
