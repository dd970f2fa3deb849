import type { Label } from './caller.ts'
import type { Operation, Service } from './estate/operation.ts'

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
  /** Fields of JSON that answers have besides. */
  readonly adds: string
  readonly label: Label
}

export function holds(condition: Condition, operation: Operation, nowUs: number): boolean {
  if (nowUs < condition.fromUs || nowUs >= condition.untilUs || condition.service !== operation.service) return false
  return condition.operation === null || condition.operation === operation
}
