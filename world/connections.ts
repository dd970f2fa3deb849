import type { Service } from './estate/operation.ts'
import type { Header } from './exchange.ts'
import { EDGE, INGRESS } from './network.ts'

export interface Hop {
  readonly peer: string
  readonly port: number
  readonly headers: readonly Header[]
}

const FIRST_PORT = 20_000

/**
 * The connections that proxies keep to the services behind them: the callers of a service share few, one after the other,
 * and only headers tell them apart.
 */
export class Connections {
  /** By service: when each connection is free again. */
  readonly #busyUntil = new Map<string, number[]>()
  #turn = 0

  /** Null when the service is reached without a proxy. Calls come in the order of `startUs`. */
  open(service: Service, address: string, startUs: number, endUs: number): Hop | null {
    if (service.entry === 'direct' || service.entry === 'abroad') return null
    let connections = this.#busyUntil.get(service.key)
    if (connections === undefined) {
      connections = []
      this.#busyUntil.set(service.key, connections)
    }
    let index = connections.findIndex((until) => until < startUs)
    if (index < 0) index = connections.length
    connections[index] = endUs
    const turn = this.#turn++
    const edge = EDGE[turn % EDGE.length]!
    const chain = service.entry === 'cdn' ? `${address}, ${edge}` : address
    return {
      peer: INGRESS[index % INGRESS.length]!,
      port: FIRST_PORT + index,
      headers: [
        ['X-Forwarded-For', chain],
        ['X-Forwarded-Proto', 'https'],
      ],
    }
  }
}
