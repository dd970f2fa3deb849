/** A header as sent. */
export type Header = readonly [name: string, value: string]

export type Scheme = 'http' | 'https'

/** What really happened: what nobody who only sees the traffic is told. */
export interface Truth {
  /** Name of who made the request. */
  readonly actor: string
  readonly role: string
  readonly service: string
  /** `GET /v1/orders/{order}`; null when the service has nothing of the sort. */
  readonly operation: string | null
  /** Whether something on the wire, in this request or before, ties it to the actor: else only its address can be known. */
  readonly known: boolean
  /** `object.enumeration/stealthy#3`: which attack this is part of. */
  readonly attack: string | null
  /** Name of what looks like an attack and is none. */
  readonly twin: string | null
}

/** One request and its answer, as they are on the wire to the service. Times in microseconds since 1970. */
export interface Exchange {
  readonly startUs: number
  readonly endUs: number
  /** Transport peer of the service: the caller, or a proxy. */
  readonly peer: string
  readonly peerPort: number
  /** Which tap sees it. */
  readonly mirror: string
  readonly server: string
  readonly serverPort: number
  readonly scheme: Scheme
  readonly method: string
  readonly host: string
  readonly path: string
  readonly query: string
  readonly requestHeaders: readonly Header[]
  readonly requestBody: string
  readonly status: number
  readonly responseHeaders: readonly Header[]
  readonly responseBody: string
  /** Of an answer that is no text, in place of it: how long it is; and the same of a request. */
  readonly binaryBytes: number
  readonly uploadBytes: number
  readonly truth: Truth
}
