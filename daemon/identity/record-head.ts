import type { Head } from '../http/exchange.ts'
import type { Header } from '../model/transaction.ts'

/** The head of a request that came as a record, for what reads heads of packets. */
export class RecordHead implements Head {
  readonly method: string
  readonly target: string
  readonly status = 0
  readonly version = ''
  readonly latin1 = false
  readonly #headers: readonly Header[]

  constructor(method: string, path: string, query: string, headers: readonly Header[]) {
    this.method = method
    this.target = query === '' ? path : `${path}?${query}`
    this.#headers = headers
  }

  get headerCount(): number {
    return this.#headers.length
  }

  header(name: string): string | null {
    return this.#headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? null
  }

  headerAll(name: string): string[] {
    return this.#headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  }

  headers(): readonly Header[] {
    return this.#headers
  }
}
