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

/**
 * The keys of endpoints in the maps of the mapper: service, line feed, method, blank, template, and `#OrderDetail` where a path serves many
 * operations (GraphQL, JSON-RPC). Those used before are found by their template, so that no long text is put together and hashed for each
 * request. A full table starts over.
 */
export class EndpointNames {
  readonly #services = new Map<string, Map<string, Map<string, Name>>>()
  #size = 0

  key(service: string, template: string, tx: Transaction): string {
    const method = tx.method!
    let name = this.#services.get(service)?.get(method)?.get(template)
    if (name === undefined) {
      const multiplexed = method === 'POST' && MULTIPLEXED.test(template)
      name = { key: `${service}\n${method} ${template}`, operations: multiplexed ? new Map() : null }
      this.#add(service, method, template, name)
    }
    if (name.operations === null || tx.requestBodyBytes > MAX_RPC_BODY) return name.key
    const operation = tx.operation ?? null
    if (operation === null) return name.key
    let key = name.operations.get(operation)
    if (key === undefined) {
      key = `${name.key}#${operation}`
      if (name.operations.size >= MAX_OPERATIONS) name.operations.clear()
      name.operations.set(operation, key)
    }
    return key
  }

  #add(service: string, method: string, template: string, name: Name): void {
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
    if (names === undefined) methods.set(method, new Map([[template, name]]))
    else names.set(template, name)
  }
}
