import { type DescribedApi, describedApi } from './described-api.ts'
import { describes } from './drift.ts'
import { type Matchable, segmentsOf } from './operation-match.ts'
import type { Spec } from './spec.ts'
import type { RouteJson } from './views.ts'

/** What is written about services. */
export interface Description {
  readonly file: string
  /** Null: the services of its servers where one was seen, else all. */
  readonly services: readonly string[] | null
  readonly spec: Spec
}

export interface DescribedRoute extends RouteJson {
  /** Null: nothing is written about its service. */
  readonly documented: boolean | null
}

/** The routes that a description is about. */
export function routesOf(description: Description, routes: readonly RouteJson[]): readonly RouteJson[] {
  const about = servicesOf(describedApi(description), servicesSeen(routes))
  return routes.filter(({ service }) => about.has(service))
}

/** Says of each route whether a description has it: one of several is enough. Asked route by route, since there may be thousands of both. */
export class Documented {
  readonly #apis: readonly { readonly about: ReadonlySet<string>; readonly operations: readonly Matchable[] }[]

  /** `seen`: every service that was, also of routes that nobody asks about. */
  constructor(apis: readonly DescribedApi[], seen: ReadonlySet<string>) {
    this.#apis = apis.map((api) => ({
      about: servicesOf(api, seen),
      operations: api.operations.map((operation) => ({ ...operation, segments: segmentsOf(operation.path) })),
    }))
  }

  /** Null: nothing is written about its service. */
  of({ service, endpoint }: Pick<RouteJson, 'service' | 'endpoint'>): boolean | null {
    const about = this.#apis.filter((api) => api.about.has(service))
    if (about.length === 0) return null
    const space = endpoint.indexOf(' ')
    const route = { method: endpoint.slice(0, space), path: endpoint.slice(space + 1) }
    return about.some((api) => describes(api, route))
  }
}

/** Says so of each of all routes. */
export function withDescriptions(
  routes: readonly RouteJson[],
  descriptions: readonly Description[],
): readonly DescribedRoute[] {
  const documented = new Documented(descriptions.map(describedApi), servicesSeen(routes))
  return routes.map((route) => ({ ...route, documented: documented.of(route) }))
}

function servicesOf({ services, hosts }: DescribedApi, seen: ReadonlySet<string>): ReadonlySet<string> {
  if (services !== null) return new Set(services)
  const named = hosts.filter((host) => seen.has(host))
  return named.length > 0 ? new Set(named) : seen
}

function servicesSeen(routes: readonly RouteJson[]): ReadonlySet<string> {
  return new Set(routes.map(({ service }) => service))
}
