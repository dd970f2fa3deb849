import { describes, routesOfSpec } from './drift.ts'
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
export function routesOf({ services, spec }: Description, routes: readonly RouteJson[]): readonly RouteJson[] {
  return services === null ? routesOfSpec(spec, routes) : routes.filter(({ service }) => services.includes(service))
}

/** Says of each route whether a description has it: one of several is enough. */
export function withDescriptions(
  routes: readonly RouteJson[],
  descriptions: readonly Description[],
): readonly DescribedRoute[] {
  const documented = new Map<RouteJson, boolean>()
  for (const description of descriptions) {
    for (const route of routesOf(description, routes)) {
      if (documented.get(route) !== true) documented.set(route, describes(description.spec, route))
    }
  }
  return routes.map((route) => ({ ...route, documented: documented.get(route) ?? null }))
}
