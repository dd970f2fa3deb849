import { ownText } from '../identity/secret-names.ts'
import type { Transaction } from '../model/transaction.ts'

const MAX_NAMES = 16_384
/** Of one path; they are counted as if it had that many. */
const MAX_OPERATIONS = 256
/** Requests of an operation are small; what is larger is not read. */
const MAX_RPC_BODY = 65_536
const MULTIPLEXED = /\/(?:graphql|gql|graph|rpc|json-?rpc)$/i

interface Name {
  readonly key: string
  /** Where the path serves many operations: their keys by the name of the operation. */
  readonly operations: Map<string, string> | null
}

/** A key that was put together last, and where it is found from now on if it turns out to be one of an endpoint. */
interface Fresh {
  readonly service: string
  readonly method: string
  readonly template: string
  readonly name: Name
}

/**
 * The keys of endpoints in the maps of the mapper: service, line feed, method, blank, template, and `#OrderDetail` where a path serves many
 * operations (GraphQL, JSON-RPC). Those of endpoints are found by their template, so that no long text is put together and hashed for
 * each request; those of made-up paths are not kept. A full table starts over.
 */
export class EndpointNames {
  readonly #services = new Map<string, Map<string, Map<string, Name>>>()
  #size = 0
  #fresh: Fresh | null = null

  key(service: string, template: string, tx: Transaction): string {
    const method = tx.method!
    let name = this.#services.get(service)?.get(method)?.get(template)
    if (name === undefined) {
      const multiplexed = method === 'POST' && MULTIPLEXED.test(template)
      name = { key: `${service}\n${method} ${template}`, operations: multiplexed ? new Map() : null }
      this.#fresh = { service, method, template, name }
    } else this.#fresh = null
    if (name.operations === null || tx.requestBodyBytes > MAX_RPC_BODY) return name.key
    const operation = tx.operation ?? null
    if (operation === null) return name.key
    let key = name.operations.get(operation)
    if (key === undefined) {
      key = `${name.key}#${operation}`
      if (name.operations.size >= MAX_OPERATIONS) name.operations.clear()
      name.operations.set(ownText(operation), key)
    }
    return key
  }

  /** What `key` gave last is the key of an established endpoint. */
  keep(): void {
    if (this.#fresh === null) return
    const { service, method, template, name } = this.#fresh
    this.#fresh = null
    if (this.#size >= MAX_NAMES) {
      this.#services.clear()
      this.#size = 0
    }
    this.#size += name.operations === null ? 1 : MAX_OPERATIONS
    let methods = this.#services.get(service)
    if (methods === undefined) {
      methods = new Map()
      this.#services.set(service, methods)
    }
    const names = methods.get(method)
    if (names === undefined) methods.set(method, new Map([[ownText(template), name]]))
    else names.set(ownText(template), name)
  }
}
