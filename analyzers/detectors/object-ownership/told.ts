import { z } from 'zod'
import { PairsState } from '../../baselines/place-table.ts'
import { text } from '../../baselines/state.ts'

/** What is told to other analyzers: fields of a collection, relations of a service and role, whose a value is. */
const Told = z.union([
  z.tuple([z.literal('endpoint'), text, z.unknown()]),
  z.tuple([z.literal('rules'), text, z.unknown()]),
  z.tuple([z.literal('values'), PairsState]),
])
export type Told = z.infer<typeof Told>

export interface ToldByKind {
  /** Key and state. */
  readonly endpoints: readonly [string, unknown][]
  readonly rules: readonly [string, unknown][]
  readonly values: readonly PairsState[]
}

/** Throws at a line that is none. */
export function toldByKind(lines: Iterable<unknown>): ToldByKind {
  const sorted = {
    endpoints: [] as [string, unknown][],
    rules: [] as [string, unknown][],
    values: [] as PairsState[],
  }
  for (const line of lines) {
    const told = Told.parse(line)
    if (told[0] === 'endpoint') sorted.endpoints.push([told[1], told[2]])
    else if (told[0] === 'rules') sorted.rules.push([told[1], told[2]])
    else sorted.values.push(told[1])
  }
  return sorted
}
