import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { shippedFolder, shippedPolicies } from '../../daemon/policies/load.ts'
import { POLICY_FILE } from '../../daemon/policies/policy-file.ts'
import { readPolicy } from '../../daemon/policies/read.ts'
import { type SchemaNode, toJsonSchema } from '../../daemon/yaml/key-tree.ts'
import { EXAMPLE, policiesPage, policySchemaText } from './policies-page.ts'

test('docs/policies.md explains the keys there are', async () => {
  await expect(policiesPage()).toMatchFileSnapshot('../../docs/policies.md')
})

test('docs/policy.schema.json is the schema there is', async () => {
  await expect(policySchemaText()).toMatchFileSnapshot('../../docs/policy.schema.json')
})

test('the example is a policy, for us and for editors', () => {
  expect(readPolicy(EXAMPLE, 'example.yaml').metadata.id).toBe('login-guessing')
  const valid = new Ajv2020({ strict: false }).compile(JSON.parse(policySchemaText()))
  expect(valid(parse(EXAMPLE)), JSON.stringify(valid.errors)).toBe(true)
  for (const { origin } of shippedPolicies().documents) {
    const file = parse(readFileSync(`${shippedFolder()}/${origin.replace('shipped ', '')}`, 'utf8'))
    expect(valid(file), `${origin} ${JSON.stringify(valid.errors)}`).toBe(true)
  }
  expect(valid({ ...parse(EXAMPLE), mod: 'stage' })).toBe(false)
})

test('every key of a policy file has a description', () => {
  const without: string[] = []
  const walk = (node: SchemaNode, path: string) => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      if (!child.description) without.push(`${path}.${key}`)
      walk(child, `${path}.${key}`)
    }
    if (node.items !== undefined) walk(node.items, `${path}[]`)
    for (const form of node.anyOf ?? []) walk(form, path)
  }
  walk(toJsonSchema(POLICY_FILE), '')
  expect(without).toEqual([])
})
