import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventSchemas } from '../../sinks/webhook/event-schema.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'schemas')

test.each(Object.entries(eventSchemas()))('docs/schemas/%s is the schema there is', async (file, text) => {
  await expect(text).toMatchFileSnapshot(join(FOLDER, file))
})

test('docs/schemas has no schema that nobody makes', () => {
  expect(
    readdirSync(FOLDER)
      .filter((file) => file.startsWith('webhook-'))
      .sort(),
  ).toEqual(Object.keys(eventSchemas()).sort())
})
