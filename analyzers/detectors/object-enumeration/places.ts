/** An endpoint, one object for all who reach it. */
export interface Place {
  readonly service: string
  readonly template: string
  readonly key: string
}

/** Finds the object of an endpoint. At most `limit` at once: then it begins anew, and those who hold one keep it. */
export class Places {
  readonly #limit: number
  readonly #services = new Map<string, Map<string, Place>>()
  #count = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  of(service: string, template: string): Place {
    return this.#services.get(service)?.get(template) ?? this.#add(service, template)
  }

  #add(service: string, template: string): Place {
    if (this.#count >= this.#limit) {
      this.#services.clear()
      this.#count = 0
    }
    let places = this.#services.get(service)
    if (places === undefined) {
      places = new Map()
      this.#services.set(service, places)
    }
    const place = { service, template, key: `${service} ${template}` }
    places.set(template, place)
    this.#count++
    return place
  }
}
