import { OffpathError } from '../daemon/telemetry/errors.ts'

/**
 * The routes of the sample API. Paths are told once, here; renaming replaces whole segments (`v1` -> `api`,
 * `orders` -> `bestellungen`), so the same world can speak of another shop.
 */
export const ROUTES = {
  login: 'POST /v1/login',
  refresh: 'POST /v1/refresh',
  me: 'GET /v1/me',
  products: 'GET /v1/products',
  product: 'GET /v1/products/{id}',
  cart: 'GET /v1/cart',
  addToCart: 'POST /v1/cart/items',
  orders: 'GET /v1/orders',
  createOrder: 'POST /v1/orders',
  order: 'GET /v1/orders/{id}',
  invoice: 'GET /v1/orders/{id}/invoice',
  exportOrders: 'GET /v1/export/orders',
  supportCustomer: 'GET /v1/support/customers/{id}',
  health: 'GET /health',
} as const

export type RouteName = keyof typeof ROUTES
/** Path segment by the segment to use instead. */
export type Renames = Readonly<Record<string, string>>

export interface MatchedRoute {
  readonly name: RouteName
  readonly id: string | null
}

/** The route table under one set of renames. */
export class RouteTable {
  readonly #templates: ReadonlyMap<RouteName, string>
  readonly #byShape = new Map<string, RouteName>()
  readonly #renames: Renames

  constructor(renames: Renames = {}) {
    this.#renames = renames
    const names = Object.keys(ROUTES) as RouteName[]
    this.#templates = new Map(names.map((name) => [name, this.renamed(ROUTES[name])]))
    for (const [name, template] of this.#templates) this.#byShape.set(template, name)
    if (this.#byShape.size !== names.length) {
      throw new OffpathError('OFFPATH_E_USAGE', 'two routes of the sample API would share one path', {
        at: '--rename',
        remedy: 'Give every segment a name of its own.',
      })
    }
  }

  /** `GET /v1/orders/{id}`, as the endpoint is named in an incident. */
  template(name: RouteName): string {
    return this.#templates.get(name)!
  }

  method(name: RouteName): string {
    return this.template(name).split(' ', 1)[0]!
  }

  path(name: RouteName, id: string | number = ''): string {
    const template = this.template(name)
    return template.slice(template.indexOf(' ') + 1).replace('{id}', String(id))
  }

  /** A path that is no route of the API, under the same renames. */
  renamed(path: string): string {
    return path
      .split('/')
      .map((segment) => (Object.hasOwn(this.#renames, segment) ? this.#renames[segment]! : segment))
      .join('/')
  }

  match(method: string, path: string): MatchedRoute | null {
    let id: string | null = null
    const shape = path.replace(/\/(\d{1,12})(?=\/|$)/, (_whole, digits: string) => {
      id = digits
      return '/{id}'
    })
    const name = this.#byShape.get(`${method} ${shape}`)
    return name === undefined ? null : { name, id }
  }
}
