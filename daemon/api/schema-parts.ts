import { z } from 'zod'
import { parseTime } from '../model/time.ts'

/** What the schemas of the API are made of. */

export const time = () =>
  z
    .string()
    .max(50)
    .refine((text) => parseTime(text) !== null, { error: 'expected RFC 3339, such as 2026-11-21T20:00:00Z' })
    .meta({ format: 'date-time' })
export const count = () => z.number().min(0)
export const share = () => z.number().min(0).max(1)
export const counts = () => z.record(z.string(), z.number())
export const text = (most: number) => z.string().min(1).max(most)

/** Those that have a name in the document. */
export const NAMED_SCHEMAS = new Map<z.ZodType, string>()
export function named<Schema extends z.ZodType>(name: string, schema: Schema): Schema {
  NAMED_SCHEMAS.set(schema, name)
  return schema
}
