import { z } from 'zod'
import { PairsState } from '../../baselines/place-table.ts'
import { text } from '../../baselines/state.ts'

const Keyed = z.tuple([z.enum(['endpoint', 'rules']), text, z.unknown()])
const Values = z.tuple([z.literal('values'), PairsState])
/** What is told to other analyzers: fields of a collection, relations of a service and role, whose a value is. */
export type Told = z.infer<typeof Keyed> | z.infer<typeof Values>

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
    if (Array.isArray(line) && line[0] === 'values') {
      sorted.values.push(Values.parse(line)[1])
      continue
    }
    const [kind, key, state] = Keyed.parse(line)
    sorted[kind === 'rules' ? 'rules' : 'endpoints'].push([key, state])
  }
  return sorted
}
