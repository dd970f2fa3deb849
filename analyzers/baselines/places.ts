import type { TableRow } from './keyed-table.ts'

/** Endpoints that have an object at once. */
const MAX_PLACES = 4096

/** An endpoint, or a service as a whole (template ''): one object for all who reach it. */
export class Place implements TableRow {
  readonly service: string
  readonly template: string
  readonly key: string
  readonly values: unknown[]

  constructor(service: string, template: string, tables: number) {
    this.service = service
    this.template = template
    this.key = `${service} ${template}`
    this.values = new Array<unknown>(tables).fill(null)
  }
}

/**
 * Finds the object of an endpoint, once a transaction for all detectors that keep something of endpoints. At most 4,096 at once: then it
 * begins anew, and those who hold one keep it.
 */
export class Places {
  readonly #services = new Map<string, Map<string, Place>>()
  #count = 0
  #tables = 0
  #last: Place | null = null

  /** The number of one more table. */
  addTable(): number {
    return this.#tables++
  }

  of(service: string, template: string): Place {
    const last = this.#last
    if (last !== null && last.template === template && last.service === service) return last
    const place = this.#services.get(service)?.get(template) ?? this.#add(service, template)
    this.#last = place
    return place
  }

  #add(service: string, template: string): Place {
    if (this.#count >= MAX_PLACES) {
      this.#services.clear()
      this.#count = 0
    }
    let places = this.#services.get(service)
    if (places === undefined) {
      places = new Map()
      this.#services.set(service, places)
    }
    const place = new Place(service, template, this.#tables)
    places.set(template, place)
    this.#count++
    return place
  }
}
