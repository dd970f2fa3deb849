import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ACTION_TYPES, eventSchemas, INCIDENT_TYPES } from '../../sinks/webhook/event-schema.ts'
import { COMMAND_LADDER, NOTIFICATION_LADDER } from '../../sinks/webhook/retry.ts'
import { withMadeParts } from './readme.ts'

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

test('docs/webhooks.md shows an event as it is', async () => {
  const path = join(FOLDER, '..', 'webhooks.md')
  const event = readFileSync(join(FOLDER, '..', '..', 'test', 'webhook', 'golden', 'incident-opened.json'), 'utf8')
  const page = withMadeParts(readFileSync(path, 'utf8'), { sample: `\`\`\`json\n${event.trimEnd()}\n\`\`\`` })
  await expect(page).toMatchFileSnapshot(path)
})

test('docs/webhooks.md tells the ladders and bounds there are', () => {
  const page = readFileSync(join(FOLDER, '..', 'webhooks.md'), 'utf8')
  const seconds = COMMAND_LADDER.map((wait) => wait / 1000).join(', ')
  const units = [
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ] as const
  const waits = NOTIFICATION_LADDER.map((wait) => {
    const unit = units.find(([ms]) => wait >= ms)
    return unit === undefined ? '0' : `${wait / unit[0]} ${unit[1]}`
  })
  expect(page).toContain(`| tries after | ${seconds} s | ${waits.join(', ')}, each ± 20 % |`)
  for (const type of [...INCIDENT_TYPES, ...ACTION_TYPES]) expect(page).toContain(`| \`${type}\` |`)
})
