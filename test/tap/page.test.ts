import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FIELD_NAMES } from '../../daemon/tap/mapping.ts'
import { readPreset, shippedPresets } from '../../daemon/tap/presets.ts'

const path = join(import.meta.dirname, '../../docs/formats.md')
const page = readFileSync(path, 'utf8')

test('docs/formats.md lists the presets there are, and what they lack', () => {
  const rows = shippedPresets().map(
    ({ name, title, lacks }) => `| \`${name}\` | ${title} | ${lacks.join(', ') || '-'} |`,
  )
  const table = ['| name | what | lacks by default |', '|---|---|---|', ...rows].join('\n')
  if (process.env.OFFPATH_GOLDEN_UPDATE === '1') {
    writeFileSync(path, page.replace(/\| name \| what[\s\S]*?\n\n/, `${table}\n\n`))
  } else expect(page).toContain(table)
})

test('it names every field, and its example is a mapping that loads', () => {
  for (const field of FIELD_NAMES) expect(page).toContain(`\`${field}\``)
  const example = /```yaml\n(name: mine[\s\S]*?)```/.exec(page)![1]!
  expect(readPreset(example, 'mine.yaml').name).toBe('mine')
})
