import { expect, test } from 'vitest'
import { configSchemaText } from '../../daemon/cli/config.ts'
import { CONFIG_SCHEMA } from '../../daemon/config/current-schema.ts'
import { leaves, toJsonSchema } from '../../daemon/yaml/key-tree.ts'
import { configurationPage, errorsPage } from './pages.ts'

test('docs/errors.md lists the error codes there are', async () => {
  await expect(errorsPage()).toMatchFileSnapshot('../../docs/errors.md')
})

test('docs/configuration.md explains the keys there are', async () => {
  await expect(configurationPage(CONFIG_SCHEMA)).toMatchFileSnapshot('../../docs/configuration.md')
})

test('docs/offpath.schema.json is the schema there is', async () => {
  await expect(configSchemaText()).toMatchFileSnapshot('../../docs/offpath.schema.json')
})

test('every key of the configuration has a description, and a default unless it must be given', () => {
  const found = leaves(toJsonSchema(CONFIG_SCHEMA)).filter(({ path }) => !path.endsWith('[].kind'))
  expect(found.filter(({ node }) => !node.description).map(({ path }) => path)).toEqual([])
  const required = found.filter(({ node, required }) => required || node.default === undefined).map(({ path }) => path)
  expect(required).toEqual([
    'sources[].interface',
    'sources[].command',
    'sources[].name',
    'sources[].name',
    'sources[].listen',
    'sources[].senders',
    'sources[].brokers',
    'sources[].topics',
    'sources[].path',
  ])
})

test('keys of the configuration are in snake case', () => {
  const keys = leaves(toJsonSchema(CONFIG_SCHEMA)).map(({ path }) =>
    path.replace(/\[\w+\.\w+\]/g, '').replace(/\[\]/g, ''),
  )
  expect(keys.filter((key) => !/^[a-z_.]+$/.test(key))).toEqual([])
})
