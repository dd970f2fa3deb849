import { expect, test } from 'vitest'
import { CONFIG_SCHEMA } from './current-schema.ts'
import { defaultConfig } from './defaults.ts'
import { effectiveConfig } from './effective.ts'

test('the defaults survive being put into the program as JSON', async () => {
  const { config } = effectiveConfig(CONFIG_SCHEMA, null)
  expect(await defaultConfig()).toEqual(config)
  expect(JSON.parse(JSON.stringify(config))).toStrictEqual(config)
})
