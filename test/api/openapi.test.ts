import { validate } from '@readme/openapi-parser'
import { expect, test } from 'vitest'
import type { z } from 'zod'
import type * as inventory from '../../daemon/api/inventory-schemas.ts'
import { openApiDocument } from '../../daemon/api/openapi.ts'
import type * as operations from '../../daemon/api/operations.ts'
import type * as schemas from '../../daemon/api/schemas.ts'
import type { WireStatus } from '../../daemon/api/store-status.ts'
import type { DescribedRoute } from '../../daemon/inventory/descriptions.ts'
import type { ClientJson } from '../../daemon/inventory/views.ts'

test('docs/openapi.json is the document of this build', async () => {
  await expect(`${JSON.stringify(openApiDocument(), null, 2)}\n`).toMatchFileSnapshot('../../docs/openapi.json')
})

test('the document is OpenAPI 3.1, with nothing outside itself', async () => {
  const document = openApiDocument()
  const references = JSON.stringify(document).match(/"\$ref":"[^"]*"/g) ?? []
  expect(references.filter((reference) => !reference.startsWith('"$ref":"#/'))).toEqual([])
  const checked = await validate(document as Parameters<typeof validate>[0], { resolve: { external: false } })
  expect(checked).toMatchObject({ valid: true })
})

/** What the API says is what operations.ts promises: checked by the compiler, in both directions. */
type Frozen<Value> = Value extends object ? { readonly [Key in keyof Value]: Frozen<Value[Key]> } : Value
type Same<Left, Right> = [Frozen<Left>, Frozen<Right>] extends [Frozen<Right>, Frozen<Left>] ? true : never
type Query<Schema extends z.ZodType> = Frozen<z.infer<Schema>>

test('schemas and types are the same', () => {
  const same: readonly true[] = [
    true satisfies Same<z.infer<typeof schemas.Status>, WireStatus>,
    true satisfies Same<z.infer<typeof schemas.ActionSchema>, operations.ActionJson>,
    true satisfies Same<z.infer<typeof schemas.PolicySchema>, operations.PolicyJson>,
    true satisfies Same<z.infer<typeof schemas.DeliverySchema>, operations.DeliveryJson>,
    true satisfies Same<z.infer<typeof schemas.IncidentSchema>, operations.IncidentJson>,
    true satisfies Same<z.infer<typeof schemas.IncidentDetail>, operations.IncidentDetailJson>,
    true satisfies Same<z.infer<typeof inventory.RouteSchema>, DescribedRoute>,
    true satisfies Same<z.infer<typeof inventory.ClientSchema>, ClientJson>,
    true satisfies Same<z.infer<typeof schemas.DeploySchema>, operations.DeployJson>,
    true satisfies keyof operations.DeployRequest extends keyof Query<typeof schemas.DeployBody> ? true : never,
    true satisfies keyof operations.InventoryFilter extends keyof Query<typeof inventory.RouteQuery> ? true : never,
    true satisfies Same<z.infer<typeof schemas.DecisionBody>, operations.Decision>,
    true satisfies keyof Query<typeof schemas.IncidentQuery> extends keyof operations.IncidentFilter ? true : never,
    true satisfies keyof operations.IncidentFilter extends keyof Query<typeof schemas.IncidentQuery> ? true : never,
    true satisfies keyof operations.ActionFilter extends keyof Query<typeof schemas.ActionQuery> ? true : never,
    true satisfies keyof operations.DeliveryFilter extends keyof Query<typeof schemas.DeliveryQuery> ? true : never,
  ]
  expect(same.every(Boolean)).toBe(true)
})
