import { TimeHeap } from '../heap.ts'
import type { Operation, Service } from './operation.ts'

/** What is written about services, by a file each. */
export interface WrittenApi {
  readonly file: string
  /** OpenAPI 3.1, as JSON. */
  readonly text: string
}

interface Edit {
  readonly service: Service
  /** `GET /v1/orders/{order}` */
  readonly operation: string
  readonly isThere: boolean
}

/**
 * The descriptions that teams keep of their services, in step with what they release or behind it. Of an interface of operations, that
 * is: pages have none, JSON-RPC has another kind, and those of other companies are none of ours.
 */
export class Descriptions {
  readonly #written = new Map<Service, Set<string>>()
  readonly #edits = new TimeHeap<Edit>()

  constructor(services: Iterable<Service>) {
    for (const service of services) {
      if (service.entry === 'abroad' || service.rpc === 'jsonrpc' || service.operations.some(isPage)) continue
      this.#written.set(service, new Set(service.operations.map(nameOf)))
    }
  }

  /** From that time on an operation is described, or no longer. Of a service that nobody describes: nothing. */
  edit(service: Service, operation: string, isThere: boolean, atUs: number): void {
    if (this.#written.has(service)) this.#edits.push(atUs, { service, operation, isThere })
  }

  has(service: Service): boolean {
    return this.#written.has(service)
  }

  /** When something is written next; Infinity when nothing is planned. */
  get next(): number {
    return this.#edits.next
  }

  /** All files, as they are at a time. Times only go on. */
  at(nowUs: number): WrittenApi[] {
    while (this.#edits.next <= nowUs) {
      const { service, operation, isThere } = this.#edits.pop()
      const operations = this.#written.get(service)!
      if (isThere) operations.add(operation)
      else operations.delete(operation)
    }
    return [...this.#written].map(([service, operations]) => writtenOf(service, operations))
  }
}

/** As its description names it: GraphQL has one operation for all that it can do. */
export function nameOf({ method, template }: Operation): string {
  return `${method} ${template.slice(method.length + 1).split('#')[0]}`
}

/** A front of pages shows its front page. */
function isPage({ template }: Operation): boolean {
  return template === 'GET /'
}

function writtenOf({ key, host }: Service, operations: ReadonlySet<string>): WrittenApi {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of operations) {
    const [method, path] = operation.split(' ') as [string, string]
    paths[path] = { ...paths[path], [method.toLowerCase()]: { responses: { default: { description: 'its answer' } } } }
  }
  const document = {
    openapi: '3.1.0',
    info: { title: key, version: '1' },
    servers: [{ url: `https://${host}` }],
    paths,
  }
  return { file: `${key}.openapi.json`, text: JSON.stringify(document) }
}
