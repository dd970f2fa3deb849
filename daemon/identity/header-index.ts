import type { Header } from '../model/transaction.ts'

/** Names as they are sent that are remembered; then they are learnt anew. */
const MAX_NAMES = 4096
const MAX_NAME = 256
const OTHER = -1
const NONE: readonly Header[] = []

/**
 * Where the headers that somebody asks for stand in a list: one pass for all of them, since a record has twenty headers and a
 * dozen questions. What a name is in lower case is remembered, for the same few dozen come again. Serves one list at a time.
 */
export class HeaderIndex {
  /** Lower-case name to its place in `#first` and `#last`. */
  readonly #wanted: ReadonlyMap<string, number>
  readonly #places = new Map<string, number>()
  readonly #first: Int16Array
  readonly #last: Int16Array
  #headers: readonly Header[] = NONE

  /** `names`: all that will be asked for, lower-case. */
  constructor(names: readonly string[]) {
    this.#wanted = new Map([...new Set(names)].map((name, place) => [name, place]))
    this.#first = new Int16Array(this.#wanted.size)
    this.#last = new Int16Array(this.#wanted.size)
  }

  /** From now on answers are about these, at most 32,767. */
  read(headers: readonly Header[]): void {
    this.#headers = headers
    this.#first.fill(-1)
    for (let at = 0; at < headers.length; at++) {
      const name = headers[at]![0]
      const place = this.#places.get(name) ?? this.#learn(name)
      if (place === OTHER) continue
      if (this.#first[place]! < 0) this.#first[place] = at
      this.#last[place] = at
    }
  }

  first(name: string): string | null {
    const at = this.#first[this.#placeOf(name)]!
    return at < 0 ? null : this.#headers[at]![1]
  }

  last(name: string): string | null {
    const place = this.#placeOf(name)
    return this.#first[place]! < 0 ? null : this.#headers[this.#last[place]!]![1]
  }

  /** Every value of that name, in order. */
  values(name: string): string[] {
    const place = this.#placeOf(name)
    const first = this.#first[place]!
    if (first < 0) return []
    const values = [this.#headers[first]![1]]
    for (let at = first + 1; at <= this.#last[place]!; at++) {
      const header = this.#headers[at]!
      if (this.#places.get(header[0]) === place || header[0].toLowerCase() === name) values.push(header[1])
    }
    return values
  }

  joined(name: string, separator: string): string | null {
    const place = this.#placeOf(name)
    const first = this.#first[place]!
    if (first < 0) return null
    return first === this.#last[place] ? this.#headers[first]![1] : this.values(name).join(separator)
  }

  #placeOf(name: string): number {
    const place = this.#wanted.get(name)
    if (place === undefined) throw new Error(`nobody said that ${name} would be asked for`)
    return place
  }

  #learn(name: string): number {
    const place = this.#wanted.get(name.toLowerCase()) ?? OTHER
    if (name.length > MAX_NAME) return place
    if (this.#places.size >= MAX_NAMES) this.#places.clear()
    this.#places.set(name, place)
    return place
  }
}
