import type { DescribedApi } from './described-api.ts'
import { type Matchable, matchOf, segmentsOf } from './operation-match.ts'

export type Described = 'described' | 'deprecated' | 'undescribed'

interface KnownOperation extends Matchable {
  readonly deprecated: boolean
}

interface KnownApi {
  /** Null: all. */
  readonly services: ReadonlySet<string> | null
  /** By method and number of segments, so that few are compared. */
  readonly operations: ReadonlyMap<string, readonly KnownOperation[]>
}

/**
 * What is written about every endpoint of a stream. A description without services is about those of its servers, seen or not, and without
 * servers about all: whoever judges a stream cannot wait for what shows later.
 */
export class DescribedLookup {
  readonly #apis: readonly KnownApi[]

  constructor(apis: readonly DescribedApi[]) {
    this.#apis = apis.map(({ services, hosts, operations }) => {
      const about = services ?? (hosts.length > 0 ? hosts : null)
      return { services: about === null ? null : new Set(about), operations: byShape(operations) }
    })
  }

  /** What is said of `GET /v1/orders/{id}`; one of several descriptions is enough. Null: nothing is written about the service. */
  of(service: string, endpoint: string): Described | null {
    const about = this.#apis.filter(({ services }) => services === null || services.has(service))
    if (about.length === 0) return null
    const space = endpoint.indexOf(' ')
    const method = endpoint.slice(0, space)
    const path = endpoint.slice(space + 1)
    const shape = shapeOf(method, segmentsOf(path))
    const found = about.flatMap(({ operations }) => matchOf(operations.get(shape) ?? [], { method, path }) ?? [])
    if (found.length === 0) return 'undescribed'
    return found.every(({ deprecated }) => deprecated) ? 'deprecated' : 'described'
  }
}

function byShape(operations: DescribedApi['operations']): ReadonlyMap<string, readonly KnownOperation[]> {
  const shapes = new Map<string, KnownOperation[]>()
  for (const operation of operations) {
    const segments = segmentsOf(operation.path)
    const shape = shapeOf(operation.method, segments)
    const alike = shapes.get(shape)
    if (alike === undefined) shapes.set(shape, [{ ...operation, segments }])
    else alike.push({ ...operation, segments })
  }
  return shapes
}

function shapeOf(method: string, segments: readonly unknown[]): string {
  return `${method} ${segments.length}`
}
