import type { Label } from './caller.ts'
import type { Operation, Service } from './estate/operation.ts'
import type { Header } from './exchange.ts'

/** All that a condition need not say: as it is when all is well. */
export const WELL = {
  errors: 0,
  slower: 1,
  silent: false,
  tap: false,
  adds: '',
  renames: [],
  mixed: 0,
  open: false,
  headers: [],
} as const satisfies Partial<Condition>

/** How a service is for a while, to everybody: after a release, or when what it depends on is in trouble. */
export interface Condition {
  readonly service: Service
  /** Only this one; null: all of the service. */
  readonly operation: Operation | null
  readonly fromUs: number
  readonly untilUs: number
  /** Of the answers, how many are 500. */
  readonly errors: number
  /** Factor of the time to answer. */
  readonly slower: number
  /** Nothing is answered, nor asked for long. */
  readonly silent: boolean
  /** With it the mirror that shows the service: nothing of any service behind it is seen. */
  readonly tap: boolean
  /** Fields of JSON that answers have besides. */
  readonly adds: string
  /** Fields of JSON that are called something else. */
  readonly renames: readonly (readonly [from: string, to: string])[]
  /** Of the callers, how many are shown what is others' in lists of their own. */
  readonly mixed: number
  /** Nobody is refused: what would be 401 or 403 is answered. */
  readonly open: boolean
  /** Headers of answers that say something else; an empty one is gone. */
  readonly headers: readonly Header[]
  readonly label: Label
}

export function holds(condition: Condition, operation: Operation, nowUs: number): boolean {
  if (!isPresent(condition, nowUs) || condition.service !== operation.service) return false
  return condition.operation === null || condition.operation === operation
}

/** Whether nothing of a service is seen, whatever it is asked. */
export function darkens(condition: Condition, service: Service, nowUs: number): boolean {
  if (!condition.silent || !isPresent(condition, nowUs)) return false
  return condition.service === service || (condition.tap && condition.service.mirror === service.mirror)
}

function isPresent({ fromUs, untilUs }: Condition, nowUs: number): boolean {
  return nowUs >= fromUs && nowUs < untilUs
}
